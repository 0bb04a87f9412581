// See listeners.h. The protocol: sock_diag(7), linux/inet_diag.h.
#include "sensor/listeners.h"

#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <bitset>
#include <cerrno>

#include "sensor/netlink.h"

namespace tidegate {
namespace {

using PortSet = std::bitset<65536>;

// Adds the ports of that family's sockets which wait for anybody: a listening TCP socket, a UDP socket without a peer.
Result<> add_waiting(Protocol protocol, int family, PortSet& ports) {
  const bool tcp = protocol == Protocol::tcp;
  struct {
    nlmsghdr header{};
    inet_diag_req_v2 query{};
  } request;
  request.header = {.nlmsg_len = sizeof request,
                    .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                    .nlmsg_seq = 1,
                    .nlmsg_pid = 0};
  request.query.sdiag_family = static_cast<std::uint8_t>(family);
  request.query.sdiag_protocol = tcp ? IPPROTO_TCP : IPPROTO_UDP;
  request.query.idiag_states = 1u << (tcp ? TCP_LISTEN : TCP_CLOSE);
  const auto answered = ask_kernel(fmt::format("list {} sockets", to_string(protocol)), NETLINK_SOCK_DIAG,
                                   std::as_bytes(std::span{&request, 1}), [&](const nlmsghdr& message) {
                                     if (message.nlmsg_len < NLMSG_LENGTH(sizeof(inet_diag_msg))) return;
                                     const auto& socket = *static_cast<const inet_diag_msg*>(NLMSG_DATA(&message));
                                     ports.set(ntohs(socket.id.idiag_sport));
                                   });
  // A kernel without IPv6 has none of its sockets.
  if (!answered && answered.error().code == ENOENT && family == AF_INET6) return {};
  return answered;
}

Result<PortSet> waiting(Protocol protocol) {
  PortSet ports;
  for (const int family : {AF_INET, AF_INET6}) {
    if (const auto added = add_waiting(protocol, family, ports); !added) return std::unexpected{added.error()};
  }
  return ports;
}

}  // namespace

Result<std::vector<bool>> ports_in_use(std::span<const PortRange> ports) {
  std::vector<bool> in_use(ports.size());
  for (const auto protocol : {Protocol::tcp, Protocol::udp}) {
    if (std::ranges::none_of(ports, [&](const PortRange& p) { return p.protocol == protocol; })) continue;
    const auto waits = waiting(protocol);
    if (!waits) return std::unexpected{waits.error()};
    for (std::size_t i = 0; i < ports.size(); ++i) {
      if (ports[i].protocol != protocol) continue;
      for (std::size_t port = ports[i].first; port <= ports[i].last; ++port) {
        if (waits->test(port)) in_use[i] = true;
      }
    }
  }
  return in_use;
}

}  // namespace tidegate
