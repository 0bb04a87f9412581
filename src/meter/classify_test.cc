#include "meter/classify.h"

#include <gtest/gtest.h>

#include "tests/support/samples.h"

namespace tidegate {
namespace {

using namespace std::chrono_literals;
using test::tcp_sample;
using test::udp_sample;

constexpr const char* kClient = "203.0.113.7";
constexpr const char* kServer = "192.0.2.10";

Sample syn() { return tcp_sample(kClient, 50000, kServer, 80, tcp_flag::kSyn); }
Sample ack() { return tcp_sample(kClient, 50000, kServer, 80, tcp_flag::kAck); }

Sample towards(Sample sample, Direction direction) {
  sample.direction = direction;
  return sample;
}

Class by_default(const Sample& sample) {
  return Classifier{default_wake(true), default_keep(true)}.classify(towards(sample, Direction::in));
}

TEST(Classify, a_new_connection_or_a_datagram_wakes_by_default) {
  EXPECT_EQ(by_default(syn()), Class::wake);
  EXPECT_EQ(by_default(udp_sample(kClient, 50000, kServer, 8211)), Class::wake);
}

TEST(Classify, what_belongs_to_a_connection_only_renews_by_default) {
  EXPECT_EQ(by_default(ack()), Class::keep);
  EXPECT_EQ(by_default(tcp_sample(kClient, 50000, kServer, 80, tcp_flag::kFin | tcp_flag::kAck)), Class::keep);
  EXPECT_EQ(by_default(tcp_sample(kClient, 50000, kServer, 80, tcp_flag::kSyn | tcp_flag::kAck)), Class::keep);
}

TEST(Classify, after_a_handshake_a_syn_alone_does_not_wake_and_its_acknowledgement_does) {
  SampleRule wake = default_wake(true);
  wake.handshake = true;
  wake.not_from = {Cidr::parse("203.0.113.8").value()};
  Classifier classifier{wake, default_keep(true)};
  EXPECT_EQ(classifier.classify(ack()), Class::keep) << "there was no SYN";
  EXPECT_EQ(classifier.classify(syn()), Class::keep);
  EXPECT_EQ(classifier.classify(ack()), Class::wake);
  EXPECT_EQ(classifier.classify(tcp_sample("203.0.113.8", 1, kServer, 80, tcp_flag::kSyn)), Class::keep);
  EXPECT_EQ(classifier.classify(tcp_sample("203.0.113.8", 1, kServer, 80, tcp_flag::kAck)), Class::keep);
  EXPECT_EQ(classifier.classify(udp_sample(kClient, 1, kServer, 80)), Class::wake) << "UDP has none";
  EXPECT_EQ(classifier.classify_accepted(syn(), false), Class::wake) << "a forward has accepted it";
  EXPECT_EQ(classifier.classify(syn()), Class::keep);
  EXPECT_EQ(classifier.classify(tcp_sample(kClient, 50000, kServer, 80, tcp_flag::kRst)), Class::ignore);
  EXPECT_EQ(classifier.classify(ack()), Class::keep) << "a scanner took it back";
}

TEST(Classify, the_service_s_own_packets_are_ignored_by_default) {
  Classifier classifier{default_wake(true), default_keep(true)};
  EXPECT_EQ(classifier.classify(towards(syn(), Direction::out)), Class::ignore);
  EXPECT_EQ(classifier.classify(towards(syn(), Direction::unknown)), Class::wake);
}

TEST(Classify, noise_neither_wakes_nor_renews_unless_it_is_asked_for) {
  Sample broadcast = udp_sample(kClient, 1, "255.255.255.255", 8211);
  broadcast.cast = Cast::broadcast;
  Sample multicast = udp_sample(kClient, 1, "239.1.1.1", 8211);
  multicast.cast = Cast::multicast;
  Sample ping;
  ping.flow = {{test::ip(kClient), 0}, {test::ip(kServer), 0}, Protocol::icmp};
  ping.icmp_type = 8;
  Sample solicitation;
  solicitation.flow = {{test::ip("fe80::1"), 0}, {test::ip("fe80::2"), 0}, Protocol::icmp6};
  solicitation.icmp_type = 135;
  Sample arp;
  arp.flow.protocol = Protocol::arp;
  arp.cast = Cast::broadcast;  // as requests are: it is its kind that counts
  const Sample reset = tcp_sample(kClient, 50000, kServer, 80, tcp_flag::kRst | tcp_flag::kAck);

  const std::pair<Sample, Noise> cases[] = {{broadcast, Noise::broadcast},
                                            {multicast, Noise::multicast},
                                            {ping, Noise::icmp},
                                            {solicitation, Noise::neighbour},
                                            {arp, Noise::arp},
                                            {reset, Noise::rst}};
  for (const auto& [sample, noise] : cases) {
    EXPECT_EQ(by_default(sample), Class::ignore) << describe(sample);
    SampleRule rule = default_wake(false);
    rule.also = static_cast<std::uint8_t>(noise);
    EXPECT_TRUE(takes(rule, sample)) << describe(sample);
    rule.also = static_cast<std::uint8_t>(~static_cast<unsigned>(noise));
    EXPECT_FALSE(takes(rule, sample)) << describe(sample);
  }
}

TEST(Classify, sources_count_as_the_rule_says_whichever_way_the_packet_goes) {
  SampleRule rule = default_keep(false);
  rule.from = {Cidr::parse("203.0.113.0/24").value()};
  EXPECT_TRUE(takes(rule, ack()));
  EXPECT_FALSE(takes(rule, tcp_sample("198.51.100.1", 1, kServer, 80, tcp_flag::kAck)));
  EXPECT_TRUE(takes(rule, towards(tcp_sample(kServer, 80, kClient, 50000, tcp_flag::kAck), Direction::out)));
  rule.not_from = {Cidr::parse(kClient).value()};
  EXPECT_FALSE(takes(rule, ack()));
  EXPECT_TRUE(takes(rule, tcp_sample("203.0.113.8", 1, kServer, 80, tcp_flag::kAck)));
}

TEST(Classify, ports_direction_flags_and_length_narrow_a_rule) {
  SampleRule rule = default_keep(false);
  rule.ports = {PortRange::parse("udp/8211").value()};
  EXPECT_TRUE(takes(rule, udp_sample(kClient, 1, kServer, 8211)));
  EXPECT_FALSE(takes(rule, udp_sample(kClient, 1, kServer, 8212)));
  rule.min_bytes = 21;
  EXPECT_FALSE(takes(rule, udp_sample(kClient, 1, kServer, 8211, 20)));
  EXPECT_TRUE(takes(rule, udp_sample(kClient, 1, kServer, 8211, 21)));

  SampleRule pushes = default_keep(false);
  pushes.flags = {.set = tcp_flag::kPsh, .clear = tcp_flag::kFin};
  pushes.direction = Direction::out;
  EXPECT_FALSE(takes(pushes, ack()));
  EXPECT_TRUE(
      takes(pushes, towards(tcp_sample(kServer, 80, kClient, 1, tcp_flag::kPsh | tcp_flag::kAck), Direction::out)));
  EXPECT_FALSE(takes(pushes, towards(tcp_sample(kClient, 1, kServer, 80, tcp_flag::kPsh), Direction::in)));
  EXPECT_TRUE(takes(pushes, udp_sample(kClient, 1, kServer, 80))) << "flags are asked of TCP alone";
}

TEST(Classify, ack_only_lets_nothing_but_tcp_with_ack_renew) {
  SampleRule keep = default_keep(false);
  keep.ack_only = true;
  Classifier classifier{default_wake(true), keep};
  EXPECT_EQ(classifier.classify(ack()), Class::keep);
  EXPECT_EQ(classifier.classify(syn()), Class::wake);
  EXPECT_EQ(classifier.classify(syn(), true), Class::ignore) << "once it is awake only acknowledgements renew";
  EXPECT_EQ(classifier.classify(ack(), true), Class::keep);
  EXPECT_FALSE(takes(keep, syn()));
  EXPECT_FALSE(takes(keep, udp_sample(kClient, 1, kServer, 80)));
}

TEST(Classify, a_packet_rate_must_be_reached_by_one_source_before_it_wakes) {
  SampleRule wake = default_wake(true);
  wake.packets = PacketRate{3, 10s};
  SampleRule keep = default_keep(true);
  keep.flags = {.set = tcp_flag::kAck, .clear = 0};
  Classifier classifier{wake, keep};
  const auto knock = [&](const char* from, Duration when) {
    Sample sample = tcp_sample(from, 1, kServer, 80, tcp_flag::kSyn);
    sample.at = test::at(when);
    return classifier.classify(sample);
  };
  EXPECT_EQ(knock(kClient, 0s), Class::ignore);
  EXPECT_EQ(knock("203.0.113.8", 1s), Class::ignore);
  EXPECT_EQ(knock(kClient, 2s), Class::ignore);
  EXPECT_EQ(knock(kClient, 11s), Class::ignore) << "the first is too old by now";
  EXPECT_EQ(knock(kClient, 12s), Class::wake);
}

TEST(SourceRate, forgets_the_source_that_was_silent_for_longest) {
  SourceRate rate{{2, 1h}};
  const auto source = [](std::size_t i) {
    const std::array<std::uint8_t, 4> bytes{10, static_cast<std::uint8_t>(i >> 16), static_cast<std::uint8_t>(i >> 8),
                                            static_cast<std::uint8_t>(i)};
    return IpAddress::v4(bytes);
  };
  for (std::size_t i = 0; i < SourceRate::kMostSources; ++i) EXPECT_FALSE(rate.add(source(i), Instant{}));
  EXPECT_TRUE(rate.add(source(0), Instant{})) << "known, and the latest from now on";
  EXPECT_FALSE(rate.add(source(1'000'000), Instant{}));  // source 1 leaves
  EXPECT_EQ(rate.sources(), SourceRate::kMostSources);
  EXPECT_FALSE(rate.add(source(1), Instant{})) << "it had been forgotten";
  EXPECT_TRUE(rate.add(source(0), Instant{}));
}

}  // namespace
}  // namespace tidegate
