// One frame of every kind that packet/decode.h reads, and some that it refuses: what the tests cut and mangle, and the
// seeds of the fuzzer.
#pragma once

#include <string>
#include <vector>

#include "packet/decode.h"
#include "tests/support/packet_builder.h"

namespace tidegate::test {

struct CorpusPacket {
  std::string name;
  packet::LinkType link = packet::LinkType::ethernet;
  Bytes frame;
};

[[nodiscard]] inline std::vector<CorpusPacket> packet_corpus() {
  using enum packet::LinkType;
  const auto* const client = "192.0.2.1";
  const auto* const server = "192.0.2.10";
  const auto* const client6 = "2001:db8::1";
  const auto* const server6 = "2001:db8::10";
  const auto frame = [] { return PacketBuilder{}.ethernet(); };
  const auto v4 = [&](PacketBuilder link) { return link.ipv4(client, server); };
  const auto v6 = [&](PacketBuilder link) { return link.ipv6(client6, server6); };
  return {
      {"TCP SYN", ethernet, v4(frame()).tcp(40000, 80, 0x02, {.options = 20}).bytes(60)},
      {"TCP data", ethernet, v4(frame()).tcp(40000, 80, 0x18).payload("GET / HTTP/1.1\r\n\r\n").bytes()},
      {"UDP", ethernet, v4(frame()).udp(50311, 8211).payload(20).bytes()},
      {"UDP broadcast", ethernet,
       PacketBuilder{}.ethernet(kBroadcastMac).ipv4("0.0.0.0", "255.255.255.255").udp(68, 67).payload(12).bytes(60)},
      {"ICMP echo", ethernet, v4(frame()).icmp(8).payload(8).bytes(60)},
      {"IPv4 options", ethernet, frame().ipv4(client, server, {.options = 40}).udp(1, 2).payload(4).bytes()},
      {"first fragment", ethernet,
       frame().ipv4(client, server, {.more_fragments = true}).udp(1, 2, 3000).payload(64).bytes()},
      {"later fragment", ethernet,
       frame().ipv4(client, server, {.fragment_at = 9}).next_header(17).payload(64).bytes()},
      {"IPv4 authentication header", ethernet, v4(frame()).authentication().tcp(1, 2, 0x10).bytes()},
      {"total length 0", ethernet,
       frame().ipv4(client, server, {.total_length = 0}).tcp(1, 2, 0x10).payload(9).bytes()},
      {"IPv4 in IPv4", ethernet, v4(v4(frame())).udp(1, 2).bytes()},
      {"ARP request", ethernet, PacketBuilder{}.ethernet(kBroadcastMac).arp(client, server).bytes(60)},
      {"802.1Q", ethernet, v4(frame().vlan(3)).udp(1, 2).payload(4).bytes()},
      {"QinQ", ethernet, v6(frame().vlan(100, 0x88a8).vlan(3)).tcp(1, 2, 0x02).bytes()},
      {"three tags", ethernet, v4(frame().vlan(1, 0x9100).vlan(2).vlan(3)).udp(1, 2).bytes()},
      {"802.3", ethernet, frame().ethertype(46).payload(46).bytes()},
      {"LLDP", ethernet, frame().ethertype(0x88cc).payload(46).bytes()},
      {"IPv6 TCP", ethernet, v6(frame()).tcp(40000, 80, 0x02, {.options = 20}).bytes()},
      {"IPv6 every extension header", ethernet,
       v6(frame())
           .hop_by_hop()
           .destination_options(1)
           .routing()
           .fragment(0, false)
           .authentication()
           .mobility()
           .host_identity()
           .shim6()
           .udp(1, 2)
           .payload(4)
           .bytes()},
      {"IPv6 later fragment", ethernet, v6(frame()).fragment(8, true).next_header(6).payload(40).bytes()},
      {"IPv6 no next header", ethernet, v6(frame()).destination_options().next_header(59).bytes()},
      {"IPv6 ESP", ethernet, v6(frame()).next_header(50).payload(32).bytes()},
      {"jumbogram", ethernet,
       frame().ipv6(client6, server6, {.payload_length = 0}).jumbo(70'000).udp(1, 2, 0).payload(8).bytes()},
      {"router solicitation", ethernet,
       PacketBuilder{}.ethernet(kMulticastMac).ipv6("fe80::1", "ff02::2").icmp6(133).bytes()},
      {"cooked v1", linux_sll, v4(PacketBuilder{}.sll()).tcp(1, 2, 0x02).bytes()},
      {"cooked v1 with a tag", linux_sll, v6(PacketBuilder{}.sll({.packet_type = 4}).vlan(3)).udp(1, 2).bytes()},
      {"cooked v1 netlink", linux_sll, PacketBuilder{}.sll({.hardware = 824}).payload(32).bytes()},
      {"cooked v2", linux_sll2, v4(PacketBuilder{}.sll2({.interface = 7})).udp(1, 2).payload(4).bytes()},
      {"null, little-endian", null, v4(PacketBuilder{}.family(2, false)).udp(1, 2).bytes()},
      {"null, big-endian", null, v6(PacketBuilder{}.family(30, true)).udp(1, 2).bytes()},
      {"loop", loop, v6(PacketBuilder{}.family(24, true)).tcp(1, 2, 0x04).bytes()},
      {"raw IPv4", raw, v4({}).udp(1, 2).payload(4).bytes()},
      {"raw IPv6", raw_101, v6({}).udp(1, 2).payload(4).bytes()},
      {"IPv4 alone", ipv4, v4({}).tcp(1, 2, 0x10).bytes()},
      {"IPv6 alone", ipv6, v6({}).icmp6(128).bytes()},
  };
}

}  // namespace tidegate::test
