// See link.h. Numbers of cooked captures are those of Linux: if_packet.h and if_arp.h.
#include "packet/link.h"

#include <cstring>

#include "packet/numbers.h"

namespace tidegate::packet {
namespace {

using Network = std::expected<std::uint16_t, Reject>;

Mac mac(Field<6> bytes) {
  Mac address;
  std::memcpy(address.data(), bytes.data(), address.size());
  return address;
}

Cast cast_of(const Mac& destination) {
  constexpr Mac kEveryone{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  if (destination == kEveryone) return Cast::broadcast;
  return (destination[0] & 0x01) != 0 ? Cast::multicast : Cast::unicast;  // the group bit
}

bool is_tag(std::uint16_t type) {
  return type == ethertype::kVlan || type == ethertype::kServiceVlan || type == ethertype::kOldServiceVlan;
}

// The EtherType behind the tags that `type` announces.
Network read_tags(Rest& rest, std::uint16_t type, Headers& headers) {
  while (is_tag(type)) {
    if (headers.vlans == headers.vlan.size()) return std::unexpected{Reject::too_many_vlans};
    const auto tag = rest.take<4>();
    if (!tag) return std::unexpected{Reject::cut_vlan};
    headers.vlan[headers.vlans++] = be16<0>(*tag) & 0x0fff;
    type = be16<2>(*tag);
  }
  headers.ethertype = type < ethertype::kFirst ? std::uint16_t{0} : type;
  return headers.ethertype;
}

Network read_ethernet(Rest& rest, Headers& headers) {
  const auto header = rest.take<14>();
  if (!header) return std::unexpected{Reject::cut_link};
  headers.destination_mac = mac(header->first<6>());
  headers.source_mac = mac(header->subspan<6, 6>());
  headers.cast = cast_of(*headers.destination_mac);
  return read_tags(rest, be16<12>(*header), headers);
}

// What both versions of the cooked header hold.
struct Cooked {
  std::uint16_t packet_type;
  std::uint16_t hardware;
  std::uint16_t address_length;
  Field<6> address;
  std::uint16_t protocol;
};

// Hardware whose protocol field is not an EtherType: Frame Relay, radiotap, netlink.
bool has_ethertype(std::uint16_t hardware) { return hardware != 770 && hardware != 803 && hardware != 824; }

// Newer kernels (seen on 6.18) name in a cooked header the type behind all tags, though with QinQ the inner tag still
// stands before the packet: there the type is repeated behind two bytes, and a packet of that type begins.
Network hidden_tag_or(const Rest& rest, std::uint16_t type) {
  const int version = type == ethertype::kIpv4 ? 4 : type == ethertype::kIpv6 ? 6 : 0;
  if (version == 0) return type;
  const auto next = rest.peek<5>();
  const auto first = rest.peek<1>();
  if (!next) return first && (*first)[0] >> 4 != version ? Network{std::unexpected{Reject::cut_ip}} : Network{type};
  return be16<2>(*next) == type && (*next)[4] >> 4 == version ? ethertype::kVlan : type;
}

Network read_cooked(Rest& rest, const Cooked& cooked, Headers& headers) {
  switch (cooked.packet_type) {
    case 1:
      headers.cast = Cast::broadcast;
      break;
    case 2:
      headers.cast = Cast::multicast;
      break;
    default:
      break;
  }
  // 0 to 3 came from outside (3: for another host, seen by a promiscuous interface), 4 is our own.
  if (cooked.packet_type <= 3) headers.direction = Direction::in;
  if (cooked.packet_type == 4) headers.direction = Direction::out;
  if (cooked.address_length == 6) headers.source_mac = mac(cooked.address);
  if (!has_ethertype(cooked.hardware)) return 0;
  const auto type = hidden_tag_or(rest, cooked.protocol);
  return type ? read_tags(rest, *type, headers) : type;
}

Network read_cooked_v1(Rest& rest, Headers& headers) {
  const auto header = rest.take<16>();
  if (!header) return std::unexpected{Reject::cut_link};
  const Cooked cooked{.packet_type = be16<0>(*header),
                      .hardware = be16<2>(*header),
                      .address_length = be16<4>(*header),
                      .address = header->subspan<6, 6>(),
                      .protocol = be16<14>(*header)};
  return read_cooked(rest, cooked, headers);
}

Network read_cooked_v2(Rest& rest, Headers& headers) {
  const auto header = rest.take<20>();
  if (!header) return std::unexpected{Reject::cut_link};
  headers.interface = be32<4>(*header);
  const Cooked cooked{.packet_type = (*header)[10],
                      .hardware = be16<8>(*header),
                      .address_length = (*header)[11],
                      .address = header->subspan<12, 6>(),
                      .protocol = be16<0>(*header)};
  return read_cooked(rest, cooked, headers);
}

// The address family, in the byte order of the host that captured it (`null`) or of the network (`loop`). Families are
// small numbers, so that the order shows. Linux, and NetBSD, FreeBSD and macOS each number AF_INET6 in their own way.
Network read_family(Rest& rest) {
  const auto header = rest.take<4>();
  if (!header) return std::unexpected{Reject::cut_link};
  const auto number = be32<0>(*header);
  switch (number > 0xffff ? __builtin_bswap32(number) : number) {
    case 2:
      return ethertype::kIpv4;
    case 10:
    case 24:
    case 28:
    case 30:
      return ethertype::kIpv6;
    default:
      return 0;
  }
}

Network read_version(const Rest& rest) {
  const auto first = rest.peek<1>();
  if (!first) return std::unexpected{Reject::cut_ip};
  switch ((*first)[0] >> 4) {
    case 4:
      return ethertype::kIpv4;
    case 6:
      return ethertype::kIpv6;
    default:
      return std::unexpected{Reject::bad_ip_version};
  }
}

}  // namespace

std::expected<std::uint16_t, Reject> read_link(Rest& rest, LinkType link, Headers& headers) {
  switch (link) {
    case LinkType::ethernet:
      return read_ethernet(rest, headers);
    case LinkType::linux_sll:
      return read_cooked_v1(rest, headers);
    case LinkType::linux_sll2:
      return read_cooked_v2(rest, headers);
    case LinkType::null:
    case LinkType::loop:
      return read_family(rest);
    case LinkType::raw:
    case LinkType::raw_101:
      return read_version(rest);
    case LinkType::ipv4:
      return ethertype::kIpv4;
    case LinkType::ipv6:
      return ethertype::kIpv6;
  }
  return std::unexpected{Reject::unknown_link};
}

}  // namespace tidegate::packet
