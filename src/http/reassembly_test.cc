#include "http/reassembly.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace tidegate {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMost = 4096;

// A stream, and what it handed on in order: bytes as they are, gaps as "[n]", the end as "$".
struct Reading {
  TcpStream stream;
  std::string text;
  Instant now{1h};

  void show(const StreamPiece& piece) {
    if (piece.gap > 0) text += "[" + std::to_string(piece.gap) + "]";
    text += piece.bytes;
    if (piece.cut > 0) text += "[" + std::to_string(piece.cut) + "]";
    if (piece.end) text += "$";
  }
  void drain(std::size_t most = kMost) {
    while (const auto piece = stream.next(most, now)) show(*piece);
  }
  void add(std::uint32_t sequence, std::string_view bytes, bool fin = false, std::uint32_t cut = 0) {
    show(stream.add({.where = {.at = {.instant = now, .wall = {}}, .sequence = sequence},
                     .bytes = bytes,
                     .length = static_cast<std::uint32_t>(bytes.size()) + cut,
                     .fin = fin}));
    drain();
  }
};

TEST(TcpStream, hands_on_in_order_bytes_where_they_lie) {
  Reading reading;
  reading.stream.begin(100);
  const std::string frame = "hello";
  const auto piece = reading.stream.add({.where = {.at = {}, .sequence = 100}, .bytes = frame, .length = 5});
  EXPECT_EQ(piece.bytes.data(), frame.data());
  EXPECT_EQ(piece.bytes, "hello");
  EXPECT_FALSE(reading.stream.holds());
}

TEST(TcpStream, puts_segments_in_order) {
  Reading reading;
  reading.stream.begin(100);
  reading.add(105, "fgh");
  reading.add(108, "ij");
  reading.add(103, "de");
  EXPECT_EQ(reading.text, "");
  reading.add(100, "abc");
  EXPECT_EQ(reading.text, "abcdefghij");
  EXPECT_EQ(reading.stream.held(), 0u);
}

TEST(TcpStream, begins_with_its_first_segment_where_no_handshake_was_seen) {
  Reading reading;
  reading.add(700, "abc");
  reading.add(703, "def");
  EXPECT_EQ(reading.text, "abcdef");
}

TEST(TcpStream, passes_the_end_of_the_sequence_numbers) {
  Reading reading;
  reading.stream.begin(0xffff'fffe);
  reading.add(3, "fg");
  reading.add(1, "de");
  reading.add(0xffff'fffe, "abc");
  EXPECT_EQ(reading.text, "abcdefg");
}

TEST(TcpStream, drops_what_was_sent_again) {
  Reading reading;
  reading.stream.begin(100);
  reading.add(100, "abc");
  reading.add(100, "abc");
  reading.add(101, "bcde");
  reading.add(99, "?");
  EXPECT_EQ(reading.text, "abcde");
}

TEST(TcpStream, takes_the_first_copy_of_every_byte) {
  Reading reading;
  reading.stream.begin(100);
  reading.add(104, "EF");
  reading.add(101, "bcdefghi");  // around what is held
  reading.add(106, "GHIJ");
  reading.add(100, "aBCD");
  EXPECT_EQ(reading.text, "abcdEFghiJ");
}

TEST(TcpStream, waits_at_a_gap_until_it_is_filled) {
  Reading reading;
  reading.stream.begin(100);
  reading.add(103, "d");
  reading.add(105, "f");
  reading.add(104, "e");
  EXPECT_EQ(reading.text, "");
  EXPECT_TRUE(reading.stream.holds());
  reading.add(100, "abc");
  EXPECT_EQ(reading.text, "abcdef");
  EXPECT_FALSE(reading.stream.holds());
}

TEST(TcpStream, gives_a_gap_up_when_the_other_side_has_acknowledged_what_is_behind_it) {
  Reading reading;
  reading.stream.begin(100);
  reading.add(105, "fgh");
  reading.stream.acknowledge(104);
  reading.drain();
  EXPECT_EQ(reading.text, "");
  reading.stream.acknowledge(108);
  reading.stream.acknowledge(101);  // an old one
  reading.drain();
  reading.now += TcpStream::kDisorder - 1ns;
  reading.drain();
  EXPECT_EQ(reading.text, "");  // it may still come
  reading.now += 1ns;
  reading.drain();
  EXPECT_EQ(reading.text, "[5]fgh");
}

TEST(TcpStream, takes_what_comes_soon_after_it_was_acknowledged) {
  Reading reading;
  reading.stream.begin(100);
  for (std::uint32_t at = 100; at < 1'000; at += 10) {
    reading.add(at + 5, "fghij");
    reading.stream.acknowledge(at + 10);
    reading.drain();
    reading.now += TcpStream::kDisorder - 1ns;
    reading.add(at, "abcde");
  }
  EXPECT_EQ(reading.text.size(), 900u);
  EXPECT_THAT(reading.text, testing::Not(testing::HasSubstr("[")));
}

TEST(TcpStream, gives_a_gap_up_when_too_much_is_held) {
  Reading reading;
  reading.stream.begin(100);
  const std::string part(500, 'x');
  std::uint32_t sequence = 101;
  while (reading.text.empty() && sequence < 100'000) {
    EXPECT_LE(reading.stream.held(), kMost);
    reading.add(sequence, part);
    sequence += 500;
  }
  EXPECT_THAT(reading.text, testing::StartsWith("[1]xxx"));
  EXPECT_FALSE(reading.stream.holds());
}

TEST(TcpStream, gives_a_gap_up_by_the_time_for_which_it_waits) {
  Reading reading;
  reading.stream.begin(100);
  reading.add(102, "c");
  reading.now += 2s;
  reading.add(104, "e");
  reading.stream.give_up(reading.now - 3s);
  reading.drain();
  EXPECT_EQ(reading.text, "");
  reading.stream.give_up(reading.now - 1s);
  reading.drain();
  EXPECT_EQ(reading.text, "[2]c");  // the second gap has not waited for so long
  reading.stream.give_up();
  reading.drain();
  EXPECT_EQ(reading.text, "[2]c[1]e");
}

TEST(TcpStream, ends_with_the_fin_and_not_before_what_comes_before_it) {
  Reading reading;
  reading.stream.begin(100);
  reading.add(103, "", true);
  EXPECT_EQ(reading.text, "");
  reading.add(100, "abc");
  EXPECT_EQ(reading.text, "abc$");
  EXPECT_TRUE(reading.stream.ended());
  reading.add(103, "more");
  EXPECT_EQ(reading.text, "abc$");
}

TEST(TcpStream, a_fin_may_come_with_the_last_bytes_or_with_old_ones) {
  Reading reading;
  reading.stream.begin(100);
  reading.add(100, "abc", true);
  EXPECT_EQ(reading.text, "abc$");

  Reading again;
  again.stream.begin(100);
  again.add(100, "abc");
  again.add(101, "bc", true);
  EXPECT_EQ(again.text, "abc$");
}

TEST(TcpStream, a_fin_behind_a_gap_ends_it_when_the_gap_is_given_up) {
  Reading reading;
  reading.stream.begin(100);
  reading.add(103, "", true);
  reading.stream.acknowledge(104);
  reading.drain();
  reading.now += TcpStream::kDisorder;
  reading.drain();
  EXPECT_EQ(reading.text, "[3]$");
}

TEST(TcpStream, what_a_capture_cut_off_is_a_gap) {
  Reading reading;
  reading.stream.begin(100);
  reading.add(100, "abc", false, 2);
  reading.add(105, "f");
  reading.add(109, "j", false, 4);
  reading.add(106, "ghi");
  EXPECT_EQ(reading.text, "abc[2]fghij[4]");
  reading.add(100, "abcdef");  // too late: the first copy counts
  EXPECT_EQ(reading.text, "abc[2]fghij[4]");
}

TEST(TcpStream, an_overlap_with_a_cut_segment_is_not_counted_twice) {
  Reading reading;
  reading.stream.begin(100);
  reading.add(100, "abcd");
  reading.add(102, "c", false, 4);  // up to 107
  EXPECT_EQ(reading.text, "abcd[3]");
}

TEST(TcpStream, is_not_moved_by_segments_from_far_away) {
  Reading reading;
  reading.stream.begin(100);
  reading.add(0x4000'0000, "x");
  reading.add(0xc000'0000, "y");
  EXPECT_FALSE(reading.stream.holds());
  reading.add(100, "abc");
  EXPECT_EQ(reading.text, "abc");
}

}  // namespace
}  // namespace tidegate
