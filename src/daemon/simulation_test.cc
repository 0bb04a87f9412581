// Whole configurations against savefiles: every decision in the packets' own time.
#include "daemon/simulation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "tests/support/packet_builder.h"
#include "tests/support/savefile_bytes.h"
#include "tests/support/temporary_directory.h"

namespace tidegate {
namespace {

using namespace std::chrono_literals;
using test::PacketBuilder;
using test::SavedPacket;
using testing::AnyOf;
using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

constexpr std::uint32_t kEthernet = 1;
constexpr std::int64_t kSecond = 1'000'000'000;

SavedPacket udp(std::int64_t second, std::uint16_t port, const char* from = "203.0.113.7") {
  return {second * kSecond, PacketBuilder{}.ethernet().ipv4(from, "192.0.2.10").udp(50000, port).payload(8).bytes()};
}

SavedPacket tcp(std::int64_t second, std::uint16_t port, std::uint8_t flags) {
  return {second * kSecond,
          PacketBuilder{}.ethernet().ipv4("203.0.113.7", "192.0.2.10").tcp(50000, port, flags).bytes()};
}

std::vector<Event> events_of(const std::string& services, const std::vector<SavedPacket>& packets,
                             const Pseudonyms& names) {
  const test::TemporaryDirectory folder;
  const auto path = folder.write("a.pcap", test::pcap_bytes(kEthernet, packets));
  const auto config = parse_config("services:\n" + services, "test.yaml");
  EXPECT_TRUE(config) << (config ? "" : config.error().front().to_string());
  std::vector<Event> events;
  EXPECT_TRUE(simulate(config.value(), names, path, [&](const Event& event) { events.push_back(event); }));
  return events;
}

// "SECOND SERVICE EVENT" of each event.
std::vector<std::string> replayed(const std::string& services, const std::vector<SavedPacket>& packets) {
  std::vector<std::string> lines;
  for (const auto& event : events_of(services, packets, {})) {
    const auto second = std::chrono::floor<std::chrono::seconds>(event.at).time_since_epoch().count();
    lines.push_back(fmt::format("{} {} {}", second, event.service, to_string(event.kind)));
  }
  return lines;
}

Pseudonyms hashed() {
  constexpr std::array<std::uint8_t, 3> kKey{'f', 'o', 'o'};
  return Pseudonyms::make(Privacy::hash, kKey).value();
}

TEST(Simulation, wakes_with_the_packet_and_sleeps_when_it_has_been_idle) {
  const auto lines = replayed("- {name: a, ports: [udp/8211], start: x, idle: 60s}\n",
                              {udp(1000, 8211), udp(1050, 8211), udp(1060, 9999)});
  EXPECT_THAT(lines, ElementsAre("1000 a woke", "1000 a ready", "1110 a stopping", "1110 a slept"));
}

TEST(Simulation, wakes_again_between_packets_far_apart) {
  const auto lines =
      replayed("- {name: a, ports: [tcp/80], start: x, idle: 10s}\n",
               {tcp(1000, 80, tcp_flag::kSyn), tcp(1020, 80, tcp_flag::kAck), tcp(1030, 80, tcp_flag::kSyn)});
  EXPECT_THAT(lines, ElementsAre("1000 a woke", "1000 a ready", "1010 a stopping", "1010 a slept", "1030 a woke",
                                 "1030 a ready", "1040 a stopping", "1040 a slept"));
}

TEST(Simulation, keeps_services_apart) {
  const auto lines =
      replayed("- {name: a, ports: [udp/1], start: x, idle: 10s}\n- {name: b, ports: [udp/2], start: x, idle: 20s}\n",
               {udp(1000, 1), udp(1001, 2)});
  EXPECT_THAT(lines, ElementsAre("1000 a woke", "1000 a ready", "1001 b woke", "1001 b ready", "1010 a stopping",
                                 "1010 a slept", "1021 b stopping", "1021 b slept"));
}

TEST(Simulation, waits_for_as_many_packets_as_are_asked_for) {
  const auto lines =
      replayed("- {name: a, ports: [udp/1], start: x, idle: 10s, wake: {packets: 3/5s}, keep: {min_bytes: 100}}\n",
               {udp(1000, 1), udp(1004, 1), udp(1008, 1), udp(1009, 1), udp(1009, 1)});
  EXPECT_THAT(lines, ElementsAre("1009 a woke", "1009 a ready", "1019 a stopping", "1019 a slept"));
}

TEST(Simulation, takes_what_a_capture_s_filter_passes) {
  const auto lines = replayed(
      "- {name: a, sensors: [{pcap: {interface: tun0, filter: \"not host 203.0.113.7\"}}], start: x, idle: 10s}\n",
      {udp(1000, 1), udp(1002, 7, "203.0.113.8")});
  EXPECT_THAT(lines, ElementsAre("1002 a woke", "1002 a ready", "1012 a stopping", "1012 a slept"));
}

TEST(Simulation, gives_the_same_answer_every_time) {
  std::vector<SavedPacket> packets;
  packets.reserve(500);
  for (std::int64_t i = 0; i < 500; ++i)
    packets.push_back(udp(1000 + i * 7 % 400, static_cast<std::uint16_t>(1 + i % 3)));
  std::ranges::sort(packets, {}, &SavedPacket::nanoseconds);
  const std::string services =
      "- {name: a, ports: [udp/1], start: x, idle: 3s}\n- {name: b, ports: [udp/2], start: x, idle: 9s}\n";
  const auto once = replayed(services, packets);
  EXPECT_GT(once.size(), 8U);
  EXPECT_EQ(replayed(services, packets), once);
}

TEST(Simulation, names_the_packet_that_woke_as_it_is_without_privacy) {
  const auto events =
      events_of("- {name: a, ports: [udp/8211], start: x, idle: 60s}\n", {udp(1000, 8211, "10.0.0.1")}, {});
  ASSERT_THAT(events, Not(IsEmpty()));
  EXPECT_EQ(events[0].text, "UDP 10.0.0.1:50000 → 192.0.2.10:8211, 36 bytes");
}

TEST(Simulation, hides_the_client_where_addresses_are_hidden) {
  const auto events = events_of("- {name: a, ports: [udp/8211], address: 192.0.2.10, start: x, idle: 60s}\n",
                                {udp(1000, 8211, "10.0.0.1")}, hashed());
  ASSERT_THAT(events, Not(IsEmpty()));
  EXPECT_EQ(events[0].text, "UDP e506c8d69687f534:50000 → 192.0.2.10:8211, 36 bytes");
  for (const auto& event : events) EXPECT_THAT(event.text, Not(HasSubstr("10.0.0.1")));
}

TEST(Simulation, hides_the_other_end_too_where_the_service_does_not_name_it) {
  const auto events = events_of(
      "- {name: a, ports: [udp/8211], start: x, idle: 60s}\n"
      "- {name: b, sensors: [{pcap: {interface: tun0, filter: udp port 9999}}], start: x, idle: 60s}\n",
      {udp(1000, 8211, "10.0.0.1"), udp(1001, 9999, "10.0.0.1")}, hashed());
  ASSERT_THAT(events, Contains(Field(&Event::kind, EventKind::woke)).Times(2));
  for (const auto& event : events) {
    EXPECT_THAT(event.text, Not(AnyOf(HasSubstr("10.0.0.1"), HasSubstr("192.0.2.10"))));
    if (event.kind == EventKind::woke) EXPECT_THAT(event.text, StartsWith("UDP e506c8d69687f534:50000 → "));
  }
}

}  // namespace
}  // namespace tidegate
