#include "quota/period.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/support/tzif_bytes.h"

namespace tidegate {
namespace {

using namespace std::chrono_literals;
using std::chrono::sys_days;
using std::chrono::year_month_day;

WallTime utc(year_month_day date, Duration time = 0h) { return sys_days{date} + time; }
Zone berlin() { return Zone::from_rule("CET-1CEST,M3.5.0,M10.5.0/3").value(); }

QuotaSettings monthly(unsigned day) {
  QuotaSettings settings;
  settings.every = QuotaPeriod::month;
  settings.day = day;
  return settings;
}

QuotaSettings weekly(unsigned weekday) {
  QuotaSettings settings;
  settings.every = QuotaPeriod::week;
  settings.weekday = weekday;
  return settings;
}

Period period(std::string label, WallTime start, WallTime end) { return {std::move(label), start, end}; }

TEST(Period, an_hour_a_day_and_a_month_have_sortable_names) {
  const auto now = utc(2026y / 11 / 21, 14h + 59min);
  EXPECT_EQ(period_at(QuotaPeriod::hour, {}, now),
            period("2026-11-21T14", utc(2026y / 11 / 21, 14h), utc(2026y / 11 / 21, 15h)));
  EXPECT_EQ(period_at(QuotaPeriod::day, {}, now), period("2026-11-21", utc(2026y / 11 / 21), utc(2026y / 11 / 22)));
  EXPECT_EQ(period_at(QuotaPeriod::month, {}, now), period("2026-11", utc(2026y / 11 / 1), utc(2026y / 12 / 1)));
}

TEST(Period, its_start_belongs_to_it_and_its_end_does_not) {
  EXPECT_EQ(period_at(QuotaPeriod::month, {}, utc(2026y / 12 / 1) - 1ns).label, "2026-11");
  EXPECT_EQ(period_at(QuotaPeriod::month, {}, utc(2026y / 12 / 1)).label, "2026-12");
}

TEST(Period, a_month_begins_by_the_clocks_of_the_zone) {
  EXPECT_EQ(period_at(QuotaPeriod::month, berlin(), utc(2026y / 10 / 31, 23h)),
            period("2026-11", utc(2026y / 10 / 31, 23h), utc(2026y / 11 / 30, 23h)));
  EXPECT_EQ(period_at(QuotaPeriod::month, berlin(), utc(2026y / 10 / 10)),
            period("2026-10", utc(2026y / 9 / 30, 22h), utc(2026y / 10 / 31, 23h)));
}

TEST(Period, a_month_may_begin_on_another_day_and_is_named_by_the_month_that_day_is_in) {
  EXPECT_EQ(period_at(monthly(15), {}, utc(2026y / 11 / 14)),
            period("2026-10", utc(2026y / 10 / 15), utc(2026y / 11 / 15)));
  EXPECT_EQ(period_at(monthly(15), {}, utc(2026y / 1 / 3)),
            period("2025-12", utc(2025y / 12 / 15), utc(2026y / 1 / 15)));
}

TEST(Period, a_start_day_that_a_month_does_not_have_is_its_last_day) {
  EXPECT_EQ(period_at(monthly(31), {}, utc(2026y / 2 / 27)),
            period("2026-01", utc(2026y / 1 / 31), utc(2026y / 2 / 28)));
  EXPECT_EQ(period_at(monthly(31), {}, utc(2026y / 2 / 28)),
            period("2026-02", utc(2026y / 2 / 28), utc(2026y / 3 / 31)));
  EXPECT_EQ(period_at(monthly(30), {}, utc(2028y / 2 / 29)),
            period("2028-02", utc(2028y / 2 / 29), utc(2028y / 3 / 30)));
  EXPECT_EQ(period_at(monthly(31), {}, utc(2026y / 4 / 30)),
            period("2026-04", utc(2026y / 4 / 30), utc(2026y / 5 / 31)));
}

TEST(Period, a_week_begins_on_its_weekday_and_is_named_by_that_date) {
  const auto saturday = utc(2026y / 11 / 21, 12h);
  EXPECT_EQ(period_at(weekly(0), {}, saturday), period("2026-11-16", utc(2026y / 11 / 16), utc(2026y / 11 / 23)));
  EXPECT_EQ(period_at(weekly(5), {}, saturday), period("2026-11-21", utc(2026y / 11 / 21), utc(2026y / 11 / 28)));
  EXPECT_EQ(period_at(weekly(6), {}, saturday), period("2026-11-15", utc(2026y / 11 / 15), utc(2026y / 11 / 22)));
}

TEST(Period, a_day_of_changed_clocks_is_longer_or_shorter) {
  EXPECT_EQ(period_at(QuotaPeriod::day, berlin(), utc(2026y / 3 / 29, 12h)),
            period("2026-03-29", utc(2026y / 3 / 28, 23h), utc(2026y / 3 / 29, 22h)));
  EXPECT_EQ(period_at(QuotaPeriod::day, berlin(), utc(2026y / 10 / 25, 12h)),
            period("2026-10-25", utc(2026y / 10 / 24, 22h), utc(2026y / 10 / 25, 23h)));
}

TEST(Period, an_hour_that_is_shown_twice_is_one_period) {
  const auto twice = period("2026-10-25T02", utc(2026y / 10 / 25, 0h), utc(2026y / 10 / 25, 2h));
  EXPECT_EQ(period_at(QuotaPeriod::hour, berlin(), utc(2026y / 10 / 25, 30min)), twice);
  EXPECT_EQ(period_at(QuotaPeriod::hour, berlin(), utc(2026y / 10 / 25, 1h + 30min)), twice);
}

TEST(Period, a_day_that_has_begun_is_not_left_again_when_clocks_go_back_over_midnight) {
  const auto st_johns = Zone::from_rule("NST3:30NDT,M4.1.0/0:01,M10.5.0/0:01").value();  // at 00:01, back to 23:01
  const auto change = utc(2026y / 10 / 25, 2h + 31min);
  EXPECT_EQ(period_at(QuotaPeriod::day, st_johns, change - 61s).label, "2026-10-24");
  EXPECT_EQ(period_at(QuotaPeriod::day, st_johns, change - 1s).label, "2026-10-25");
  EXPECT_EQ(period_at(QuotaPeriod::day, st_johns, change + 1s).label, "2026-10-25");
  EXPECT_EQ(period_at(QuotaPeriod::day, st_johns, change + 1s).start, change - 1min);
}

TEST(Period, a_date_that_the_zone_left_out_has_no_period) {
  const std::int64_t change = sys_days{2011y / 12 / 30}.time_since_epoch() / 1s + 36'000;
  const Zone samoa = Zone::from_tzif(test::tzif({{.at = change, .type = 1}}, {-36'000, 50'400}, "")).value();
  const auto moment = utc(2011y / 12 / 30, 10h);
  EXPECT_EQ(period_at(QuotaPeriod::day, samoa, moment - 1ns), period("2011-12-29", moment - 24h, moment));
  EXPECT_EQ(period_at(QuotaPeriod::day, samoa, moment), period("2011-12-31", moment, moment + 24h));
}

TEST(Period, all_time_has_no_end_unless_it_is_given) {
  QuotaSettings settings;
  EXPECT_EQ(period_at(settings, {}, utc(2026y / 1 / 1)), (Period{"all", WallTime{}, std::nullopt}));
  settings.until = 2026y / 12 / 31;
  EXPECT_EQ(period_at(settings, berlin(), utc(2026y / 1 / 1)), period("all", WallTime{}, utc(2026y / 12 / 31, 23h)));
}

TEST(Period, periods_follow_one_another_without_gap_or_overlap) {
  std::mt19937 random{7};
  const std::vector<Zone> zones = {{},
                                   berlin(),
                                   Zone::from_rule("NST3:30NDT,M4.1.0/0:01,M10.5.0/0:01").value(),
                                   Zone::from_rule("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0").value()};
  std::vector<QuotaSettings> settings = {weekly(3), monthly(1), monthly(29), monthly(31)};
  settings.emplace_back().every = QuotaPeriod::hour;
  settings.emplace_back().every = QuotaPeriod::day;
  for (const auto& zone : zones) {
    for (const auto& each : settings) {
      WallTime time = utc(2025y / 12 / 28, std::chrono::seconds{random() % 86'400});
      Period last = period_at(each, zone, time);
      for (int i = 0; i < 2000; ++i) {
        ASSERT_LE(last.start, time);
        ASSERT_GT(*last.end, time);
        ASSERT_EQ(period_at(each, zone, last.start), last);
        ASSERT_EQ(period_at(each, zone, *last.end - 1ns), last);
        const Period next = period_at(each, zone, *last.end);
        ASSERT_EQ(next.start, *last.end);
        ASSERT_GT(next.label, last.label);
        time = next.start + Duration{static_cast<std::int64_t>(random() % 1'000'000)};
        last = next;
      }
    }
  }
}

}  // namespace
}  // namespace tidegate
