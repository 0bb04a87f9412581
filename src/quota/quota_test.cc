#include "quota/quota.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace tidegate {
namespace {

using namespace std::chrono_literals;
using std::chrono::sys_days;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
constexpr QuotaEvent kBegan{.kind = QuotaEvent::Kind::period_began};
constexpr QuotaEvent kReached{.kind = QuotaEvent::Kind::reached};
constexpr QuotaEvent kEnded{.kind = QuotaEvent::Kind::ended};
constexpr QuotaEvent warned(unsigned percent) { return {.kind = QuotaEvent::Kind::warned, .percent = percent}; }

const WallTime kNovember = sys_days{2026y / 11 / 21} + 12h;
const WallTime kDecember = sys_days{2026y / 12 / 1} + 0h;

QuotaSettings monthly(std::uint64_t bytes) {
  QuotaSettings settings;
  settings.bytes = bytes;
  settings.every = QuotaPeriod::month;
  settings.warn = {50, 80};
  return settings;
}

TEST(Quota, adds_up_what_counts) {
  QuotaSettings settings = monthly(1000);
  const auto used_and_left = [&settings](QuotaCount count) {
    settings.count = count;
    Quota quota{settings, {}, kNovember};
    EXPECT_THAT(quota.add(200, 100, kNovember), IsEmpty());
    return std::pair{quota.used(), quota.left()};
  };
  EXPECT_EQ(used_and_left(QuotaCount::sum), std::pair(300UL, 700UL));
  EXPECT_EQ(used_and_left(QuotaCount::upload), std::pair(200UL, 800UL));
  EXPECT_EQ(used_and_left(QuotaCount::download), std::pair(100UL, 900UL));
  EXPECT_EQ(used_and_left(QuotaCount::larger), std::pair(200UL, 800UL));
}

TEST(Quota, warns_once_at_each_mark_and_tells_once_that_the_limit_is_reached) {
  Quota quota{monthly(1000), {}, kNovember};
  EXPECT_THAT(quota.add(499, 0, kNovember), IsEmpty());
  EXPECT_THAT(quota.add(1, 0, kNovember), ElementsAre(warned(50)));
  EXPECT_THAT(quota.add(499, 0, kNovember), ElementsAre(warned(80)));
  EXPECT_FALSE(quota.exceeded());
  EXPECT_THAT(quota.add(1, 0, kNovember), ElementsAre(kReached));
  EXPECT_TRUE(quota.exceeded());
  EXPECT_THAT(quota.add(5000, 0, kNovember), IsEmpty());
  EXPECT_EQ(quota.left(), 0U);
}

TEST(Quota, tells_all_marks_that_one_step_passes_in_order) {
  Quota quota{monthly(1000), {}, kNovember};
  EXPECT_THAT(quota.add(0, 1000, kNovember), ElementsAre(warned(50), warned(80), kReached));
}

TEST(Quota, begins_again_with_a_new_period) {
  Quota quota{monthly(1000), {}, kNovember};
  quota.raise(500);
  EXPECT_THAT(quota.add(1500, 0, kNovember), ElementsAre(warned(50), warned(80), kReached));
  EXPECT_THAT(quota.advance(kDecember - 1ns), IsEmpty());
  EXPECT_THAT(quota.advance(kDecember), ElementsAre(kBegan));
  EXPECT_EQ(quota.period().label, "2026-12");
  EXPECT_EQ(quota.used(), 0U);
  EXPECT_EQ(quota.limit(), 1000U);
  EXPECT_FALSE(quota.exceeded());
  EXPECT_THAT(quota.advance(kDecember), IsEmpty());
}

TEST(Quota, what_is_added_after_a_period_ended_belongs_to_the_new_one) {
  Quota quota{monthly(1000), {}, kNovember};
  EXPECT_THAT(quota.add(900, 0, kNovember), ElementsAre(warned(50), warned(80)));
  EXPECT_THAT(quota.add(500, 0, kDecember), ElementsAre(kBegan, warned(50)));
  EXPECT_EQ(quota.used(), 500U);
}

TEST(Quota, a_clock_that_jumps_back_opens_no_earlier_period) {
  Quota quota{monthly(1000), {}, kNovember};
  EXPECT_THAT(quota.add(700, 0, kDecember), ElementsAre(kBegan, warned(50)));
  EXPECT_THAT(quota.add(200, 0, kNovember), ElementsAre(warned(80)));
  EXPECT_EQ(quota.period().label, "2026-12");
  EXPECT_EQ(quota.used(), 900U);
  EXPECT_THAT(quota.advance(kDecember + 1h), IsEmpty());
  EXPECT_EQ(quota.used(), 900U);
}

TEST(Quota, goes_on_where_it_was_saved_and_tells_nothing_twice) {
  Quota before{monthly(1000), {}, kNovember};
  before.raise(100);
  EXPECT_THAT(before.add(600, 50, kNovember), ElementsAre(warned(50)));
  Quota after{monthly(1000), {}, kNovember + 1h, before.state()};
  EXPECT_EQ(after.state(), before.state());
  EXPECT_EQ(after.upload(), 600U);
  EXPECT_EQ(after.download(), 50U);
  EXPECT_EQ(after.limit(), 1100U);
  EXPECT_THAT(after.add(0, 1, kNovember + 1h), IsEmpty());
}

TEST(Quota, saved_in_a_period_that_has_passed_it_says_that_a_new_one_began) {
  Quota before{monthly(1000), {}, kNovember};
  EXPECT_THAT(before.add(1000, 0, kNovember), ElementsAre(warned(50), warned(80), kReached));
  Quota after{monthly(1000), {}, kDecember, before.state()};
  EXPECT_TRUE(after.exceeded());
  EXPECT_THAT(after.advance(kDecember), ElementsAre(kBegan));
  EXPECT_FALSE(after.exceeded());
}

TEST(Quota, started_with_a_clock_before_the_saved_period_stays_in_that) {
  Quota before{monthly(1000), {}, kDecember};
  EXPECT_THAT(before.add(1000, 0, kDecember), ElementsAre(warned(50), warned(80), kReached));
  Quota after{monthly(1000), {}, WallTime{}, before.state()};
  EXPECT_THAT(after.advance(kNovember), IsEmpty());
  EXPECT_EQ(after.period(), before.period());
  EXPECT_TRUE(after.exceeded());
}

TEST(Quota, a_state_of_the_same_month_counts_though_the_zone_was_moved) {
  Quota before{monthly(1000), {}, kNovember};
  EXPECT_THAT(before.add(100, 0, kNovember), IsEmpty());
  const Zone east = Zone::from_rule("CET-1").value();
  const Zone west = Zone::from_rule("EST5").value();
  EXPECT_EQ(Quota(monthly(1000), east, kNovember, before.state()).used(), 100U);
  EXPECT_EQ(Quota(monthly(1000), west, kNovember, before.state()).used(), 100U);
}

TEST(Quota, a_state_of_another_kind_of_period_does_not_count) {
  Quota before{monthly(1000), {}, kNovember};
  EXPECT_THAT(before.add(100, 0, kNovember), IsEmpty());
  QuotaSettings daily = monthly(1000);
  daily.every = QuotaPeriod::day;
  const Quota after{daily, {}, kNovember, before.state()};
  EXPECT_EQ(after.used(), 0U);
  EXPECT_EQ(after.period().label, "2026-11-21");
}

TEST(Quota, a_reset_gives_all_of_it_again_and_tells_again) {
  Quota quota{monthly(1000), {}, kNovember};
  EXPECT_THAT(quota.add(500, 500, kNovember), ElementsAre(warned(50), warned(80), kReached));
  quota.reset();
  EXPECT_EQ(quota.used(), 0U);
  EXPECT_EQ(quota.left(), 1000U);
  EXPECT_THAT(quota.add(500, 0, kNovember), ElementsAre(warned(50)));
}

TEST(Quota, a_raise_opens_it_and_tells_again_what_it_took_back) {
  Quota quota{monthly(1000), {}, kNovember};
  EXPECT_THAT(quota.add(1000, 0, kNovember), ElementsAre(warned(50), warned(80), kReached));
  quota.raise(500);
  EXPECT_EQ(quota.left(), 500U);
  EXPECT_EQ(quota.raised(), 500U);
  EXPECT_THAT(quota.advance(kNovember), IsEmpty());
  EXPECT_THAT(quota.add(500, 0, kNovember), ElementsAre(warned(80), kReached));
}

TEST(Quota, a_raise_of_a_quota_for_all_time_is_for_good) {
  QuotaSettings settings;
  settings.bytes = 10;
  Quota quota{settings, {}, kNovember};
  quota.raise(5);
  EXPECT_THAT(quota.advance(kDecember), IsEmpty());
  EXPECT_EQ(quota.limit(), 15U);
  EXPECT_EQ(Quota(settings, {}, kDecember, quota.state()).limit(), 15U);
}

TEST(Quota, limits_no_longer_once_its_last_day_has_passed) {
  QuotaSettings settings;
  settings.bytes = 10;
  settings.until = 2026y / 11 / 30;
  Quota quota{settings, {}, kNovember};
  EXPECT_THAT(quota.add(10, 0, kNovember), ElementsAre(kReached));
  EXPECT_TRUE(quota.exceeded());
  EXPECT_THAT(quota.advance(kDecember), ElementsAre(kEnded));
  EXPECT_FALSE(quota.limits());
  EXPECT_FALSE(quota.exceeded());
  EXPECT_EQ(quota.left(), kMost);
  EXPECT_THAT(quota.add(10, 0, kDecember), IsEmpty());
  EXPECT_EQ(quota.used(), 20U);
  EXPECT_FALSE(Quota(settings, {}, kDecember, quota.state()).limits());
}

TEST(Quota, a_new_limit_keeps_what_was_used_and_tells_what_it_makes_true) {
  Quota quota{monthly(1000), {}, kNovember};
  EXPECT_THAT(quota.add(600, 0, kNovember), ElementsAre(warned(50)));
  quota.reconfigure(monthly(600), {}, kNovember);
  EXPECT_EQ(quota.used(), 600U);
  EXPECT_TRUE(quota.exceeded());
  EXPECT_THAT(quota.advance(kNovember), ElementsAre(warned(80), kReached));
  quota.reconfigure(monthly(2000), {}, kNovember);
  EXPECT_THAT(quota.advance(kNovember), IsEmpty());
  EXPECT_THAT(quota.add(400, 0, kNovember), ElementsAre(warned(50)));
}

TEST(Quota, another_start_day_or_kind_or_zone_begins_anew) {
  const auto used_after = [](const QuotaSettings& settings) {
    Quota quota{monthly(1000), {}, kNovember};
    EXPECT_THAT(quota.add(100, 0, kNovember), IsEmpty());
    quota.reconfigure(settings, {}, kNovember);
    return quota.used();
  };
  QuotaSettings settings = monthly(1000);
  settings.weekday = 3;  // means nothing to a month
  settings.count = QuotaCount::upload;
  EXPECT_EQ(used_after(settings), 100U);
  settings.day = 15;
  EXPECT_EQ(used_after(settings), 0U);
  settings = monthly(1000);
  settings.zone = "Europe/Berlin";
  EXPECT_EQ(used_after(settings), 0U);
  settings = monthly(1000);
  settings.every = QuotaPeriod::week;
  EXPECT_EQ(used_after(settings), 0U);
}

TEST(Quota, numbers_at_the_end_of_their_range_do_not_wrap) {
  Quota quota{monthly(kMost), {}, kNovember};
  EXPECT_THAT(quota.add(kMost / 2, 0, kNovember), IsEmpty());
  EXPECT_THAT(quota.add(kMost, kMost, kNovember), ElementsAre(warned(50), warned(80), kReached));
  EXPECT_EQ(quota.used(), kMost);
  quota.raise(kMost);
  EXPECT_EQ(quota.limit(), kMost);
  EXPECT_EQ(quota.left(), 0U);
}

TEST(Quota, of_nothing_is_reached_at_once) {
  Quota quota{monthly(0), {}, kNovember};
  EXPECT_TRUE(quota.exceeded());
  EXPECT_THAT(quota.advance(kNovember), ElementsAre(warned(50), warned(80), kReached));
}

}  // namespace
}  // namespace tidegate
