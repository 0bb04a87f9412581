#include "meter/tally.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <map>
#include <random>

#include "tests/support/samples.h"

namespace tidegate {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::tcp_sample;
using testing::ElementsAre;
using testing::Field;

using enum Direction;
constexpr auto kSyn = tcp_flag::kSyn;
constexpr auto kAck = tcp_flag::kAck;
constexpr auto kRst = tcp_flag::kRst;
constexpr const char* kClient = "203.0.113.7";
constexpr const char* kServer = "192.0.2.10";

constexpr auto kCount = &TallyReport::Source::count;

class TallyTest : public testing::Test {
 protected:
  // A packet of the client's, or one of the server's to it.
  bool from_client(std::uint8_t flags, std::uint16_t port = 50'000, std::uint16_t to = 80) {
    return add(tcp_sample(kClient, port, kServer, to, flags));
  }
  bool from_server(std::uint8_t flags, std::uint16_t port = 50'000, std::uint16_t from = 80) {
    return add(tcp_sample(kServer, from, kClient, port, flags));
  }
  bool add(Sample sample, Direction direction = unknown) {
    sample.at = test::at(now_);
    sample.direction = direction;
    return tally_.add(sample);
  }
  void expect(std::uint64_t connections, const TallyOutcomes& outcomes) const {
    const auto report = tally_.report();
    EXPECT_EQ(report.connections, connections);
    EXPECT_EQ(report.outcomes, outcomes);
    const auto ended = outcomes.established + outcomes.refused + outcomes.unanswered;
    EXPECT_EQ(report.pending, connections - ended);
    if (connections == 0) return;
    ASSERT_EQ(report.sources.size(), 1u);
    EXPECT_EQ(report.sources.front().count, connections);
    EXPECT_EQ(report.sources.front().outcomes, outcomes);
  }

  Tally tally_{TallySettings{}};
  Duration now_ = seconds{1000};
};

TEST_F(TallyTest, counts_a_connection_by_its_source_and_destination_port) {
  EXPECT_TRUE(from_client(kSyn, 50'000, 443));
  EXPECT_TRUE(from_client(kSyn, 50'001, 443));
  EXPECT_TRUE(from_client(kSyn, 50'002, 22));
  EXPECT_TRUE(add(tcp_sample("2001:db8::1", 50'003, "2001:db8::2", 80, kSyn)));
  const auto report = tally_.report();
  ASSERT_THAT(report.sources, ElementsAre(Field(kCount, 3), Field(kCount, 1)));
  EXPECT_EQ(report.sources[0].address, test::ip(kClient));
  EXPECT_THAT(report.sources[0].ports, ElementsAre(TallyReport::Port{443, 2, 0}, TallyReport::Port{22, 1, 0}));
  EXPECT_EQ(report.sources[1].address, test::ip("2001:db8::1"));
  EXPECT_THAT(report.sources[1].ports, ElementsAre(TallyReport::Port{80, 1, 0}));
  EXPECT_EQ(tally_.connections(), 4u);
}

TEST_F(TallyTest, orders_sources_by_count_then_address_and_ports_by_count_then_number) {
  for (const char* const source : {"10.0.0.3", "10.0.0.2", "10.0.0.1", "10.0.0.2"}) {
    for (const std::uint16_t port : {std::uint16_t{90}, std::uint16_t{80}, std::uint16_t{90}}) {
      ++now_;
      add(tcp_sample(source, static_cast<std::uint16_t>(now_.count() % 60'000), kServer, port, kSyn));
    }
  }
  const auto report = tally_.report();
  EXPECT_THAT(report.sources, ElementsAre(Field(&TallyReport::Source::address, test::ip("10.0.0.2")),
                                          Field(&TallyReport::Source::address, test::ip("10.0.0.1")),
                                          Field(&TallyReport::Source::address, test::ip("10.0.0.3"))));
  EXPECT_THAT(report.sources[0].ports, ElementsAre(TallyReport::Port{90, 4, 0}, TallyReport::Port{80, 2, 0}));
}

TEST_F(TallyTest, does_not_count_what_is_no_first_syn_or_not_tcp) {
  EXPECT_FALSE(from_client(kSyn | kAck));
  EXPECT_FALSE(from_client(kAck));
  EXPECT_FALSE(from_client(kRst));
  EXPECT_FALSE(from_client(0));
  EXPECT_FALSE(add(test::udp_sample(kClient, 1, kServer, 80)));
  expect(0, {});
  EXPECT_TRUE(from_client(kSyn | 0xc0));  // ECN setup (RFC 3168, section 6.1.1)
  expect(1, {});
}

TEST_F(TallyTest, does_not_count_a_connection_that_goes_out) {
  EXPECT_FALSE(add(tcp_sample(kClient, 1, kServer, 80, kSyn), out));
  EXPECT_TRUE(add(tcp_sample(kClient, 2, kServer, 80, kSyn), in));
  EXPECT_TRUE(add(tcp_sample(kClient, 3, kServer, 80, kSyn), unknown));
  expect(2, {});
}

TEST(Tally, counts_only_its_ports) {
  for (const bool syn_packets : {false, true}) {
    Tally tally{{.ports = {PortRange::parse("tcp/80-90").value(), PortRange::parse("tcp/22").value()},
                 .syn_packets = syn_packets}};
    for (const std::uint16_t port : {std::uint16_t{22}, std::uint16_t{79}, std::uint16_t{80}, std::uint16_t{90},
                                     std::uint16_t{91}, std::uint16_t{443}})
      tally.add(tcp_sample(kClient, port, kServer, port, kSyn));
    EXPECT_EQ(tally.connections(), 3u);
  }
}

TEST_F(TallyTest, takes_a_syn_before_the_initiators_next_packet_for_a_retransmission) {
  EXPECT_TRUE(from_client(kSyn));
  EXPECT_FALSE(from_client(kSyn));
  from_server(kSyn | kAck);
  EXPECT_FALSE(from_client(kSyn));  // the answer was lost behind us
  expect(1, {.retransmitted = 2});
  from_client(kAck);
  expect(1, {.established = 1, .retransmitted = 2});
  EXPECT_TRUE(from_client(kSyn));  // the same ports again
  expect(2, {.established = 1, .retransmitted = 2});
}

TEST_F(TallyTest, counts_as_established_when_the_initiator_goes_on_though_the_answer_was_not_seen) {
  from_client(kSyn);
  from_client(kAck | tcp_flag::kPsh);
  expect(1, {.established = 1});
}

TEST_F(TallyTest, is_not_established_by_the_answer_alone) {
  from_client(kSyn);
  from_server(kSyn | kAck);
  expect(1, {});
  tally_.finish();
  expect(1, {.unanswered = 1});
}

TEST_F(TallyTest, counts_as_refused_when_a_reset_of_either_side_comes_first) {
  from_client(kSyn, 1);
  from_server(kRst | kAck, 1);
  expect(1, {.refused = 1});
  from_client(kSyn, 2);
  from_server(kSyn | kAck, 2);
  from_client(kRst, 2);
  expect(2, {.refused = 2});
}

TEST_F(TallyTest, is_established_and_not_refused_when_the_reset_comes_later) {
  from_client(kSyn);
  from_server(kSyn | kAck);
  from_client(kAck);
  from_server(kRst | kAck);
  from_client(kRst);
  expect(1, {.established = 1});
}

TEST_F(TallyTest, counts_as_unanswered_after_its_patience_since_the_last_syn) {
  from_client(kSyn);
  now_ += seconds{64};
  from_client(kSyn);
  now_ += Tally::kPatience - milliseconds{1};
  tally_.advance(Instant{now_});
  expect(1, {.retransmitted = 1});
  now_ += milliseconds{1};
  tally_.advance(Instant{now_});
  expect(1, {.unanswered = 1, .retransmitted = 1});
  EXPECT_TRUE(from_client(kSyn));
  expect(2, {.unanswered = 1, .retransmitted = 1});
}

TEST_F(TallyTest, lets_any_packet_tell_the_time) {
  from_client(kSyn, 1);
  now_ += Tally::kPatience;
  from_server(kAck, 9);
  expect(1, {.unanswered = 1});
}

TEST_F(TallyTest, takes_an_earlier_time_for_the_latest) {
  from_client(kSyn, 1);
  now_ -= seconds{500};
  from_client(kSyn, 2);
  tally_.advance(Instant{seconds{1000} + Tally::kPatience - seconds{1}});
  expect(2, {});
  tally_.advance(Instant{seconds{1000} + Tally::kPatience});
  expect(2, {.unanswered = 2});
}

TEST_F(TallyTest, counts_what_has_no_room_as_unanswered_and_says_so) {
  for (std::size_t i = 0; i < Tally::kMostPending + 10; ++i)
    EXPECT_TRUE(from_client(kSyn, static_cast<std::uint16_t>(i), static_cast<std::uint16_t>(1000 + (i >> 16))));
  expect(Tally::kMostPending + 10, {.unanswered = 10});
  EXPECT_EQ(tally_.report().given_up, 10u);
  EXPECT_FALSE(from_client(kSyn, 10, 1000));  // the oldest that is still known
  EXPECT_EQ(tally_.report().given_up, 10u);
  EXPECT_TRUE(from_client(kSyn, 9, 1000));
}

TEST(TallyReport, is_shortened_to_the_biggest_and_says_what_the_others_can_have) {
  const auto source = [](const char* address, std::uint64_t count) {
    TallyReport::Source made{.address = test::ip(address), .count = count};
    for (std::uint16_t port = 1; port <= 3; ++port) made.ports.push_back({port, count / port, 0});
    return made;
  };
  TallyReport report;
  report.sources = {source("192.0.2.1", 60), source("192.0.2.2", 30), source("192.0.2.3", 6)};
  report.shorten(2, 1);
  ASSERT_EQ(report.sources.size(), 2u);
  for (const auto& kept : report.sources) EXPECT_EQ(kept.ports.size(), 1u);
  EXPECT_EQ(report.sources_floor, 6u);
  EXPECT_EQ(report.ports_floor, 30u);
}

// However often the SYN of a connection is sent before the initiator goes on, it counts once: random interleavings.
TEST_F(TallyTest, counts_each_connection_once_however_often_its_syn_is_sent) {
  constexpr std::uint16_t kConnections = 500;
  std::mt19937 random{11};
  std::vector<std::uint16_t> sends;
  std::uint64_t repeats = 0;
  for (std::uint16_t port = 0; port < kConnections; ++port) {
    const auto times = 1 + random() % 7;
    sends.insert(sends.end(), times, port);
    repeats += times - 1;
  }
  std::ranges::shuffle(sends, random);
  for (const auto port : sends) {
    now_ += milliseconds{random() % 20};
    from_client(kSyn, port);
    if (random() % 3 == 0) from_server(kSyn | kAck, port);
  }
  expect(kConnections, {.retransmitted = repeats});
  for (std::uint16_t port = 0; port < kConnections; ++port) from_client(kAck, port);
  expect(kConnections, {.established = kConnections, .retransmitted = repeats});
}

TEST(TallyOfSynPackets, counts_each_syn_as_pulso_does) {
  Tally tally{{.syn_packets = true}};
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(tally.add(tcp_sample(kClient, 1, kServer, 80, kSyn)));
  EXPECT_FALSE(tally.add(tcp_sample(kServer, 80, kClient, 1, kSyn | kAck)));
  EXPECT_FALSE(tally.add(tcp_sample(kClient, 1, kServer, 80, kAck)));
  tally.finish();
  const auto report = tally.report();
  EXPECT_EQ(report.connections, 3u);
  EXPECT_EQ(report.outcomes, TallyOutcomes{});
  EXPECT_EQ(report.pending, 0u);
}

Sample random_syn(std::mt19937& random, IpAddress source) {
  Sample sample = tcp_sample(kClient, 1, kServer, static_cast<std::uint16_t>(random() % 20), kSyn);
  sample.flow.source.address = source;
  sample.flow.source.port = static_cast<std::uint16_t>(random());
  return sample;
}

// The truth lies between count - error and count for each source and port, and nothing bigger than the floor is
// missing.
TEST(Tally, keeps_the_biggest_under_a_flood_of_random_sources_within_its_error) {
  for (const bool syn_packets : {false, true}) {
    std::mt19937 random{5};
    Tally tally{{.syn_packets = syn_packets, .sources = 200}};
    std::map<IpAddress, std::uint64_t> truth;
    std::map<Endpoint, std::uint64_t> truth_of_ports;
    for (int i = 0; i < 200'000; ++i) {
      // A quarter from ten sources, a quarter from some that go and come again, the rest from anywhere.
      const auto kind = random() % 4;
      const auto number = static_cast<std::uint32_t>(kind == 0   ? random() % 10
                                                     : kind == 1 ? random() % 1000
                                                                 : random());
      std::array<std::uint8_t, 4> bytes{};
      std::memcpy(bytes.data(), &number, bytes.size());
      const auto source = IpAddress::v4(bytes);
      const auto syn = random_syn(random, source);
      if (!tally.add(syn)) continue;
      ++truth[source];
      ++truth_of_ports[{source, syn.flow.destination.port}];
    }
    const auto report = tally.report();
    ASSERT_EQ(report.sources.size(), 200u);
    std::uint64_t all = 0;
    for (const auto& source : report.sources) {
      all += source.count;
      ASSERT_LE(source.count - source.error, truth[source.address]);
      ASSERT_GE(source.count, truth[source.address]);
      for (const auto& port : source.ports) {
        const auto true_count = truth_of_ports[{source.address, port.port}];
        ASSERT_LE(port.count - port.error, true_count);
        ASSERT_GE(port.count, true_count);
        ASSERT_LE(port.count, source.count);
      }
    }
    EXPECT_EQ(all, report.connections);
    EXPECT_LE(report.sources_floor, report.connections / 200);
    for (std::size_t i = 0; i < 10; ++i)
      EXPECT_GT(truth[report.sources[i].address], report.sources_floor) << report.sources[i].address.to_string();
  }
}

TEST(Tally, keeps_every_port_of_a_scan) {
  Tally tally{{.syn_packets = true, .sources = 10}};
  for (unsigned port = 1; port <= 65'535; ++port)
    tally.add(tcp_sample(kClient, 1, kServer, static_cast<std::uint16_t>(port), kSyn));
  const auto report = tally.report();
  ASSERT_EQ(report.sources.size(), 1u);
  EXPECT_EQ(report.sources[0].count, 65'535u);
  ASSERT_EQ(report.sources[0].ports.size(), 65'535u);
  EXPECT_EQ(report.sources[0].ports.front(), (TallyReport::Port{1, 1, 0}));
  EXPECT_EQ(report.ports_floor, 0u);
}

TEST(Tally, counts_the_same_whatever_its_seed) {
  const auto run = [](std::uint64_t seed) {
    std::mt19937 random{5};
    Tally tally{{.sources = 50}, seed};
    for (int i = 0; i < 20'000; ++i) {
      std::array<std::uint8_t, 4> bytes{10, 0, 0, static_cast<std::uint8_t>(random() % 150)};
      tally.add(random_syn(random, IpAddress::v4(bytes)));
    }
    return tally.report().sources;
  };
  EXPECT_EQ(run(1), run(2));
}

}  // namespace
}  // namespace tidegate
