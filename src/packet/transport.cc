// See transport.h.
#include "packet/transport.h"

#include <algorithm>

#include "packet/numbers.h"

namespace tidegate::packet {
namespace {

Protocol protocol_of(const Headers& headers) {
  switch (headers.next_header) {
    case next_header::kTcp:
      return Protocol::tcp;
    case next_header::kUdp:
      return Protocol::udp;
    case next_header::kIcmp:
      return headers.ip_version == 4 ? Protocol::icmp : Protocol::other;
    case next_header::kIcmp6:
      return headers.ip_version == 6 ? Protocol::icmp6 : Protocol::other;
    default:
      return Protocol::other;
  }
}

Fault read_tcp(Rest rest, Headers& headers) {
  const auto header = rest.take<20>();
  if (!header) return rest.missing(20, Reject::bad_transport_length, Reject::cut_transport);
  const auto header_bytes = ((*header)[12] >> 4) * 4u;
  if (header_bytes < 20 || header_bytes - 20 > rest.sent()) return Reject::bad_transport_length;
  headers.source_port = be16<0>(*header);
  headers.destination_port = be16<2>(*header);
  headers.tcp_sequence = be32<4>(*header);
  headers.tcp_acknowledgement = be32<8>(*header);
  headers.tcp_flags = (*header)[13];
  headers.payload = rest.sent() - (header_bytes - 20);
  headers.payload_at = rest.at() + (header_bytes - 20);
  return {};
}

Fault read_udp(Rest rest, Fragment fragment, Headers& headers) {
  const auto sent = rest.sent();
  const auto header = rest.take<8>();
  if (!header) return rest.missing(8, Reject::bad_transport_length, Reject::cut_transport);
  std::uint32_t length = be16<4>(*header);
  if (length == 0 && sent > 0xffff) length = sent;  // RFC 2675, section 4
  // The length is the whole datagram's, of which a first fragment holds a part.
  if (length < 8 || (length > sent && !fragment.more)) return Reject::bad_transport_length;
  headers.source_port = be16<0>(*header);
  headers.destination_port = be16<2>(*header);
  headers.payload = std::min(length, sent) - 8;
  headers.payload_at = rest.at();
  return {};
}

Fault read_icmp(Rest rest, Headers& headers) {
  const auto header = rest.take<4>();
  if (!header) return rest.missing(4, Reject::bad_transport_length, Reject::cut_transport);
  headers.icmp_type = (*header)[0];
  return {};
}

}  // namespace

Fault read_transport(Rest rest, Fragment fragment, Headers& headers) {
  headers.protocol = protocol_of(headers);
  headers.later_fragment = fragment.later;
  const bool has_ports = headers.protocol == Protocol::tcp || headers.protocol == Protocol::udp;
  if (fragment.later) {
    if (has_ports) headers.payload = rest.sent();
    return {};
  }
  switch (headers.protocol) {
    case Protocol::tcp:
      return read_tcp(rest, headers);
    case Protocol::udp:
      return read_udp(rest, fragment, headers);
    case Protocol::icmp:
    case Protocol::icmp6:
      return read_icmp(rest, headers);
    case Protocol::arp:
    case Protocol::other:
      break;
  }
  return {};
}

}  // namespace tidegate::packet
