#include "meter/quantile.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace tidegate {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

double off(Duration shown, Duration truth) {
  return std::abs(static_cast<double>((shown - truth).count())) / static_cast<double>(truth.count());
}

// Durations over the whole range, as many of each size. The same every time.
std::vector<Duration> durations(std::size_t number) {
  std::minstd_rand random{3};
  std::uniform_real_distribution<double> exponent{std::log(2e3), std::log(2e12)};
  std::vector<Duration> all(number);
  for (auto& each : all) each = Duration{static_cast<std::int64_t>(std::exp(exponent(random)))};
  return all;
}

TEST(DurationHistogram, has_no_quantile_without_a_duration) { EXPECT_FALSE(DurationHistogram{}.quantile(0.5)); }

TEST(DurationHistogram, is_never_further_off_than_it_says) {
  for (const auto truth : durations(20'000)) {
    DurationHistogram histogram;
    histogram.add(truth);
    const auto shown = histogram.quantile(0.5);
    ASSERT_TRUE(shown);
    EXPECT_LE(off(*shown, truth), DurationHistogram::kRelativeError) << truth.count() << " ns";
  }
}

TEST(DurationHistogram, gives_the_quantiles_of_many_durations) {
  auto all = durations(9'999);
  DurationHistogram histogram;
  for (const auto each : all) histogram.add(each);
  std::ranges::sort(all);
  EXPECT_EQ(histogram.total(), all.size());
  EXPECT_LE(off(*histogram.quantile(0.0), all.front()), DurationHistogram::kRelativeError);
  EXPECT_LE(off(*histogram.quantile(0.5), all[4'999]), DurationHistogram::kRelativeError);
  EXPECT_LE(off(*histogram.quantile(0.95), all[9'499]), DurationHistogram::kRelativeError);
  EXPECT_LE(off(*histogram.quantile(1.0), all.back()), DurationHistogram::kRelativeError);
}

TEST(DurationHistogram, takes_the_very_short_and_the_very_long) {
  DurationHistogram histogram;
  histogram.add(nanoseconds{-5});
  EXPECT_EQ(histogram.quantile(1), DurationHistogram::kLeast / 2);
  histogram.add(hours{1000});
  EXPECT_LE(off(*histogram.quantile(1), DurationHistogram::kMost), DurationHistogram::kRelativeError);
}

TEST(DurationHistogram, is_the_same_after_it_was_written_and_added_up) {
  DurationHistogram one;
  DurationHistogram two;
  DurationHistogram both;
  std::size_t number = 0;
  for (const auto each : durations(1'000)) {
    (++number % 3 == 0 ? one : two).add(each);
    both.add(each);
  }
  std::vector<DurationHistogram::Cell> cells;
  two.write(cells);
  one.add(cells);
  EXPECT_EQ(one.total(), both.total());
  for (const double share : {0.0, 0.1, 0.5, 0.9, 0.99, 1.0}) EXPECT_EQ(one.quantile(share), both.quantile(share));
}

TEST(DurationHistogram, writes_a_count_too_large_for_a_cell_in_several) {
  DurationHistogram histogram;
  histogram.add(milliseconds{5});
  for (int i = 0; i < 23; ++i) histogram.add(DurationHistogram{histogram});  // 2^23 of them
  std::vector<DurationHistogram::Cell> cells;
  histogram.write(cells);
  EXPECT_GT(cells.size(), 1U);
  DurationHistogram read;
  read.add(cells);
  EXPECT_EQ(read.total(), 1U << 23);
}

TEST(SlidingHistogram, forgets_the_seconds_that_have_left_the_window) {
  SlidingHistogram sliding{3};
  for (const int time : {1000, 100, 10, 1}) {
    sliding.add(milliseconds{time});
    sliding.close();
  }
  sliding.add(milliseconds{7});
  EXPECT_EQ(sliding.sum(1).total(), 1U);
  EXPECT_LE(off(*sliding.sum(2).quantile(1), milliseconds{10}), DurationHistogram::kRelativeError);
  EXPECT_EQ(sliding.sum(9).total(), 3U);
  EXPECT_LE(off(*sliding.sum(9).quantile(1), milliseconds{100}), DurationHistogram::kRelativeError);
  EXPECT_LE(off(*sliding.running().quantile(1), milliseconds{7}), DurationHistogram::kRelativeError);
}

}  // namespace
}  // namespace tidegate
