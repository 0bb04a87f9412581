// TCP, UDP, ICMP and ICMPv6: ports, flags, types, and lengths that cannot be.
#include "packet/transport.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <span>
#include <string>

#include "tests/support/decoding.h"
#include "tests/support/packet_builder.h"

namespace tidegate::packet {
namespace {

using test::decoded;
using test::PacketBuilder;

PacketBuilder v4() { return PacketBuilder{}.ethernet().ipv4("192.0.2.1", "192.0.2.10"); }
PacketBuilder v6() { return PacketBuilder{}.ethernet().ipv6("2001:db8::1", "2001:db8::10"); }

TEST(Tcp, ports_flags_and_payload_are_read_behind_options) {
  for (auto ip : {v4(), v6()}) {
    const auto headers = decoded(ip.tcp(40000, 443, 0x18, {.options = 12}).payload(7).bytes()).value();
    EXPECT_EQ(headers.protocol, Protocol::tcp);
    EXPECT_EQ(headers.source_port, 40000);
    EXPECT_EQ(headers.destination_port, 443);
    EXPECT_EQ(headers.tcp_flags, tcp_flag::kPsh | tcp_flag::kAck);
    EXPECT_EQ(headers.payload, 7u);
  }
}

TEST(Tcp, sequence_and_acknowledgement_are_read) {
  const auto frame = v4().tcp(1, 2, 0x10, {.sequence = 0xfedcba98, .acknowledgement = 0x01020304}).bytes();
  const auto headers = decoded(frame).value();
  EXPECT_EQ(headers.tcp_sequence, 0xfedcba98u);
  EXPECT_EQ(headers.tcp_acknowledgement, 0x01020304u);
}

// What captured_payload() finds in the frame, of which the first `captured` bytes are there.
std::string payload_text(const test::Bytes& frame, std::size_t captured) {
  const auto bytes = std::span{frame}.first(std::min(captured, frame.size()));
  const auto headers = decoded(bytes, LinkType::ethernet, static_cast<std::uint32_t>(frame.size())).value();
  const auto payload = captured_payload(headers, bytes);
  return {payload.begin(), payload.end()};
}

TEST(Payload, is_found_in_the_frame_behind_every_header_and_before_the_padding) {
  auto tagged = PacketBuilder{}.ethernet().vlan(3).ipv6("2001:db8::1", "2001:db8::10").destination_options();
  for (const auto& ip : {v4(), v6(), tagged}) {
    auto tcp = ip;
    EXPECT_EQ(payload_text(tcp.tcp(1, 2, 0x18, {.options = 12}).payload("hello").bytes(200), 200), "hello");
    auto udp = ip;
    EXPECT_EQ(payload_text(udp.udp(1, 2).payload("hello").bytes(200), 200), "hello");
    auto icmp = ip;
    EXPECT_EQ(payload_text(icmp.icmp(8).payload("hello").bytes(), 200), "");
  }
}

TEST(Payload, is_as_much_as_was_captured) {
  const auto frame = v4().tcp(1, 2, 0x18, {.options = 12}).payload("hello").bytes();
  constexpr std::size_t kHeaders = 14 + 20 + 32;
  EXPECT_EQ(payload_text(frame, kHeaders + 3), "hel");
  EXPECT_EQ(payload_text(frame, kHeaders), "");
  EXPECT_EQ(payload_text(frame, kHeaders - 4), "");  // cut inside the options
}

TEST(Tcp, options_may_be_cut_from_the_capture) {
  const auto frame = v4().tcp(1, 2, 0x02, {.options = 40}).payload(7).bytes();
  const auto captured = std::span{frame}.first(14 + 20 + 20);
  EXPECT_EQ(decoded(captured, LinkType::ethernet, static_cast<std::uint32_t>(frame.size())).value().payload, 7u);
}

TEST(Tcp, a_data_offset_that_cannot_be_is_refused) {
  EXPECT_EQ(decoded(v4().tcp(1, 2, 0, {.header_words = 4}).bytes()).error(), Reject::bad_transport_length);
  EXPECT_EQ(decoded(v4().tcp(1, 2, 0, {.header_words = 6}).bytes(80)).error(), Reject::bad_transport_length);
  EXPECT_EQ(decoded(v4().tcp(1, 2, 0, {.header_words = 6}).payload(4).bytes()).value().payload, 0u);
}

TEST(Udp, ports_and_payload_are_read) {
  for (auto ip : {v4(), v6()}) {
    const auto headers = decoded(ip.udp(50311, 8211).payload(120).bytes()).value();
    EXPECT_EQ(headers.protocol, Protocol::udp);
    EXPECT_EQ(headers.source_port, 50311);
    EXPECT_EQ(headers.destination_port, 8211);
    EXPECT_EQ(headers.payload, 120u);
  }
}

TEST(Udp, the_payload_is_as_long_as_its_own_header_says) {
  EXPECT_EQ(decoded(v4().udp(1, 2, 10).payload(20).bytes()).value().payload, 2u);
  EXPECT_EQ(decoded(v4().udp(1, 2, 8).payload(20).bytes()).value().payload, 0u);
}

TEST(Udp, a_length_that_cannot_be_is_refused) {
  for (const std::uint16_t length : std::initializer_list<std::uint16_t>{0, 7, 29}) {
    EXPECT_EQ(decoded(v4().udp(1, 2, length).payload(20).bytes()).error(), Reject::bad_transport_length) << length;
    EXPECT_EQ(decoded(v6().udp(1, 2, length).payload(20).bytes()).error(), Reject::bad_transport_length) << length;
  }
}

TEST(Icmp, the_type_is_read) {
  const auto echo = decoded(v4().icmp(8).bytes()).value();
  EXPECT_EQ(echo.protocol, Protocol::icmp);
  EXPECT_EQ(echo.icmp_type, 8);
  EXPECT_EQ(echo.payload, 0u);
  const auto solicitation = decoded(v6().icmp6(135).payload(16).bytes()).value();
  EXPECT_EQ(solicitation.protocol, Protocol::icmp6);
  EXPECT_EQ(solicitation.icmp_type, 135);
}

TEST(Icmp, each_version_of_ip_has_its_own) {
  EXPECT_EQ(decoded(v6().icmp(8).bytes()).value().protocol, Protocol::other);
  EXPECT_EQ(decoded(v4().icmp6(135).bytes()).value().protocol, Protocol::other);
}

TEST(Transport, a_header_that_was_not_sent_is_malformed_and_one_not_captured_is_cut) {
  struct Case {
    const char* name;
    PacketBuilder packet;
    std::uint8_t number;
    std::size_t needed;
  };
  const Case cases[] = {{"TCP", v4().tcp(1, 2, 0x02), 6, 20},
                        {"UDP", v6().udp(1, 2), 17, 8},
                        {"ICMP", v4().icmp(8), 1, 4},
                        {"ICMPv6", v6().icmp6(128), 58, 4}};
  for (const auto& [name, packet, number, needed] : cases) {
    const bool is_v6 = number == 17 || number == 58;
    const auto whole = packet.bytes();
    const std::size_t network = 14 + (is_v6 ? 40u : 20u);
    for (std::size_t size = 0; size < needed; ++size) {
      const auto captured = std::span{whole}.first(network + size);
      EXPECT_EQ(decoded(captured, LinkType::ethernet, static_cast<std::uint32_t>(whole.size())).error(),
                Reject::cut_transport)
          << name << ", " << size;
      const auto sent = (is_v6 ? v6() : v4()).next_header(number).payload(size).bytes(100);
      EXPECT_EQ(decoded(sent).error(), Reject::bad_transport_length) << name << ", " << size;
    }
  }
}

}  // namespace
}  // namespace tidegate::packet
