// See nflog_socket.h. The kernel's side: net/netfilter/nfnetlink_log.c. It carries a request out, and queues its
// answer, before send(2) returns; so an answer is there at once or, where the receive buffer was full, not at all.
#include "sensor/nflog_socket.h"

#include <arpa/inet.h>
#include <libnetfilter_log/libnetfilter_log.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <optional>

#include "base/log.h"

namespace tidegate {
namespace {

constexpr std::size_t kDatagramBytes = 64 << 10;  // more than the kernel puts into one, by the settings it is given
constexpr std::size_t kRequestBytes = 256;
constexpr int kTries = 3;
constexpr std::size_t kMostPutOff = 4096;  // datagrams; what comes on top is missed in its group's sequence
constexpr std::uint8_t kNoFamily = 255;

// A receive buffer of so many bytes, as far as it is allowed; how many there are now.
int size_buffer(int socket, int bytes) {
  if (::setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0) {
    ::setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  }
  int given = 0;
  socklen_t size = sizeof given;
  ::getsockopt(socket, SOL_SOCKET, SO_RCVBUF, &given, &size);
  return given / 2;  // the kernel doubles what it is asked for, for its own needs
}

void put_delivery(nlmsghdr* request, const NflogDelivery& delivery) {
  ::nflog_attr_put_cfg_mode(request, NFULNL_COPY_PACKET, static_cast<std::uint32_t>(delivery.copy_bytes));
  ::mnl_attr_put_u32(request, NFULA_CFG_NLBUFSIZ, htonl(delivery.batch_bytes));
  ::mnl_attr_put_u32(request, NFULA_CFG_TIMEOUT, htonl(delivery.hundredths));
  ::mnl_attr_put_u32(request, NFULA_CFG_QTHRESH, htonl(delivery.threshold));
  ::mnl_attr_put_u16(request, NFULA_CFG_FLAGS, htons(NFULNL_CFG_F_SEQ));
}

// The errno in the answer to request `number`, 0 for done; nothing: the datagram is something else.
std::optional<int> answer_to(std::uint32_t number, std::span<const char> datagram) {
  const auto* const message = reinterpret_cast<const nlmsghdr*>(datagram.data());
  if (!::mnl_nlmsg_ok(message, static_cast<int>(datagram.size())) || message->nlmsg_type != NLMSG_ERROR ||
      message->nlmsg_seq != number || ::mnl_nlmsg_get_payload_len(message) < sizeof(nlmsgerr)) {
    return std::nullopt;
  }
  return -static_cast<const nlmsgerr*>(::mnl_nlmsg_get_payload(message))->error;
}

void each_message(std::span<const char> datagram, const std::function<void(const nlmsghdr&)>& each) {
  int left = static_cast<int>(datagram.size());
  for (const auto* message = reinterpret_cast<const nlmsghdr*>(datagram.data()); ::mnl_nlmsg_ok(message, left);
       message = ::mnl_nlmsg_next(message, &left)) {
    each(*message);
  }
}

}  // namespace

NflogSocket::NflogSocket(Fd socket, int buffer_bytes)
    : socket_{std::move(socket)}, buffer_bytes_{buffer_bytes}, datagram_(kDatagramBytes) {}

Result<std::unique_ptr<NflogSocket>> NflogSocket::open(int buffer_bytes) {
  Fd socket{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER)};
  if (!socket && errno == EPROTONOSUPPORT)
    return failure("nflog: this kernel has no nfnetlink (CONFIG_NETFILTER_NETLINK)");
  if (!socket) return system_failure("nflog: open a netlink socket");
  const sockaddr_nl anywhere{.nl_family = AF_NETLINK, .nl_pad = 0, .nl_pid = 0, .nl_groups = 0};
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&anywhere), sizeof anywhere) != 0) {
    return system_failure("nflog: bind a netlink socket");
  }
  const int given = size_buffer(socket.get(), buffer_bytes);
  return std::unique_ptr<NflogSocket>{new NflogSocket{std::move(socket), given}};
}

Result<> NflogSocket::bind(std::uint16_t group, const NflogDelivery& delivery) {
  return ask(group, Command::bind, &delivery);
}

Result<> NflogSocket::set_delivery(std::uint16_t group, const NflogDelivery& delivery) {
  return ask(group, Command::none, &delivery);
}

void NflogSocket::unbind(std::uint16_t group) {
  if (const auto done = ask(group, Command::unbind, nullptr); !done) log::debug("{}", done.error().what);
}

Result<> NflogSocket::ask(std::uint16_t group, Command command, const NflogDelivery* delivery) {
  alignas(nlmsghdr) std::array<char, kRequestBytes> buffer{};
  const auto request = [&](bool again) {
    auto* const message = ::nflog_nlmsg_put_header(buffer.data(), NFULNL_MSG_CONFIG, AF_UNSPEC, group);
    message->nlmsg_flags |= NLM_F_ACK;
    message->nlmsg_seq = ++last_request_;
    if (command == Command::bind && !again) ::nflog_attr_put_cfg_cmd(message, NFULNL_CFG_CMD_BIND);
    if (command == Command::unbind) ::nflog_attr_put_cfg_cmd(message, NFULNL_CFG_CMD_UNBIND);
    if (delivery != nullptr) put_delivery(message, *delivery);
    return message;
  };
  int error = ENOBUFS;
  for (int tried = 0; tried < kTries && error == ENOBUFS; ++tried) {
    error = send_and_wait(request(false));
    // Bound already by this very socket: the answer to an earlier try was lost.
    if (error == EBUSY && command == Command::bind && tried > 0) error = send_and_wait(request(true));
  }
  const auto name = fmt::format("nflog group {}", group);
  switch (error) {
    case 0:
      return {};
    case EPERM:  // of two meanings
    case EBUSY:
      if (error == EBUSY || may_configure()) {
        return std::unexpected{
            Error{fmt::format("{}: {}: another program listens to it", name, std::strerror(EBUSY)), EBUSY}};
      }
      return std::unexpected{Error{fmt::format("{}: {} (needs CAP_NET_ADMIN)", name, std::strerror(EPERM)), EPERM}};
    case EINVAL:
    case EOPNOTSUPP:
      return failure("{}: this kernel does not log to programs (CONFIG_NETFILTER_NETLINK_LOG, module nfnetlink_log)",
                     name);
    default:
      return system_failure(name, error);
  }
}

// The errno in the kernel's answer, 0 for done. ENOBUFS: the answer was lost. Packets that lie before it are kept.
int NflogSocket::send_and_wait(nlmsghdr* request) {
  if (::send(socket_.get(), request, request->nlmsg_len, 0) < 0) return errno;
  std::vector<char> datagram(kDatagramBytes);
  while (true) {
    const auto size = ::recv(socket_.get(), datagram.data(), datagram.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == ENOBUFS) {
      ++overruns_;
      continue;
    }
    if (size < 0) return errno == EAGAIN ? ENOBUFS : errno;
    const std::span got{datagram.data(), static_cast<std::size_t>(size)};
    if (const auto answer = answer_to(request->nlmsg_seq, got)) return *answer;
    if (put_off_.size() < kMostPutOff) put_off_.emplace_back(got.begin(), got.end());
  }
}

// Asks for something that nobody can be given: who has the right to ask hears that it is wrong.
bool NflogSocket::may_configure() {
  alignas(nlmsghdr) std::array<char, kRequestBytes> buffer{};
  auto* const request = ::nflog_nlmsg_put_header(buffer.data(), NFULNL_MSG_CONFIG, kNoFamily, 0);
  request->nlmsg_flags |= NLM_F_ACK;
  request->nlmsg_seq = ++last_request_;
  ::nflog_attr_put_cfg_cmd(request, NFULNL_CFG_CMD_PF_BIND);
  return send_and_wait(request) != EPERM;
}

Result<int> NflogSocket::read(int most, const std::function<void(const nlmsghdr&)>& each) {
  int count = 0;
  for (; count < most; ++count) {
    if (!put_off_.empty()) {
      const auto datagram = std::move(put_off_.front());
      put_off_.pop_front();
      each_message(datagram, each);
      continue;
    }
    const auto size = ::recv(socket_.get(), datagram_.data(), datagram_.size(), 0);
    if (size >= 0) {
      each_message({datagram_.data(), static_cast<std::size_t>(size)}, each);
    } else if (errno == ENOBUFS) {
      ++overruns_;
    } else if (errno == EAGAIN) {
      return count;
    } else if (errno != EINTR) {
      return system_failure("nflog: read");
    }
  }
  return count;
}

}  // namespace tidegate
