#include "meter/window.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>

namespace tidegate {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

Instant at(double time) {
  return Instant{std::chrono::duration_cast<Instant::duration>(std::chrono::duration<double>{time})};
}

struct Number {
  std::uint64_t n = 0;
  Number& operator+=(const Number& other) {
    n += other.n;
    return *this;
  }
};

TEST(WindowSeconds, are_rounded_up_and_bounded) {
  EXPECT_EQ(window_seconds(seconds{10}), 10U);
  EXPECT_EQ(window_seconds(milliseconds{1500}), 2U);
  EXPECT_EQ(window_seconds(Duration::zero()), 1U);
  EXPECT_EQ(window_seconds(hours{2}), kMostWindowSeconds);
}

TEST(SecondClock, ends_no_second_at_the_first_time_it_is_given) {
  SecondClock clock;
  EXPECT_EQ(clock.advance(at(100.25)), 0U);
  EXPECT_EQ(clock.second_ends(), at(101));
  EXPECT_EQ(clock.ended(), 0U);
}

TEST(SecondClock, ends_a_second_at_its_boundary_and_all_that_were_silent) {
  SecondClock clock;
  clock.advance(at(100));
  EXPECT_EQ(clock.advance(at(100.999)), 0U);
  EXPECT_EQ(clock.advance(at(101)), 1U);
  EXPECT_EQ(clock.advance(at(161.5)), 60U);
  EXPECT_EQ(clock.ended(), 61U);
}

TEST(SecondClock, takes_a_time_that_steps_back_for_the_latest) {
  SecondClock clock;
  clock.advance(at(100.5));
  EXPECT_EQ(clock.advance(at(42)), 0U);
  EXPECT_EQ(clock.latest(), at(100.5));
  EXPECT_EQ(clock.advance(at(101)), 1U);
}

TEST(SecondClock, knows_that_a_second_it_saw_only_the_end_of_was_not_whole) {
  SecondClock midst;
  midst.advance(at(100.5));
  EXPECT_EQ(midst.ended_whole(), 0U);
  midst.advance(at(103));
  EXPECT_EQ(midst.ended(), 3U);
  EXPECT_EQ(midst.ended_whole(), 2U);
  SecondClock sharp;
  sharp.advance(at(100));
  sharp.advance(at(103));
  EXPECT_EQ(sharp.ended_whole(), 3U);
}

TEST(SecondClock, makes_a_window_of_the_seconds_that_come_nearest_to_its_length) {
  SecondClock clock;
  clock.advance(at(100));
  clock.advance(at(130));
  EXPECT_EQ(clock.ended_within(10), 10U);
  EXPECT_EQ(clock.covered(10), seconds{10});
  clock.advance(at(130.4));
  EXPECT_EQ(clock.ended_within(10), 10U);
  clock.advance(at(130.5));
  EXPECT_EQ(clock.ended_within(10), 9U);
  EXPECT_EQ(clock.covered(9), milliseconds{9500});
}

TEST(SecondClock, covers_no_more_than_was_watched) {
  SecondClock clock;
  EXPECT_EQ(clock.covered(0), Duration::zero());
  clock.advance(at(100.5));
  clock.advance(at(102.25));
  EXPECT_EQ(clock.ended_within(10), 2U);
  EXPECT_EQ(clock.covered(2), milliseconds{1750});
}

TEST(Past, gives_the_newest_first_and_forgets_the_oldest) {
  Past<int> past{3};
  for (int i = 1; i <= 5; ++i) past.push() = i;
  EXPECT_EQ(past.held(), 3U);
  EXPECT_EQ(past.ago(1), 5);
  EXPECT_EQ(past.ago(2), 4);
  EXPECT_EQ(past.ago(3), 3);
  EXPECT_EQ(past.push(), 3);  // what is pushed out is there for the caller to let go
}

TEST(SlidingCounts, sums_the_seconds_that_ended_without_the_running_one) {
  SlidingCounts<Number> counts{10};
  for (std::uint64_t i = 1; i <= 4; ++i) {
    counts.running().n = i;
    counts.close();
  }
  counts.running().n = 100;
  EXPECT_EQ(counts.sum(2).n, 7U);
  EXPECT_EQ(counts.sum(4).n, 10U);
  EXPECT_EQ(counts.sum(10).n, 10U);
  EXPECT_EQ(counts.running().n, 100U);
}

}  // namespace
}  // namespace tidegate
