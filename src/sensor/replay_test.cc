// Savefiles of either format, byte order and precision give the same samples; time is the packets' and never goes
// back.
#include "sensor/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/packet_builder.h"
#include "tests/support/savefile_bytes.h"
#include "tests/support/temporary_directory.h"

namespace tidegate {
namespace {

using test::PacketBuilder;
using test::pcap_bytes;
using test::pcapng_bytes;
using test::SavedPacket;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::int64_t kSecond = 1'000'000'000;

test::Bytes udp_to(std::uint16_t port) {
  return PacketBuilder{}.ethernet().ipv4("192.0.2.1", "192.0.2.10").udp(1000, port).payload(100).bytes();
}

class Replay : public testing::Test {
 protected:
  // Plays the whole savefile into `samples_`.
  Result<ReplayCount> run(const test::Bytes& savefile, const std::string& filter = "") {
    path_ = directory_.write("packets.pcap", savefile);
    ReplayCount count;
    const auto read =
        replay(path_, filter, count, [this](const Sample& sample, const Frame&) { samples_.push_back(sample); });
    if (!read) return std::unexpected{read.error()};
    return count;
  }
  [[nodiscard]] std::vector<std::uint16_t> ports() const {
    std::vector<std::uint16_t> ports(samples_.size());
    std::ranges::transform(samples_, ports.begin(), [](const Sample& sample) { return sample.flow.destination.port; });
    return ports;
  }
  [[nodiscard]] std::vector<std::int64_t> times() const {
    std::vector<std::int64_t> times(samples_.size());
    std::ranges::transform(samples_, times.begin(),
                           [](const Sample& sample) { return sample.at.wall.time_since_epoch().count(); });
    return times;
  }

  test::TemporaryDirectory directory_;
  std::string path_;
  std::vector<Sample> samples_;
};

TEST_F(Replay, every_kind_of_savefile_gives_the_same_samples) {
  const std::vector<SavedPacket> packets{{.nanoseconds = 1700000000 * kSecond + 123'456'000, .frame = udp_to(53)},
                                         {.nanoseconds = 1700000001 * kSecond + 1'000, .frame = udp_to(54)}};
  for (const bool big_endian : {false, true}) {
    for (const bool nanoseconds : {false, true}) {
      samples_.clear();
      const auto count = run(pcap_bytes(1, packets, {.big_endian = big_endian, .nanoseconds = nanoseconds})).value();
      EXPECT_EQ(count.packets, 2u);
      EXPECT_EQ(count.rejected, 0u);
      EXPECT_THAT(ports(), ElementsAre(53, 54));
      EXPECT_THAT(times(), ElementsAre(packets[0].nanoseconds, packets[1].nanoseconds));
    }
    samples_.clear();
    EXPECT_EQ(run(pcapng_bytes(1, packets, {.big_endian = big_endian})).value().packets, 2u);
    EXPECT_THAT(ports(), ElementsAre(53, 54));
    EXPECT_THAT(times(), ElementsAre(packets[0].nanoseconds, packets[1].nanoseconds));
  }
}

TEST_F(Replay, times_are_exact_to_the_nanosecond_and_the_same_on_both_clocks) {
  const auto at = 1700000000 * kSecond + 123'456'789;
  ASSERT_TRUE(run(pcap_bytes(1, {{.nanoseconds = at, .frame = udp_to(53)}})));
  ASSERT_EQ(samples_.size(), 1u);
  EXPECT_EQ(samples_[0].at.wall, WallTime{Duration{at}});
  EXPECT_EQ(samples_[0].at.instant, Instant{Duration{at}});
}

TEST_F(Replay, time_never_goes_back) {
  const auto file = pcap_bytes(1, {{.nanoseconds = 5 * kSecond, .frame = udp_to(1)},
                                   {.nanoseconds = 3 * kSecond, .frame = udp_to(2)},
                                   {.nanoseconds = 6 * kSecond, .frame = udp_to(3)}});
  ASSERT_TRUE(run(file));
  EXPECT_THAT(times(), ElementsAre(5 * kSecond, 5 * kSecond, 6 * kSecond));
}

TEST_F(Replay, a_time_beyond_every_clock_is_brought_within) {
  const auto file = pcapng_bytes(1, {{.nanoseconds = -1, .frame = udp_to(1)}});  // 2^64 - 1
  ASSERT_TRUE(run(file));
  ASSERT_EQ(samples_.size(), 1u);
  EXPECT_GT(times()[0], 9'000'000'000 * kSecond);
}

TEST_F(Replay, a_length_on_the_wire_below_what_was_captured_is_not_believed) {
  const auto frame = udp_to(53);
  path_ = directory_.write("packets.pcap", pcap_bytes(1, {{.nanoseconds = 1, .frame = frame, .wire_length = 0}}));
  std::vector<std::uint32_t> lengths;
  ReplayCount count;
  ASSERT_TRUE(replay(path_, "", count, [&](const Sample&, const Frame& seen) { lengths.push_back(seen.wire_length); }));
  EXPECT_THAT(lengths, ElementsAre(frame.size()));
}

TEST_F(Replay, the_frame_behind_a_sample_is_given_as_captured) {
  auto frame = udp_to(53);
  const auto wire = static_cast<std::uint32_t>(frame.size());
  frame.resize(60);
  path_ = directory_.write("cut.pcap", pcap_bytes(1, {{.nanoseconds = 0, .frame = frame, .wire_length = wire}}));
  int calls = 0;
  ReplayCount count;
  const auto read = replay(path_, "", count, [&](const Sample& sample, const Frame& seen) {
    ++calls;
    EXPECT_EQ(sample.payload, 100u);
    EXPECT_EQ(seen.link, packet::LinkType::ethernet);
    EXPECT_THAT(seen.bytes, testing::ElementsAreArray(frame));
    EXPECT_EQ(seen.wire_length, wire);
    ASSERT_NE(seen.headers, nullptr);
    EXPECT_EQ(seen.headers->source_mac, test::kClientMac);
  });
  EXPECT_TRUE(read);
  EXPECT_EQ(calls, 1);
}

TEST_F(Replay, only_packets_that_pass_the_filter_are_given) {
  const auto file = pcap_bytes(1, {{.frame = udp_to(53)}, {.frame = udp_to(54)}, {.frame = udp_to(53)}});
  EXPECT_EQ(run(file, "udp dst port 53").value().packets, 2u);
  EXPECT_THAT(ports(), ElementsAre(53, 53));
}

TEST_F(Replay, a_filter_that_does_not_compile_is_said_in_libpcaps_words) {
  const auto count = run(pcap_bytes(1, {{.frame = udp_to(53)}}), "port and and");
  ASSERT_FALSE(count);
  EXPECT_THAT(count.error().what, StartsWith("replay " + path_ + ": filter \"port and and\": "));
  EXPECT_THAT(count.error().what, HasSubstr("syntax error"));
  EXPECT_TRUE(samples_.empty());
}

TEST_F(Replay, frames_that_cannot_be_read_are_counted) {
  const auto file = pcap_bytes(1, {{.frame = udp_to(53)}, {.frame = test::Bytes(9)}, {.frame = udp_to(54)}});
  const auto count = run(file).value();
  EXPECT_EQ(count.packets, 2u);
  EXPECT_EQ(count.rejected, 1u);
  EXPECT_THAT(ports(), ElementsAre(53, 54));
}

TEST_F(Replay, what_is_counted_is_known_with_each_packet_and_stays_where_the_file_is_cut_short) {
  auto file =
      pcap_bytes(1, {{.frame = udp_to(53)}, {.frame = test::Bytes(9)}, {.frame = udp_to(54)}, {.frame = udp_to(55)}});
  file.resize(file.size() - 1);
  path_ = directory_.write("cut.pcap", file);
  ReplayCount count{.packets = 10, .rejected = 20};  // of what was read before
  std::vector<std::pair<std::uint64_t, std::uint64_t>> seen;
  const auto read =
      replay(path_, "", count, [&](const Sample&, const Frame&) { seen.emplace_back(count.packets, count.rejected); });
  EXPECT_FALSE(read);
  EXPECT_THAT(seen, ElementsAre(testing::Pair(11, 20), testing::Pair(12, 21)));
  EXPECT_EQ(count.packets, 12u);
  EXPECT_EQ(count.rejected, 21u);
}

TEST_F(Replay, every_link_type_is_read) {
  const auto udp = [](PacketBuilder link) { return link.ipv4("192.0.2.1", "192.0.2.10").udp(1, 53).bytes(); };
  struct Case {
    std::uint32_t link;
    test::Bytes frame;
  };
  const Case cases[] = {{0, udp(PacketBuilder{}.family(2, false))},
                        {101, udp({})},  // a file says 101 where libpcap says 12
                        {108, udp(PacketBuilder{}.family(2, true))},
                        {113, udp(PacketBuilder{}.sll())},
                        {228, udp({})},
                        {276, udp(PacketBuilder{}.sll2())}};
  for (const auto& [link, frame] : cases) {
    samples_.clear();
    ASSERT_TRUE(run(pcap_bytes(link, {{.frame = frame}}))) << link;
    EXPECT_THAT(ports(), ElementsAre(53)) << link;
  }
}

TEST_F(Replay, an_unknown_link_type_is_an_error_that_names_it) {
  const auto count = run(pcap_bytes(105, {{.frame = udp_to(53)}}));
  ASSERT_FALSE(count);
  EXPECT_EQ(count.error().what,
            "replay " + path_ + ": link type 105 IEEE802_11 (802.11) is not one that tidegate reads");
}

TEST_F(Replay, a_savefile_cut_short_gives_what_it_has_and_then_the_error) {
  const std::vector<SavedPacket> packets{{.frame = udp_to(53)}, {.frame = udp_to(54)}};
  for (auto file : {pcap_bytes(1, packets), pcapng_bytes(1, packets)}) {
    samples_.clear();
    file.resize(file.size() - 5);
    const auto count = run(file);
    ASSERT_FALSE(count);
    EXPECT_THAT(count.error().what, StartsWith("replay " + path_ + ": "));
    EXPECT_THAT(count.error().what, HasSubstr("truncated"));
    EXPECT_THAT(ports(), ElementsAre(53));
  }
}

TEST_F(Replay, a_file_that_is_none_is_an_error_with_its_name) {
  ReplayCount count;
  const auto missing = replay(directory_.file("absent.pcap"), "", count, {});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().what, "replay " + directory_.file("absent.pcap") + ": No such file or directory");
  const auto other = run(test::Bytes(64, 'x'));
  ASSERT_FALSE(other);
  EXPECT_THAT(other.error().what, StartsWith("replay " + path_ + ": "));
}

}  // namespace
}  // namespace tidegate
