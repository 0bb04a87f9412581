// What holds of decode() as a whole: for every kind of frame, cut anywhere and with any byte changed.
#include "packet/decode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <set>

#include "tests/support/decoding.h"
#include "tests/support/packet_builder.h"
#include "tests/support/packet_corpus.h"

// Every plain allocation of this binary is counted, so that a test can say there was none.
namespace {
std::size_t allocations = 0;

void* counted(std::size_t bytes) noexcept {
  ++allocations;
  return std::malloc(bytes);  // NOLINT(*-no-malloc): this is what stands in for it
}
}  // namespace

void* operator new(std::size_t bytes) {
  if (void* memory = counted(bytes)) return memory;
  throw std::bad_alloc{};
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return counted(bytes); }
void* operator new[](std::size_t bytes) { return operator new(bytes); }
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept { return counted(bytes); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }

namespace tidegate::packet {
namespace {

using test::decoded;
using test::packet_corpus;
using test::PacketBuilder;

bool is_cut(Reject reject) {
  return reject == Reject::cut_link || reject == Reject::cut_vlan || reject == Reject::cut_arp ||
         reject == Reject::cut_ip || reject == Reject::cut_extension || reject == Reject::cut_transport;
}

TEST(Decode, a_frame_cut_anywhere_is_read_alike_or_said_to_be_cut) {
  for (const auto& [name, link, frame] : packet_corpus()) {
    const auto wire = static_cast<std::uint32_t>(frame.size());
    const auto whole = decoded(frame, link, wire);
    for (std::size_t size = 0; size < frame.size(); ++size) {
      const auto cut = decoded(std::span{frame}.first(size), link, wire);
      EXPECT_TRUE(cut == whole || (!cut && is_cut(cut.error()))) << name << " at " << size;
    }
  }
}

TEST(Decode, a_short_frame_never_makes_it_read_beyond_its_end) {
  for (const auto& [name, link, frame] : packet_corpus()) {
    for (std::size_t size = 0; size < frame.size(); ++size) {
      const auto headers = decoded(std::span{frame}.first(size), link);
      if (headers) {
        EXPECT_LE(headers->ip_bytes, size) << name << " at " << size;
        EXPECT_LE(headers->payload, headers->ip_bytes) << name << " at " << size;
      }
    }
  }
}

TEST(Decode, any_changed_byte_leaves_lengths_within_the_frame) {
  for (const auto& [name, link, original] : packet_corpus()) {
    auto frame = original;
    for (std::size_t at = 0; at < frame.size(); ++at) {
      for (const int value : {0x00, 0x01, 0x06, 0x2c, 0x33, 0x45, 0x7f, 0x80, 0xff}) {
        frame[at] = static_cast<std::uint8_t>(value);
        const auto headers = decoded(frame, link);
        if (headers) {
          EXPECT_LE(headers->payload, headers->ip_bytes) << name << " at " << at;
          EXPECT_LE(headers->ip_bytes, frame.size()) << name << " at " << at;
        }
      }
      frame[at] = original[at];
    }
  }
}

TEST(Decode, a_malformed_frame_cut_anywhere_has_the_same_reason_or_is_said_to_be_cut) {
  // Two faults at once: another version than announced, and too short for either.
  const auto frame = PacketBuilder{}.ethernet().ethertype(0x86dd).payload(10).bytes();
  const auto wire = static_cast<std::uint32_t>(frame.size());
  EXPECT_EQ(decoded(frame).error(), Reject::bad_ip_length);
  for (std::size_t size = 14; size < frame.size(); ++size) {
    EXPECT_EQ(decoded(std::span{frame}.first(size), LinkType::ethernet, wire).error(), Reject::bad_ip_length);
  }
}

TEST(Decode, nothing_is_allocated) {
  const auto corpus = packet_corpus();
  const auto before = allocations;
  std::size_t read = 0;
  for (const auto& [name, link, frame] : corpus) {
    for (std::size_t size = 0; size <= frame.size(); ++size) {
      if (decode(std::span{frame}.first(size), link, 0)) ++read;
    }
  }
  const auto after = allocations;
  EXPECT_EQ(before, after);
  EXPECT_GT(before, 0u);
  EXPECT_GT(read, 0u);
}

TEST(Decode, a_wire_length_below_the_capture_is_taken_for_the_capture) {
  const auto frame = PacketBuilder{}.ethernet().ipv4("192.0.2.1", "192.0.2.2").udp(1, 2).payload(100).bytes();
  EXPECT_EQ(decoded(frame, LinkType::ethernet, 20), decoded(frame));
  EXPECT_EQ(decoded(frame)->payload, 100u);
}

TEST(Decode, every_reason_has_words_of_its_own) {
  std::set<std::string_view> words;
  const auto last = static_cast<int>(Reject::unknown_link);
  for (int reason = 0; reason <= last; ++reason) words.insert(to_string(static_cast<Reject>(reason)));
  EXPECT_EQ(words.size(), static_cast<std::size_t>(last) + 1);
  EXPECT_EQ(words.count("unknown reason"), 0u);
}

TEST(Sample, holds_what_a_gate_needs_to_know) {
  const Now now{.instant = Instant{Duration{5}}, .wall = WallTime{Duration{7}}};
  const auto frame = PacketBuilder{}
                         .sll2({.packet_type = 2, .interface = 7})
                         .ipv4("203.0.113.7", "192.0.2.10")
                         .tcp(50311, 8211, 0x12)
                         .payload(3)
                         .bytes();
  const auto sample = to_sample(decoded(frame, LinkType::linux_sll2).value(), now);
  EXPECT_EQ(sample.at.instant, now.instant);
  EXPECT_EQ(sample.at.wall, now.wall);
  EXPECT_EQ(sample.flow.source.to_string(), "203.0.113.7:50311");
  EXPECT_EQ(sample.flow.destination.to_string(), "192.0.2.10:8211");
  EXPECT_EQ(sample.flow.protocol, Protocol::tcp);
  EXPECT_EQ(sample.direction, Direction::in);
  EXPECT_EQ(sample.cast, Cast::multicast);
  EXPECT_EQ(sample.tcp_flags, tcp_flag::kSyn | tcp_flag::kAck);
  EXPECT_EQ(sample.bytes, 43u);
  EXPECT_EQ(sample.payload, 3u);
  EXPECT_EQ(sample.interface, 7u);
}

TEST(Sample, holds_the_type_of_control_messages) {
  const auto frame = PacketBuilder{}.ethernet().ipv6("fe80::1", "ff02::2").icmp6(133).bytes();
  const auto sample = to_sample(decoded(frame).value(), {});
  EXPECT_EQ(sample.flow.protocol, Protocol::icmp6);
  EXPECT_EQ(sample.icmp_type, 133);
  EXPECT_EQ(sample.cast, Cast::multicast);
}

}  // namespace
}  // namespace tidegate::packet
