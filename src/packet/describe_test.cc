// The words of tuninetd's log, as its document shows them.
#include "packet/describe.h"

#include <gtest/gtest.h>

#include "tests/support/decoding.h"
#include "tests/support/packet_builder.h"

namespace tidegate::packet {
namespace {

using test::decoded;
using test::PacketBuilder;

TEST(Describe, ipv4_over_ethernet_reads_as_in_tuninetds_document) {
  const auto headers = decoded(PacketBuilder{}
                                   .ethernet({0xf4, 0x6d, 0x04, 0x64, 0x11, 0x25}, {0x1b, 0x1c, 0x0d, 0x45, 0xa9, 0xe1})
                                   .ipv4("192.168.1.1", "13.107.42.14")
                                   .tcp(1, 2, 0x02)
                                   .bytes())
                           .value();
  EXPECT_EQ(describe_network(headers), "IPv4 192.168.1.1 > 13.107.42.14, NXT_HDR: 0x06 (TCP)");
  EXPECT_EQ(describe_link(headers), "MAC: 1b:1c:0d:45:a9:e1 > f4:6d:04:64:11:25, EtherType: 0x0800 (IPv4)");
}

TEST(Describe, ipv6_in_a_vlan_reads_as_in_tuninetds_document) {
  const auto headers = decoded(PacketBuilder{}
                                   .ethernet({0x33, 0x33, 0, 0, 0, 0x02}, {0xf4, 0x6d, 0x04, 0x64, 0x11, 0x24})
                                   .vlan(3)
                                   .ipv6("fe80::f66d:4ff:fe64:1124", "ff02::2")
                                   .icmp6(133)
                                   .bytes())
                           .value();
  EXPECT_EQ(describe_network(headers), "IPv6 fe80::f66d:4ff:fe64:1124 > ff02::2, NXT_HDR: 0x3A (IPv6-ICMP)");
  EXPECT_EQ(describe_link(headers),
            "MAC: f4:6d:04:64:11:24 > 33:33:00:00:00:02, 802.1Q VID: 3, EtherType: 0x86DD (IPv6)");
}

TEST(Describe, a_packet_has_a_second_line_where_its_link_has_addresses) {
  const auto framed = decoded(PacketBuilder{}
                                  .ethernet({0, 0, 0, 0, 0, 1}, {0, 0, 0, 0, 0, 2})
                                  .ipv4("192.0.2.1", "192.0.2.2")
                                  .udp(1, 2)
                                  .bytes())
                          .value();
  EXPECT_EQ(describe_lines(framed),
            (std::vector<std::string>{"|- " + describe_network(framed), "|- " + describe_link(framed)}));
  auto bare = framed;
  bare.source_mac.reset();
  bare.destination_mac.reset();
  EXPECT_EQ(describe_lines(bare), std::vector<std::string>{"|- " + describe_network(bare)});
}

TEST(Describe, two_tags_are_both_named) {
  const auto headers =
      decoded(PacketBuilder{}.ethernet().vlan(100, 0x88a8).vlan(3).arp("192.0.2.1", "192.0.2.2").bytes()).value();
  EXPECT_EQ(describe_network(headers), "ARP 192.0.2.1 > 192.0.2.2");
  EXPECT_EQ(describe_link(headers),
            "MAC: 02:00:00:00:00:01 > 02:00:00:00:00:02, QinQ VID: 100, 802.1Q VID: 3, EtherType: 0x0806 (ARP)");
}

TEST(Describe, next_headers_have_names_or_are_unknown) {
  const auto name = [](std::uint8_t number) {
    const auto frame = PacketBuilder{}.ipv4("192.0.2.1", "192.0.2.2").next_header(number).payload(40).bytes();
    return describe_network(decoded(frame, LinkType::raw).value());
  };
  EXPECT_EQ(name(2), "IPv4 192.0.2.1 > 192.0.2.2, NXT_HDR: 0x02 (IGMP)");
  EXPECT_EQ(name(47), "IPv4 192.0.2.1 > 192.0.2.2, NXT_HDR: 0x2F (GRE)");
  EXPECT_EQ(name(50), "IPv4 192.0.2.1 > 192.0.2.2, NXT_HDR: 0x32 (ESP)");
  EXPECT_EQ(name(132), "IPv4 192.0.2.1 > 192.0.2.2, NXT_HDR: 0x84 (SCTP)");
  EXPECT_EQ(name(253), "IPv4 192.0.2.1 > 192.0.2.2, NXT_HDR: 0xFD (unknown)");
}

TEST(Describe, what_is_not_ip_is_named_by_its_ethertype) {
  const auto words = [](std::uint16_t type) {
    return describe_network(decoded(PacketBuilder{}.ethernet().ethertype(type).payload(46).bytes()).value());
  };
  EXPECT_EQ(words(0x88cc), "no IP, EtherType: 0x88CC (LLDP)");
  EXPECT_EQ(words(0x9999), "no IP, EtherType: 0x9999 (unknown)");
  EXPECT_EQ(words(46), "no IP, EtherType: none");
}

TEST(Describe, a_link_without_mac_addresses_has_no_line) {
  const auto raw = PacketBuilder{}.ipv4("192.0.2.1", "192.0.2.2").udp(1, 2).bytes();
  EXPECT_EQ(describe_link(decoded(raw, LinkType::raw).value()), "");
}

TEST(Describe, a_cooked_header_has_no_destination) {
  const auto frame = PacketBuilder{}.sll().ipv4("192.0.2.1", "192.0.2.2").udp(1, 2).bytes();
  EXPECT_EQ(describe_link(decoded(frame, LinkType::linux_sll).value()),
            "MAC: 02:00:00:00:00:01 > -, EtherType: 0x0800 (IPv4)");
}

}  // namespace
}  // namespace tidegate::packet
