// See nflog_socket.h. The kernel's side: net/netfilter/nfnetlink_log.c.
#include "sensor/nflog_socket.h"

#include <arpa/inet.h>
#include <libnetfilter_log/libnetfilter_log.h>
#include <linux/netfilter/nfnetlink_log.h>

#include <array>
#include <cerrno>

#include "base/log.h"

namespace tidegate {
namespace {

constexpr std::size_t kRequestBytes = 256;
constexpr int kTries = 3;
constexpr std::uint8_t kNoFamily = 255;

void put_delivery(nlmsghdr* request, const NflogDelivery& delivery) {
  ::nflog_attr_put_cfg_mode(request, NFULNL_COPY_PACKET, static_cast<std::uint32_t>(delivery.copy_bytes));
  ::mnl_attr_put_u32(request, NFULA_CFG_NLBUFSIZ, htonl(delivery.batch_bytes));
  ::mnl_attr_put_u32(request, NFULA_CFG_TIMEOUT, htonl(delivery.hundredths));
  ::mnl_attr_put_u32(request, NFULA_CFG_QTHRESH, htonl(delivery.threshold));
  ::mnl_attr_put_u16(request, NFULA_CFG_FLAGS, htons(NFULNL_CFG_F_SEQ));
}

}  // namespace

Result<std::unique_ptr<NflogSocket>> NflogSocket::open(int buffer_bytes) {
  auto socket = NetfilterSocket::open("nflog", buffer_bytes);
  if (!socket) return std::unexpected{std::move(socket.error())};
  return std::unique_ptr<NflogSocket>{new NflogSocket{std::move(*socket)}};
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
    if (command == Command::bind && !again) ::nflog_attr_put_cfg_cmd(message, NFULNL_CFG_CMD_BIND);
    if (command == Command::unbind) ::nflog_attr_put_cfg_cmd(message, NFULNL_CFG_CMD_UNBIND);
    if (delivery != nullptr) put_delivery(message, *delivery);
    return message;
  };
  int error = ENOBUFS;
  for (int tried = 0; tried < kTries && error == ENOBUFS; ++tried) {
    error = socket_->ask(request(false));
    // Bound already by this very socket: the answer to an earlier try was lost.
    if (error == EBUSY && command == Command::bind && tried > 0) error = socket_->ask(request(true));
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

// Asks for something that nobody can be given: who has the right to ask hears that it is wrong.
bool NflogSocket::may_configure() {
  alignas(nlmsghdr) std::array<char, kRequestBytes> buffer{};
  auto* const request = ::nflog_nlmsg_put_header(buffer.data(), NFULNL_MSG_CONFIG, kNoFamily, 0);
  ::nflog_attr_put_cfg_cmd(request, NFULNL_CFG_CMD_PF_BIND);
  return socket_->ask(request) != EPERM;
}

}  // namespace tidegate
