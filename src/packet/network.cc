// See network.h. Lengths are those that the headers give, held against the length on the wire: padding behind a packet
// is not part of it, and a packet longer than its frame is malformed.
#include "packet/network.h"

#include "packet/numbers.h"
#include "packet/transport.h"

namespace tidegate::packet {
namespace {

constexpr std::uint32_t kArpBytes = 28;  // for Ethernet and IPv4
constexpr int kMostExtensions = 8;       // as many as RFC 8504, section 5.3 lets a host insist on

// Whether the packet can hold its fixed header, and says that it is of this version, as its link header promised.
Fault check_start(const Rest& rest, std::uint32_t header_bytes, std::uint8_t version) {
  if (rest.sent() < header_bytes) return Reject::bad_ip_length;
  const auto first = rest.peek<1>();
  if (first && (*first)[0] >> 4 != version) return Reject::bad_ip_version;
  return {};
}

void enter_destination_cast(Headers& headers) {
  if (headers.cast != Cast::unicast) return;  // the link layer knows better
  if (headers.destination.is_multicast()) headers.cast = Cast::multicast;
  if (headers.destination.is_broadcast()) headers.cast = Cast::broadcast;
}

bool is_extension(const Headers& headers) {
  switch (headers.next_header) {
    case next_header::kAuthentication:
      return true;  // goes with IPv4 as well
    case next_header::kHopByHop:
    case next_header::kRouting:
    case next_header::kFragment:
    case next_header::kDestinationOptions:
    case next_header::kMobility:
    case next_header::kHip:
    case next_header::kShim6:
      return headers.ip_version == 6;
    default:
      return false;
  }
}

// The whole length of an extension header, from its length field, whose unit depends on its kind.
std::uint32_t extension_bytes(std::uint8_t kind, std::uint8_t length) {
  switch (kind) {
    case next_header::kFragment:
      return 8;
    case next_header::kAuthentication:
      return (length + 2u) * 4;  // RFC 4302, section 2.2
    default:
      return (length + 1u) * 8;
  }
}

// Takes extension headers off until headers.next_header is none, or one in a later fragment, which is not there.
Fault read_extensions(Rest& rest, Fragment& fragment, Headers& headers) {
  for (int count = 0; is_extension(headers); ++count) {
    if (count == kMostExtensions) return Reject::too_many_extensions;
    const auto kind = headers.next_header;
    const auto start = rest.take<8>();
    if (!start) return rest.missing(8, Reject::bad_ip_length, Reject::cut_extension);
    const auto more = extension_bytes(kind, (*start)[1]) - 8;
    if (!rest.skip(more)) return rest.missing(more, Reject::bad_ip_length, Reject::cut_extension);
    headers.next_header = (*start)[0];
    if (kind == next_header::kFragment) {
      fragment.more = (be16<2>(*start) & 0x0001) != 0;
      fragment.later = (be16<2>(*start) & 0xfff8) != 0;
      if (fragment.later) break;
    }
  }
  return {};
}

}  // namespace

Fault read_ipv4(Rest rest, Headers& headers) {
  if (const auto fault = check_start(rest, 20, 4)) return fault;
  const auto sent = rest.sent();
  const auto header = rest.take<20>();
  if (!header) return Reject::cut_ip;
  const auto header_bytes = ((*header)[0] & 0x0fu) * 4;
  std::uint32_t total = be16<2>(*header);
  if (total == 0) total = sent;  // segmentation is left to the network card, or it is above 64 KiB (BIG TCP)
  if (header_bytes < 20 || total < header_bytes || total > sent) return Reject::bad_ip_length;

  headers.ip_version = 4;
  headers.source = IpAddress::v4(header->subspan<12, 4>());
  headers.destination = IpAddress::v4(header->subspan<16, 4>());
  headers.next_header = (*header)[9];
  headers.ip_bytes = total;
  enter_destination_cast(headers);

  rest.trim(total - 20);
  if (!rest.skip(header_bytes - 20)) return Reject::cut_ip;
  Fragment fragment{.more = (be16<6>(*header) & 0x2000) != 0, .later = (be16<6>(*header) & 0x1fff) != 0};
  if (!fragment.later) {
    if (const auto fault = read_extensions(rest, fragment, headers)) return fault;
  }
  return read_transport(rest, fragment, headers);
}

Fault read_ipv6(Rest rest, Headers& headers) {
  if (const auto fault = check_start(rest, 40, 6)) return fault;
  const auto header = rest.take<40>();
  if (!header) return Reject::cut_ip;
  std::uint32_t length = be16<4>(*header);
  // A jumbogram (RFC 2675) is by definition above 64 KiB; so are Linux's own super-packets, which lack its option.
  if (length == 0 && rest.sent() > 0xffff) length = rest.sent();
  if (length > rest.sent()) return Reject::bad_ip_length;

  headers.ip_version = 6;
  headers.source = IpAddress::v6(header->subspan<8, 16>());
  headers.destination = IpAddress::v6(header->subspan<24, 16>());
  headers.next_header = (*header)[6];
  headers.ip_bytes = 40 + length;
  enter_destination_cast(headers);

  rest.trim(length);
  Fragment fragment;
  if (const auto fault = read_extensions(rest, fragment, headers)) return fault;
  return read_transport(rest, fragment, headers);
}

Fault read_arp(Rest rest, Headers& headers) {
  const auto message = rest.take<kArpBytes>();
  if (!message) return rest.missing(kArpBytes, Reject::bad_arp, Reject::cut_arp);
  const bool ethernet = be16<0>(*message) == 1 && (*message)[4] == 6;
  const bool ipv4 = be16<2>(*message) == ethertype::kIpv4 && (*message)[5] == 4;
  const auto operation = be16<6>(*message);
  if (!ethernet || !ipv4 || (operation != 1 && operation != 2)) return Reject::bad_arp;

  headers.arp = true;
  headers.protocol = Protocol::arp;
  headers.source = IpAddress::v4(message->subspan<14, 4>());
  headers.destination = IpAddress::v4(message->subspan<24, 4>());
  headers.ip_bytes = kArpBytes;
  return {};
}

}  // namespace tidegate::packet
