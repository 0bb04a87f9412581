#include "meter/clients.h"

#include <gtest/gtest.h>

#include "meter/own_traffic.h"
#include "tests/support/samples.h"

namespace tidegate {
namespace {

using namespace std::chrono_literals;
using test::udp_sample;

constexpr const char* kHost = "192.0.2.10";

Sample from(const char* client, Duration when, std::uint32_t interface = 1) {
  Sample sample = udp_sample(client, 5, kHost, 53);
  sample.direction = Direction::in;
  sample.at = test::at(when);
  sample.interface = interface;
  return sample;
}

TEST(ClientTable, counts_each_way_by_client) {
  ClientTable table;
  table.add(from("203.0.113.7", 1s));
  Sample answer = udp_sample(kHost, 53, "203.0.113.7", 5, 100);
  answer.direction = Direction::out;
  answer.at = test::at(2s);
  answer.interface = 1;
  table.add(answer);
  table.add(from("203.0.113.8", 3s));

  const auto clients = table.since(Instant{});
  ASSERT_EQ(clients.size(), 2U);
  EXPECT_EQ(clients[0].endpoint.to_string(), "203.0.113.8:5") << "the latest first";
  EXPECT_EQ(clients[1].bytes_in, 48U);
  EXPECT_EQ(clients[1].bytes_out, 128U);
  EXPECT_EQ(clients[1].packets, 2U);
  EXPECT_EQ(table.bytes_in(), 96U);
  EXPECT_EQ(table.bytes_out(), 128U);
  EXPECT_EQ(table.count_since(Instant{3s}), 1U);
  EXPECT_EQ(table.count_since(Instant{4s}), 0U);
}

TEST(ClientTable, does_not_count_a_packet_again_that_another_interface_shows) {
  ClientTable table;
  table.add(from("203.0.113.7", 1s, 1));
  table.add(from("203.0.113.7", 1s, 2));  // the VLAN above it
  EXPECT_EQ(table.bytes_in(), 48U);
  table.add(from("203.0.113.7", 7s, 2));  // it has moved there
  EXPECT_EQ(table.bytes_in(), 96U);
}

TEST(ClientTable, is_not_confused_about_who_is_the_latest_by_what_another_interface_shows) {
  ClientTable table;
  table.add(from("203.0.113.7", 10s, 1));
  table.add(from("203.0.113.8", 12s, 1));
  table.add(from("203.0.113.7", 14s, 2));  // not counted, so its last packet is that of 10 s
  EXPECT_EQ(table.count_since(Instant{11s}), 1U);
  ASSERT_EQ(table.since(Instant{}).size(), 2U);
  EXPECT_EQ(table.since(Instant{})[0].endpoint.to_string(), "203.0.113.8:5") << "the latest first";
}

TEST(ClientTable, counts_what_goes_out_on_another_interface_than_it_came_in) {
  ClientTable table;
  table.add(from("203.0.113.7", 1s, 1));
  Sample answer = udp_sample(kHost, 53, "203.0.113.7", 5, 100);
  answer.direction = Direction::out;
  answer.at = test::at(1s);
  answer.interface = 2;
  table.add(answer);
  EXPECT_EQ(table.bytes_in(), 48U);
  EXPECT_EQ(table.bytes_out(), 128U);
}

TEST(ClientTable, stays_bounded_under_a_flood_and_keeps_the_live_ones) {
  ClientTable table;
  for (std::uint32_t i = 0; i < 3 * ClientTable::kMost; ++i) {
    const std::array<std::uint8_t, 4> bytes{10, static_cast<std::uint8_t>(i >> 16), static_cast<std::uint8_t>(i >> 8),
                                            static_cast<std::uint8_t>(i)};
    Sample sample = from("10.0.0.1", Duration{i});
    sample.flow.source.address = IpAddress::v4(bytes);
    table.add(sample);
    if (i % 1000 == 0) table.add(from("203.0.113.7", Duration{i}));
  }
  const auto clients = table.since(Instant{});
  EXPECT_EQ(clients.size(), ClientTable::kMost);
  const auto live =
      std::ranges::find(clients, "203.0.113.7:5", [](const Client& client) { return client.endpoint.to_string(); });
  ASSERT_NE(live, clients.end());
  EXPECT_EQ(live->packets, 13U);
  EXPECT_EQ(table.packets_in(), 3 * ClientTable::kMost + 13) << "totals remember whom the table forgot";
}

TEST(OwnTraffic, covers_a_probe_both_ways_and_for_a_while) {
  OwnTraffic own;
  own.add(Protocol::udp, {test::ip("127.0.0.1"), 5}, Instant{1s});
  Sample probe = udp_sample("127.0.0.1", 5, kHost, 53);
  probe.at = test::at(2s);
  EXPECT_TRUE(own.covers(probe));
  std::swap(probe.flow.source, probe.flow.destination);
  EXPECT_TRUE(own.covers(probe));
  probe.at = test::at(32s);
  EXPECT_FALSE(own.covers(probe));
}

TEST(OwnTraffic, takes_an_unknown_address_for_any) {
  OwnTraffic own;
  own.add(Protocol::udp, {test::ip("0.0.0.0"), 5}, Instant{});
  EXPECT_TRUE(own.covers(udp_sample("198.51.100.1", 5, kHost, 53)));
  EXPECT_FALSE(own.covers(udp_sample("198.51.100.1", 6, kHost, 53)));
  EXPECT_FALSE(own.covers(test::tcp_sample("198.51.100.1", 5, kHost, 53, 0)));
}

}  // namespace
}  // namespace tidegate
