// IPv4, IPv6 with its extension headers, ARP: addresses, lengths, fragments, and what is refused.
#include "packet/network.h"

#include <gtest/gtest.h>

#include <functional>

#include "tests/support/decoding.h"
#include "tests/support/packet_builder.h"

namespace tidegate::packet {
namespace {

using test::Bytes;
using test::decoded;
using test::PacketBuilder;

constexpr auto* kClient = "192.0.2.1";
constexpr auto* kServer = "192.0.2.10";
constexpr auto* kClient6 = "2001:db8::1";
constexpr auto* kServer6 = "2001:db8::10";
constexpr std::size_t kEthernet = 14;

PacketBuilder v4(const PacketBuilder::Ipv4& ip = {}) { return PacketBuilder{}.ethernet().ipv4(kClient, kServer, ip); }
PacketBuilder v6(const PacketBuilder::Ipv6& ip = {}) { return PacketBuilder{}.ethernet().ipv6(kClient6, kServer6, ip); }

TEST(Ipv4, addresses_and_lengths_are_those_of_the_header) {
  const auto headers = decoded(v4().udp(50311, 8211).payload(120).bytes()).value();
  EXPECT_EQ(headers.ip_version, 4);
  EXPECT_EQ(headers.source.to_string(), kClient);
  EXPECT_EQ(headers.destination.to_string(), kServer);
  EXPECT_EQ(headers.next_header, 17);
  EXPECT_EQ(headers.ip_bytes, 148u);
  EXPECT_EQ(headers.payload, 120u);
}

TEST(Ipv4, padding_of_short_frames_is_no_payload) {
  const auto headers = decoded(v4().tcp(1, 2, 0x10).bytes(60)).value();
  EXPECT_EQ(headers.ip_bytes, 40u);
  EXPECT_EQ(headers.payload, 0u);
}

TEST(Ipv4, options_are_skipped) {
  for (const std::size_t options : {4u, 20u, 40u}) {
    const auto headers = decoded(v4({.options = options}).udp(1, 2).payload(5).bytes()).value();
    EXPECT_EQ(headers.destination_port, 2);
    EXPECT_EQ(headers.payload, 5u);
  }
}

TEST(Ipv4, a_payload_cut_from_the_capture_still_counts) {
  auto frame = v4().udp(1, 2).payload(1000).bytes();
  const auto wire = static_cast<std::uint32_t>(frame.size());
  frame.resize(kEthernet + 28);
  const auto headers = decoded(frame, LinkType::ethernet, wire).value();
  EXPECT_EQ(headers.ip_bytes, 1028u);
  EXPECT_EQ(headers.payload, 1000u);
}

TEST(Ipv4, a_total_length_of_zero_means_all_that_was_on_the_wire) {
  const auto frame = v4({.total_length = 0}).tcp(1, 2, 0x10).payload(100).bytes();
  EXPECT_EQ(decoded(frame).value().payload, 100u);
  const auto big = decoded(frame, LinkType::ethernet, kEthernet + 40 + 100'000).value();
  EXPECT_EQ(big.ip_bytes, 100'040u);
  EXPECT_EQ(big.payload, 100'000u);
}

TEST(Ipv4, the_first_fragment_has_the_ports_and_its_own_part_of_the_payload) {
  const auto headers = decoded(v4({.more_fragments = true}).udp(1, 2, 3008).payload(1000).bytes()).value();
  EXPECT_FALSE(headers.later_fragment);
  EXPECT_EQ(headers.source_port, 1);
  EXPECT_EQ(headers.destination_port, 2);
  EXPECT_EQ(headers.payload, 1000u);
}

TEST(Ipv4, later_fragments_have_no_ports) {
  for (const bool more : {false, true}) {
    const PacketBuilder::Ipv4 ip{.fragment_at = 126, .more_fragments = more};
    const auto headers = decoded(v4(ip).next_header(17).payload(500).bytes()).value();
    EXPECT_TRUE(headers.later_fragment);
    EXPECT_EQ(headers.protocol, Protocol::udp);
    EXPECT_EQ(headers.source_port, 0);
    EXPECT_EQ(headers.destination_port, 0);
    EXPECT_EQ(headers.payload, 500u);
  }
}

TEST(Ipv4, a_later_fragment_need_not_hold_a_transport_header) {
  const auto headers = decoded(v4({.fragment_at = 1}).next_header(6).payload(1).bytes()).value();
  EXPECT_EQ(headers.protocol, Protocol::tcp);
  EXPECT_EQ(headers.payload, 1u);
}

TEST(Ipv4, an_authentication_header_is_skipped_but_ipv6_options_are_not) {
  EXPECT_EQ(decoded(v4().authentication().tcp(1, 2, 0x02).bytes()).value().destination_port, 2);
  const auto headers = decoded(v4().destination_options().udp(1, 2).bytes()).value();
  EXPECT_EQ(headers.protocol, Protocol::other);
  EXPECT_EQ(headers.next_header, 60);
}

TEST(Ipv4, the_destination_tells_broadcast_from_multicast) {
  const auto cast = [](const char* destination) {
    return decoded(PacketBuilder{}.ethernet().ipv4(kClient, destination).udp(1, 2).bytes()).value().cast;
  };
  EXPECT_EQ(cast("192.0.2.10"), Cast::unicast);
  EXPECT_EQ(cast("224.0.0.251"), Cast::multicast);
  EXPECT_EQ(cast("239.255.255.250"), Cast::multicast);
  EXPECT_EQ(cast("255.255.255.255"), Cast::broadcast);
}

TEST(Ipv6, addresses_and_lengths_are_those_of_the_header) {
  const auto headers = decoded(v6().tcp(40000, 443, 0x18).payload(10).bytes(90)).value();
  EXPECT_EQ(headers.ip_version, 6);
  EXPECT_EQ(headers.source.to_string(), kClient6);
  EXPECT_EQ(headers.destination.to_string(), kServer6);
  EXPECT_EQ(headers.next_header, 6);
  EXPECT_EQ(headers.ip_bytes, 70u);
  EXPECT_EQ(headers.payload, 10u);
}

TEST(Ipv6, multicast_is_told_by_the_destination) {
  const auto frame = PacketBuilder{}.ethernet().ipv6("fe80::1", "ff02::fb").udp(5353, 5353).bytes();
  EXPECT_EQ(decoded(frame).value().cast, Cast::multicast);
}

struct ExtensionCase {
  const char* name;
  std::function<PacketBuilder&(PacketBuilder&)> add;
};

const ExtensionCase kExtensions[] = {
    {"hop-by-hop", [](auto& b) -> auto& { return b.hop_by_hop(); }},
    {"hop-by-hop, long", [](auto& b) -> auto& { return b.hop_by_hop(31); }},
    {"routing", [](auto& b) -> auto& { return b.routing(); }},
    {"fragment", [](auto& b) -> auto& { return b.fragment(0, false); }},
    {"authentication", [](auto& b) -> auto& { return b.authentication(); }},
    {"authentication, odd length", [](auto& b) -> auto& { return b.authentication(5); }},
    {"destination options", [](auto& b) -> auto& { return b.destination_options(); }},
    {"mobility", [](auto& b) -> auto& { return b.mobility(); }},
    {"HIP", [](auto& b) -> auto& { return b.host_identity(); }},
    {"shim6", [](auto& b) -> auto& { return b.shim6(); }},
};

TEST(Ipv6, every_extension_header_leads_to_tcp_and_udp) {
  for (const auto& [name, add] : kExtensions) {
    auto tcp = v6();
    const auto tcp_headers = decoded(add(tcp).tcp(1, 2, 0x02).payload(3).bytes()).value();
    EXPECT_EQ(tcp_headers.protocol, Protocol::tcp) << name;
    EXPECT_EQ(tcp_headers.next_header, 6) << name;
    EXPECT_EQ(tcp_headers.destination_port, 2) << name;
    EXPECT_EQ(tcp_headers.payload, 3u) << name;
    auto udp = v6();
    const auto udp_headers = decoded(add(udp).udp(3, 4).payload(5).bytes()).value();
    EXPECT_EQ(udp_headers.protocol, Protocol::udp) << name;
    EXPECT_EQ(udp_headers.destination_port, 4) << name;
    EXPECT_EQ(udp_headers.payload, 5u) << name;
  }
}

TEST(Ipv6, an_extension_header_cut_anywhere_gives_the_reason) {
  for (const auto& [name, add] : kExtensions) {
    auto builder = v6();
    const auto from = builder.bytes().size();
    const auto to = add(builder).bytes().size();
    const auto frame = builder.udp(1, 2).bytes();
    const auto wire = static_cast<std::uint32_t>(frame.size());
    for (auto size = from; size < to; ++size) {
      const auto cut = decoded(std::span{frame}.first(size), LinkType::ethernet, wire);
      ASSERT_FALSE(cut) << name << " at " << size;
      EXPECT_EQ(cut.error(), Reject::cut_extension) << name << " at " << size;
    }
  }
}

TEST(Ipv6, an_extension_header_that_reaches_beyond_the_packet_is_malformed) {
  for (const auto& [name, add] : kExtensions) {
    auto builder = v6({.payload_length = 7});
    EXPECT_EQ(decoded(add(builder).bytes()).error(), Reject::bad_ip_length) << name;
  }
}

TEST(Ipv6, eight_extension_headers_are_read_and_nine_are_not) {
  auto builder = v6();
  for (int i = 0; i < 8; ++i) builder.destination_options();
  auto nine = builder;
  EXPECT_EQ(decoded(builder.udp(1, 2).bytes()).value().destination_port, 2);
  EXPECT_EQ(decoded(nine.destination_options().udp(1, 2).bytes()).error(), Reject::too_many_extensions);
}

TEST(Ipv6, esp_and_no_next_header_end_the_chain) {
  for (const std::uint8_t last : std::initializer_list<std::uint8_t>{50, 59, 132}) {
    const auto headers = decoded(v6().destination_options().next_header(last).payload(20).bytes()).value();
    EXPECT_EQ(headers.protocol, Protocol::other);
    EXPECT_EQ(headers.next_header, last);
    EXPECT_EQ(headers.ip_bytes, 68u);
    EXPECT_EQ(headers.payload, 0u);
  }
}

TEST(Ipv6, the_first_fragment_has_the_ports) {
  const auto headers = decoded(v6().fragment(0, true).udp(1, 2, 3008).payload(1000).bytes()).value();
  EXPECT_FALSE(headers.later_fragment);
  EXPECT_EQ(headers.destination_port, 2);
  EXPECT_EQ(headers.payload, 1000u);
}

TEST(Ipv6, later_fragments_have_no_ports) {
  const auto headers = decoded(v6().hop_by_hop().fragment(126, false).next_header(17).payload(500).bytes()).value();
  EXPECT_TRUE(headers.later_fragment);
  EXPECT_EQ(headers.protocol, Protocol::udp);
  EXPECT_EQ(headers.next_header, 17);
  EXPECT_EQ(headers.destination_port, 0);
  EXPECT_EQ(headers.payload, 500u);
}

TEST(Ipv6, extension_headers_behind_a_later_fragment_are_not_looked_for) {
  const auto headers = decoded(v6().fragment(126, true).next_header(60).payload(3).bytes()).value();
  EXPECT_TRUE(headers.later_fragment);
  EXPECT_EQ(headers.protocol, Protocol::other);
  EXPECT_EQ(headers.next_header, 60);
}

TEST(Ipv6, a_jumbogram_is_as_long_as_the_wire_says) {
  const auto frame = v6({.payload_length = 0}).jumbo(70'016).udp(1, 2, 0).payload(50).bytes();
  const auto headers = decoded(frame, LinkType::ethernet, kEthernet + 40 + 70'016).value();
  EXPECT_EQ(headers.ip_bytes, 70'056u);
  EXPECT_EQ(headers.destination_port, 2);
  EXPECT_EQ(headers.payload, 70'000u);
}

TEST(Ipv6, a_super_packet_without_the_jumbo_option_is_read_alike) {
  const auto frame = v6({.payload_length = 0}).tcp(1, 2, 0x10).bytes();
  const auto headers = decoded(frame, LinkType::ethernet, kEthernet + 60 + 100'000).value();
  EXPECT_EQ(headers.payload, 100'000u);
}

TEST(Ipv6, a_payload_length_of_zero_is_zero_in_a_frame_of_usual_size) {
  EXPECT_EQ(decoded(v6().next_header(59).bytes(60)).value().ip_bytes, 40u);
  EXPECT_EQ(decoded(v6({.payload_length = 0}).jumbo(16).udp(1, 2).bytes()).error(), Reject::bad_ip_length);
}

TEST(Arp, sender_and_target_are_the_addresses) {
  for (const std::uint16_t operation : std::initializer_list<std::uint16_t>{1, 2}) {
    const auto builder = PacketBuilder{}.ethernet(test::kBroadcastMac).arp(kClient, kServer, {.operation = operation});
    const auto headers = decoded(builder.bytes(60)).value();
    EXPECT_TRUE(headers.arp);
    EXPECT_EQ(headers.protocol, Protocol::arp);
    EXPECT_EQ(headers.source.to_string(), kClient);
    EXPECT_EQ(headers.destination.to_string(), kServer);
    EXPECT_EQ(headers.cast, Cast::broadcast);
    EXPECT_EQ(headers.ip_bytes, 28u);
    EXPECT_EQ(headers.ip_version, 0);
  }
}

TEST(Arp, other_messages_than_requests_and_replies_for_ipv4_are_refused) {
  const PacketBuilder::Arp bad[] = {{.operation = 0},     {.operation = 3},      {.hardware = 32},
                                    {.protocol = 0x86dd}, {.hardware_bytes = 8}, {.protocol_bytes = 16}};
  for (const auto& arp : bad) {
    EXPECT_EQ(decoded(PacketBuilder{}.ethernet().arp(kClient, kServer, arp).bytes()).error(), Reject::bad_arp);
  }
}

TEST(Arp, a_short_message_is_malformed_and_a_short_capture_is_cut) {
  const auto frame = PacketBuilder{}.ethernet().arp(kClient, kServer).bytes();
  for (std::size_t size = kEthernet; size < frame.size(); ++size) {
    const auto cut = std::span{frame}.first(size);
    EXPECT_EQ(decoded(cut).error(), Reject::bad_arp);
    EXPECT_EQ(decoded(cut, LinkType::ethernet, 60).error(), Reject::cut_arp);
  }
}

struct Malformed {
  const char* name;
  Bytes frame;
  Reject reject;
};

TEST(Ip, a_malformed_header_gives_the_reason) {
  const Malformed cases[] = {
      {"IPv4 that says it is 6", PacketBuilder{}.ethernet().ethertype(0x0800).payload("\x65").payload(30).bytes(),
       Reject::bad_ip_version},
      {"IPv6 that says it is 4", PacketBuilder{}.ethernet().ethertype(0x86dd).payload("\x45").payload(60).bytes(),
       Reject::bad_ip_version},
      {"header of 16 bytes", v4({.header_words = 4}).udp(1, 2).bytes(), Reject::bad_ip_length},
      {"header beyond the packet", v4({.header_words = 15, .total_length = 28}).udp(1, 2).payload(90).bytes(),
       Reject::bad_ip_length},
      {"total length below the header's", v4({.total_length = 19}).udp(1, 2).bytes(), Reject::bad_ip_length},
      {"total length above the frame's", v4({.total_length = 29}).udp(1, 2).bytes(), Reject::bad_ip_length},
      {"payload length above the frame's", v6({.payload_length = 9}).udp(1, 2).bytes(), Reject::bad_ip_length},
      {"IPv4 frame of 19 bytes", PacketBuilder{}.ethernet().ethertype(0x0800).payload("\x45").payload(18).bytes(),
       Reject::bad_ip_length},
      {"IPv6 frame of 39 bytes", PacketBuilder{}.ethernet().ethertype(0x86dd).payload("\x60").payload(38).bytes(),
       Reject::bad_ip_length},
  };
  for (const auto& [name, frame, reject] : cases) {
    const auto headers = decoded(frame);
    ASSERT_FALSE(headers) << name;
    EXPECT_EQ(headers.error(), reject) << name;
  }
}

TEST(Ip, a_header_cut_anywhere_gives_the_reason) {
  const Bytes frames[] = {v4({.options = 12}).udp(1, 2).bytes(), v6().udp(1, 2).bytes()};
  const std::size_t header_bytes[] = {32, 40};
  for (std::size_t i = 0; i < 2; ++i) {
    const auto wire = static_cast<std::uint32_t>(frames[i].size());
    for (std::size_t size = kEthernet; size < kEthernet + header_bytes[i]; ++size) {
      EXPECT_EQ(decoded(std::span{frames[i]}.first(size), LinkType::ethernet, wire).error(), Reject::cut_ip) << size;
    }
  }
}

}  // namespace
}  // namespace tidegate::packet
