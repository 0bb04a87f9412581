#include "cli/rates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tidegate::cli {
namespace {

using namespace std::chrono_literals;
using testing::DoubleEq;
using testing::ElementsAre;
using testing::IsNan;

Instant at(Duration since) { return Instant{1000s} + since; }

TEST(Rates, knows_none_from_a_single_count) {
  Rates rates;
  EXPECT_FALSE(rates.rate(10s));
  rates.add(at(0s), 100);
  EXPECT_FALSE(rates.rate(10s));
  EXPECT_THAT(rates.trend(2), ElementsAre(IsNan(), IsNan()));
}

TEST(Rates, is_of_the_last_step_or_of_a_window) {
  Rates rates;
  for (int i = 0; i <= 20; ++i) rates.add(at(1s * i), i <= 15 ? 10.0 * i : 150 + 100.0 * (i - 15));
  EXPECT_EQ(rates.rate(0s), 100);
  EXPECT_EQ(rates.rate(10s), (650.0 - 100) / 10);
  EXPECT_EQ(rates.rate(1min), 650.0 / 20) << "as long as there are counts";
}

TEST(Rates, has_a_trend_with_the_newest_last) {
  Rates rates;
  rates.add(at(0s), 0);
  rates.add(at(1s), 10);
  rates.add(at(3s), 50);
  EXPECT_THAT(rates.trend(3), ElementsAre(IsNan(), DoubleEq(10), DoubleEq(20)));
  EXPECT_THAT(rates.trend(1), ElementsAre(DoubleEq(20)));
}

TEST(Rates, begins_anew_when_the_count_does) {
  Rates rates;
  rates.add(at(0s), 1000);
  rates.add(at(1s), 2000);
  rates.add(at(2s), 5);
  EXPECT_FALSE(rates.rate(10s));
  rates.add(at(3s), 15);
  EXPECT_EQ(rates.rate(10s), 10);
}

TEST(Rates, keeps_a_bounded_past_but_always_a_step) {
  Rates rates;
  for (int i = 0; i < 10'000; ++i) rates.add(at(10ms * i), i < 5'000 ? 0 : i - 5'000.0);
  EXPECT_EQ(rates.rate(1h), 100) << "a second, over the last 12 s";
  Rates slow;
  slow.add(at(0s), 0);
  slow.add(at(10min), 600);
  EXPECT_EQ(slow.rate(0s), 1);
}

TEST(Rates, ignores_a_count_at_the_same_moment) {
  Rates rates;
  rates.add(at(0s), 1);
  rates.add(at(0s), 2);
  rates.add(at(1s), 3);
  EXPECT_EQ(rates.rate(0s), 2);
}

}  // namespace
}  // namespace tidegate::cli
