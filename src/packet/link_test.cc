// Link headers: MAC addresses, VLAN tags, cast and direction, and the way to IP from each of them.
#include "packet/link.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/decoding.h"
#include "tests/support/packet_builder.h"

namespace tidegate::packet {
namespace {

using test::decoded;
using test::PacketBuilder;
using testing::ElementsAre;

PacketBuilder udp_in(PacketBuilder link) { return link.ipv4("192.0.2.1", "192.0.2.10").udp(1000, 53).payload(4); }
PacketBuilder udp6_in(PacketBuilder link) { return link.ipv6("2001:db8::1", "2001:db8::10").udp(1000, 53).payload(4); }

TEST(Link, ethernet_gives_addresses_and_type) {
  const auto headers = decoded(udp_in(PacketBuilder{}.ethernet()).bytes()).value();
  EXPECT_EQ(headers.destination_mac, test::kServerMac);
  EXPECT_EQ(headers.source_mac, test::kClientMac);
  EXPECT_EQ(headers.ethertype, 0x0800);
  EXPECT_EQ(headers.vlans, 0);
  EXPECT_EQ(headers.cast, Cast::unicast);
  EXPECT_EQ(headers.direction, Direction::unknown);
  EXPECT_EQ(headers.destination_port, 53);
}

TEST(Link, the_destination_mac_tells_broadcast_from_multicast) {
  const auto cast = [](const test::MacBytes& mac) {
    return decoded(udp_in(PacketBuilder{}.ethernet(mac)).bytes()).value().cast;
  };
  EXPECT_EQ(cast(test::kBroadcastMac), Cast::broadcast);
  EXPECT_EQ(cast(test::kMulticastMac), Cast::multicast);
  EXPECT_EQ(cast({0x01, 0, 0x5e, 0, 0, 1}), Cast::multicast);
  EXPECT_EQ(cast({0xfe, 0xff, 0xff, 0xff, 0xff, 0xff}), Cast::unicast);
}

TEST(Link, every_kind_of_tag_is_read) {
  for (const std::uint16_t type : std::initializer_list<std::uint16_t>{0x8100, 0x88a8, 0x9100}) {
    const auto headers = decoded(udp_in(PacketBuilder{}.ethernet().vlan(42, type)).bytes()).value();
    EXPECT_EQ(headers.vlans, 1);
    EXPECT_EQ(headers.vlan[0], 42);
    EXPECT_EQ(headers.ethertype, 0x0800);
    EXPECT_EQ(headers.destination_port, 53);
  }
}

TEST(Link, two_tags_are_kept_outermost_first) {
  const auto headers = decoded(udp6_in(PacketBuilder{}.ethernet().vlan(100, 0x88a8).vlan(3)).bytes()).value();
  EXPECT_EQ(headers.vlans, 2);
  EXPECT_THAT(headers.vlan, ElementsAre(100, 3));
  EXPECT_EQ(headers.ethertype, 0x86dd);
  EXPECT_EQ(headers.destination_port, 53);
}

TEST(Link, the_priority_bits_of_a_tag_are_no_part_of_its_number) {
  EXPECT_EQ(decoded(udp_in(PacketBuilder{}.ethernet().vlan(0xe003)).bytes()).value().vlan[0], 3);
}

TEST(Link, a_third_tag_is_refused) {
  const auto frame = udp_in(PacketBuilder{}.ethernet().vlan(1, 0x88a8).vlan(2).vlan(3)).bytes();
  EXPECT_EQ(decoded(frame).error(), Reject::too_many_vlans);
}

TEST(Link, a_length_in_place_of_a_type_is_neither_ip_nor_arp) {
  for (auto link : {PacketBuilder{}.ethernet(), PacketBuilder{}.ethernet().vlan(3)}) {
    const auto headers = decoded(link.ethertype(46).payload(46).bytes()).value();
    EXPECT_EQ(headers.protocol, Protocol::other);
    EXPECT_EQ(headers.ethertype, 0);
    EXPECT_EQ(headers.ip_version, 0);
    EXPECT_FALSE(headers.source);
    EXPECT_FALSE(headers.destination);
    EXPECT_EQ(headers.ip_bytes, 46u);
  }
}

TEST(Link, an_unknown_type_is_kept_for_the_log) {
  const auto headers = decoded(PacketBuilder{}.ethernet().ethertype(0x88cc).payload(10).bytes()).value();
  EXPECT_EQ(headers.ethertype, 0x88cc);
  EXPECT_EQ(headers.protocol, Protocol::other);
}

struct CookedCase {
  std::uint16_t packet_type;
  Cast cast;
  Direction direction;
};

TEST(Link, cooked_packet_types_give_cast_and_direction) {
  const CookedCase cases[] = {{0, Cast::unicast, Direction::in},   {1, Cast::broadcast, Direction::in},
                              {2, Cast::multicast, Direction::in}, {3, Cast::unicast, Direction::in},
                              {4, Cast::unicast, Direction::out},  {5, Cast::unicast, Direction::unknown}};
  for (const auto& [packet_type, cast, direction] : cases) {
    const auto v1 = decoded(udp_in(PacketBuilder{}.sll({.packet_type = packet_type})).bytes(), LinkType::linux_sll);
    const auto v2 = decoded(udp_in(PacketBuilder{}.sll2({.packet_type = packet_type})).bytes(), LinkType::linux_sll2);
    for (const auto& headers : {v1.value(), v2.value()}) {
      EXPECT_EQ(headers.cast, cast) << packet_type;
      EXPECT_EQ(headers.direction, direction) << packet_type;
      EXPECT_EQ(headers.source_mac, test::kClientMac);
      EXPECT_EQ(headers.destination_mac, std::nullopt);
      EXPECT_EQ(headers.destination_port, 53);
    }
    EXPECT_EQ(v1->interface, 0u);
    EXPECT_EQ(v2->interface, 2u);
  }
}

TEST(Link, cooked_captures_may_carry_a_tag) {
  const auto v1 = decoded(udp_in(PacketBuilder{}.sll().vlan(3)).bytes(), LinkType::linux_sll).value();
  const auto v2 = decoded(udp6_in(PacketBuilder{}.sll2().vlan(3)).bytes(), LinkType::linux_sll2).value();
  for (const auto& headers : {v1, v2}) {
    EXPECT_EQ(headers.vlans, 1);
    EXPECT_EQ(headers.vlan[0], 3);
    EXPECT_EQ(headers.destination_port, 53);
  }
}

TEST(Link, cooked_captures_may_hide_a_tag_behind_the_type_of_the_packet) {
  for (const bool v6 : {false, true}) {
    auto builder = PacketBuilder{}.sll2().vlan(3);
    auto frame = (v6 ? udp6_in(builder) : udp_in(builder)).bytes();
    std::copy_n(frame.begin() + 22, 2, frame.begin());  // the type behind the tag, where the tag's own was
    const auto headers = decoded(frame, LinkType::linux_sll2).value();
    EXPECT_EQ(headers.vlans, 1);
    EXPECT_EQ(headers.vlan[0], 3);
    EXPECT_EQ(headers.destination_port, 53);
    EXPECT_EQ(decoded(std::vector(frame.begin(), frame.begin() + 22), LinkType::linux_sll2).error(), Reject::cut_ip);
  }
}

TEST(Link, cooked_addresses_that_are_no_mac_are_left_out) {
  const auto frame = udp_in(PacketBuilder{}.sll({.hardware = 65534, .address_length = 0})).bytes();
  const auto headers = decoded(frame, LinkType::linux_sll).value();
  EXPECT_EQ(headers.source_mac, std::nullopt);
  EXPECT_EQ(headers.destination_port, 53);
}

TEST(Link, cooked_hardware_without_ethertypes_is_not_taken_for_ip) {
  for (const std::uint16_t hardware : std::initializer_list<std::uint16_t>{770, 803, 824}) {
    const auto frame = udp_in(PacketBuilder{}.sll({.hardware = hardware})).bytes();
    const auto headers = decoded(frame, LinkType::linux_sll).value();
    EXPECT_EQ(headers.ip_version, 0) << hardware;
    EXPECT_EQ(headers.ethertype, 0) << hardware;
  }
}

TEST(Link, loopback_families_are_read_in_either_byte_order) {
  for (const auto link : {LinkType::null, LinkType::loop}) {
    for (const bool big_endian : {false, true}) {
      EXPECT_EQ(decoded(udp_in(PacketBuilder{}.family(2, big_endian)).bytes(), link).value().ip_version, 4);
      for (const std::uint32_t family : {10u, 24u, 28u, 30u}) {
        const auto headers = decoded(udp6_in(PacketBuilder{}.family(family, big_endian)).bytes(), link).value();
        EXPECT_EQ(headers.ip_version, 6) << family;
        EXPECT_EQ(headers.ethertype, 0);
        EXPECT_EQ(headers.destination_port, 53);
      }
      const auto other = decoded(PacketBuilder{}.family(7, big_endian).payload(20).bytes(), link).value();
      EXPECT_EQ(other.protocol, Protocol::other);
      EXPECT_EQ(other.ip_bytes, 20u);
    }
  }
}

TEST(Link, raw_ip_tells_its_version_itself) {
  for (const auto link : {LinkType::raw, LinkType::raw_101}) {
    EXPECT_EQ(decoded(udp_in({}).bytes(), link).value().ip_version, 4);
    EXPECT_EQ(decoded(udp6_in({}).bytes(), link).value().ip_version, 6);
    EXPECT_EQ(decoded(test::Bytes{0x50, 0}, link).error(), Reject::bad_ip_version);
    EXPECT_EQ(decoded(test::Bytes{}, link).error(), Reject::cut_ip);
  }
  EXPECT_EQ(decoded(udp_in({}).bytes(), LinkType::ipv4).value().destination_port, 53);
  EXPECT_EQ(decoded(udp6_in({}).bytes(), LinkType::ipv6).value().destination_port, 53);
  EXPECT_EQ(decoded(udp6_in({}).bytes(), LinkType::ipv4).error(), Reject::bad_ip_version);
  EXPECT_EQ(decoded(udp_in({}).payload(40).bytes(), LinkType::ipv6).error(), Reject::bad_ip_version);
}

TEST(Link, a_link_header_cut_short_gives_the_reason) {
  const auto cut = [](const PacketBuilder& link, LinkType type) {
    auto frame = link.bytes();
    frame.pop_back();
    return decoded(frame, type, 100).error();
  };
  EXPECT_EQ(cut(PacketBuilder{}.ethernet(), LinkType::ethernet), Reject::cut_link);
  EXPECT_EQ(cut(PacketBuilder{}.sll(), LinkType::linux_sll), Reject::cut_link);
  EXPECT_EQ(cut(PacketBuilder{}.sll2(), LinkType::linux_sll2), Reject::cut_link);
  EXPECT_EQ(cut(PacketBuilder{}.family(2, false), LinkType::null), Reject::cut_link);
  EXPECT_EQ(cut(PacketBuilder{}.family(2, true), LinkType::loop), Reject::cut_link);
  EXPECT_EQ(cut(PacketBuilder{}.ethernet().vlan(3), LinkType::ethernet), Reject::cut_vlan);
}

TEST(Link, link_types_are_known_by_their_numbers) {
  for (const int number : {0, 1, 12, 101, 108, 113, 228, 229, 276}) {
    ASSERT_TRUE(link_type(number)) << number;
    EXPECT_EQ(static_cast<int>(*link_type(number)), number);
  }
  for (const int number : {-1, 2, 105, 127, 65536}) EXPECT_FALSE(link_type(number)) << number;
  EXPECT_EQ(decoded(test::Bytes(64), static_cast<LinkType>(105)).error(), Reject::unknown_link);
}

}  // namespace
}  // namespace tidegate::packet
