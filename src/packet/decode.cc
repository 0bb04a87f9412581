// See decode.h. The layers: link.cc, network.cc, transport.cc.
#include "packet/decode.h"

#include <algorithm>

#include "packet/link.h"
#include "packet/network.h"
#include "packet/numbers.h"

namespace tidegate::packet {

std::optional<LinkType> link_type(int number) {
  for (const auto link : {LinkType::null, LinkType::ethernet, LinkType::raw, LinkType::raw_101, LinkType::loop,
                          LinkType::linux_sll, LinkType::ipv4, LinkType::ipv6, LinkType::linux_sll2}) {
    if (number == static_cast<int>(link)) return link;
  }
  return std::nullopt;
}

std::string_view to_string(Reject reject) {
  switch (reject) {
    case Reject::cut_link:
      return "capture cut inside the link header";
    case Reject::cut_vlan:
      return "capture cut inside a VLAN tag";
    case Reject::too_many_vlans:
      return "more than two VLAN tags";
    case Reject::cut_arp:
      return "capture cut inside the ARP message";
    case Reject::bad_arp:
      return "not an ARP request or reply for IPv4 over Ethernet";
    case Reject::cut_ip:
      return "capture cut inside the IP header";
    case Reject::bad_ip_version:
      return "not the IP version that was announced";
    case Reject::bad_ip_length:
      return "an IP length that cannot be";
    case Reject::cut_extension:
      return "capture cut inside an IP extension header";
    case Reject::too_many_extensions:
      return "more than eight IP extension headers";
    case Reject::cut_transport:
      return "capture cut inside the transport header";
    case Reject::bad_transport_length:
      return "a transport length that cannot be";
    case Reject::unknown_link:
      return "a link type that is not read";
  }
  return "unknown reason";
}

std::expected<Headers, Reject> decode(std::span<const std::uint8_t> frame, LinkType link, std::uint32_t wire_length) {
  std::expected<Headers, Reject>
      result;  // filled where it is returned: a copy would take as long as much of the reading
  Headers& headers = *result;
  Rest rest{frame, std::max(wire_length, static_cast<std::uint32_t>(frame.size()))};
  const auto network = read_link(rest, link, headers);
  Fault fault;
  if (!network) {
    result = std::unexpected{network.error()};
    return result;
  }
  switch (*network) {
    case ethertype::kIpv4:
      fault = read_ipv4(rest, headers);
      break;
    case ethertype::kIpv6:
      fault = read_ipv6(rest, headers);
      break;
    case ethertype::kArp:
      fault = read_arp(rest, headers);
      break;
    default:
      headers.ip_bytes = rest.sent();
      break;
  }
  if (fault) result = std::unexpected{*fault};
  return result;
}

std::span<const std::uint8_t> captured_payload(const Headers& headers, std::span<const std::uint8_t> frame) {
  if (headers.payload_at >= frame.size()) return {};
  const auto rest = frame.subspan(headers.payload_at);
  return rest.first(std::min<std::size_t>(rest.size(), headers.payload));
}

Sample to_sample(const Headers& headers, Now at) {
  return {.at = at,
          .flow = {.source = {.address = headers.source, .port = headers.source_port},
                   .destination = {.address = headers.destination, .port = headers.destination_port},
                   .protocol = headers.protocol},
          .direction = headers.direction,
          .cast = headers.cast,
          .tcp_flags = headers.tcp_flags,
          .icmp_type = headers.icmp_type,
          .bytes = headers.ip_bytes,
          .payload = headers.payload,
          .interface = headers.interface};
}

}  // namespace tidegate::packet
