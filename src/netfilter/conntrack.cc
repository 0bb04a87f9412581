#include "netfilter/conntrack.h"

#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack_tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <memory>
#include <span>
#include <utility>

namespace tidegate {

namespace {

using Handle = std::unique_ptr<nfct_handle, decltype([](nfct_handle* handle) { nfct_close(handle); })>;
using Tracked = std::unique_ptr<nf_conntrack, decltype([](nf_conntrack* tracked) { nfct_destroy(tracked); })>;
using DumpFilter =
    std::unique_ptr<nfct_filter_dump, decltype([](nfct_filter_dump* filter) { nfct_filter_dump_destroy(filter); })>;

Handle open_conntrack() {
  Handle handle{nfct_open(CONNTRACK, 0)};
  if (!handle) return handle;
  const timeval limit{.tv_sec = 1, .tv_usec = 0};
  ::setsockopt(nfct_fd(handle.get()), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  return handle;
}

struct EndAttributes {
  nf_conntrack_attr v4;
  nf_conntrack_attr v6;
  nf_conntrack_attr port;
};
constexpr EndAttributes kClient{ATTR_ORIG_IPV4_SRC, ATTR_ORIG_IPV6_SRC, ATTR_ORIG_PORT_SRC};
constexpr EndAttributes kListen{ATTR_ORIG_IPV4_DST, ATTR_ORIG_IPV6_DST, ATTR_ORIG_PORT_DST};
constexpr EndAttributes kTarget{ATTR_REPL_IPV4_SRC, ATTR_REPL_IPV6_SRC, ATTR_REPL_PORT_SRC};
constexpr EndAttributes kSource{ATTR_REPL_IPV4_DST, ATTR_REPL_IPV6_DST, ATTR_REPL_PORT_DST};

Endpoint end_of(const nf_conntrack* tracked, bool v6, const EndAttributes& attributes) {
  Endpoint end{.address = {}, .port = ntohs(nfct_get_attr_u16(tracked, attributes.port))};
  const auto* const bytes =
      static_cast<const std::uint8_t*>(nfct_get_attr(tracked, v6 ? attributes.v6 : attributes.v4));
  if (bytes == nullptr) return end;
  end.address = v6 ? IpAddress::v6(std::span<const std::uint8_t, 16>{bytes, 16})
                   : IpAddress::v4(std::span<const std::uint8_t, 4>{bytes, 4});
  return end;
}

bool has_ended(std::uint8_t tcp_state) {
  return tcp_state == TCP_CONNTRACK_TIME_WAIT || tcp_state == TCP_CONNTRACK_CLOSE || tcp_state == TCP_CONNTRACK_NONE;
}

int take_connection(nf_conntrack_msg_type, nf_conntrack* tracked, void* data) {
  const bool v6 = nfct_get_attr_u8(tracked, ATTR_ORIG_L3PROTO) == AF_INET6;
  const auto number = nfct_get_attr_u8(tracked, ATTR_ORIG_L4PROTO);
  static_cast<std::vector<TrackedConnection>*>(data)->push_back(
      {.protocol = number == IPPROTO_TCP   ? Protocol::tcp
                   : number == IPPROTO_UDP ? Protocol::udp
                                           : Protocol::other,
       .mark = nfct_get_attr_u32(tracked, ATTR_MARK),
       .open = number != IPPROTO_TCP || !has_ended(nfct_get_attr_u8(tracked, ATTR_TCP_STATE)),
       .client = end_of(tracked, v6, kClient),
       .listen = end_of(tracked, v6, kListen),
       .target = end_of(tracked, v6, kTarget),
       .source = end_of(tracked, v6, kSource)});
  return NFCT_CB_CONTINUE;
}

void set_end(nf_conntrack* tracked, const Endpoint& end, const EndAttributes& attributes) {
  nfct_set_attr(tracked, end.address.is_v6() ? attributes.v6 : attributes.v4, end.address.bytes().data());
  nfct_set_attr_u16(tracked, attributes.port, htons(end.port));
}

}  // namespace

Result<std::vector<TrackedConnection>> tracked_connections(std::uint32_t mark, std::uint32_t mask) {
  std::vector<TrackedConnection> connections;
  const Handle handle = open_conntrack();
  const DumpFilter filter{nfct_filter_dump_create()};
  if (!handle || !filter) return system_failure("read the tracked connections");
  const nfct_filter_dump_mark wanted{.val = mark, .mask = mask};
  nfct_filter_dump_set_attr(filter.get(), NFCT_FILTER_DUMP_MARK, &wanted);
  nfct_filter_dump_set_attr_u8(filter.get(), NFCT_FILTER_DUMP_L3NUM, AF_UNSPEC);
  nfct_callback_register(handle.get(), NFCT_T_ALL, &take_connection, &connections);
  if (nfct_query(handle.get(), NFCT_Q_DUMP_FILTER, filter.get()) < 0) {
    return system_failure("read the tracked connections");
  }
  return connections;
}

Result<> forget_connections(const std::vector<TrackedConnection>& connections) {
  if (connections.empty()) return {};
  const Handle handle = open_conntrack();
  if (!handle) return system_failure("forget tracked connections");
  for (const auto& connection : connections) {
    const Tracked tracked{nfct_new()};
    if (!tracked) return system_failure("forget tracked connections", ENOMEM);
    nfct_set_attr_u8(tracked.get(), ATTR_ORIG_L3PROTO, connection.client.address.is_v6() ? AF_INET6 : AF_INET);
    nfct_set_attr_u8(tracked.get(), ATTR_ORIG_L4PROTO,
                     connection.protocol == Protocol::tcp ? IPPROTO_TCP : IPPROTO_UDP);
    set_end(tracked.get(), connection.client, kClient);
    set_end(tracked.get(), connection.listen, kListen);
    if (nfct_query(handle.get(), NFCT_Q_DESTROY, tracked.get()) < 0 && errno != ENOENT) {
      return system_failure("forget tracked connections");
    }
  }
  return {};
}

}  // namespace tidegate
