// See socket.h. The kernel's side: net/netfilter/nfnetlink.c. It carries a request out, and queues its answer, before
// send(2) returns; so an answer is there at once or, where the receive buffer was full, not at all.
#include "netfilter/socket.h"

#include <linux/netlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <optional>

namespace tidegate {
namespace {

constexpr std::size_t kDatagramBytes = (64 << 10) + 4096;  // a packet of 64 KiB with what is said of it
constexpr std::size_t kMostPutOff = 4096;  // datagrams; what comes on top is lost, and missed in nflog's numbers

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

NetfilterSocket::NetfilterSocket(std::string name, Fd socket, int buffer_bytes)
    : name_{std::move(name)}, socket_{std::move(socket)}, buffer_bytes_{buffer_bytes}, datagram_(kDatagramBytes) {}

Result<std::unique_ptr<NetfilterSocket>> NetfilterSocket::open(std::string name, int buffer_bytes) {
  Fd socket{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER)};
  if (!socket && errno == EPROTONOSUPPORT)
    return failure("{}: this kernel has no nfnetlink (CONFIG_NETFILTER_NETLINK)", name);
  if (!socket) return system_failure(name + ": open a netlink socket");
  const sockaddr_nl anywhere{.nl_family = AF_NETLINK, .nl_pad = 0, .nl_pid = 0, .nl_groups = 0};
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&anywhere), sizeof anywhere) != 0) {
    return system_failure(name + ": bind a netlink socket");
  }
  const int given = size_buffer(socket.get(), buffer_bytes);
  return std::unique_ptr<NetfilterSocket>{new NetfilterSocket{std::move(name), std::move(socket), given}};
}

int NetfilterSocket::ask(nlmsghdr* request) {
  request->nlmsg_flags |= NLM_F_ACK;
  request->nlmsg_seq = ++last_request_;
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

Result<> NetfilterSocket::send(std::span<const char> messages) {
  while (::send(socket_.get(), messages.data(), messages.size(), 0) < 0) {
    if (errno != EINTR) return system_failure(name_ + ": send");
  }
  return {};
}

Result<int> NetfilterSocket::read(int most, const std::function<void(const nlmsghdr&)>& each) {
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
      return system_failure(name_ + ": read");
    }
  }
  return count;
}

}  // namespace tidegate
