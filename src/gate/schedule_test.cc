// Windows are checked against dates whose week days and changes of the clock are known: in 2026 Berlin changes on
// 29 March (02:00 to 03:00) and on 25 October (03:00 to 02:00).
#include "gate/schedule.h"

#include <gtest/gtest.h>

#include <vector>

#include "gate/story_for_tests.h"

namespace tidegate {
namespace {

using namespace std::chrono_literals;
using std::chrono::minutes;

constexpr std::uint8_t kMonday = 1, kFriday = 16, kSaturday = 32, kSunday = 64, kWorkDays = 31, kEveryDay = 127;

class Schedule : public testing::Test {
 private:
  ZoneForAWhile zone_{"Europe/Berlin"};
};

WallTime utc(int year, unsigned month, unsigned day, minutes of_day) {
  return std::chrono::sys_days{std::chrono::year{year} / static_cast<int>(month) / static_cast<int>(day)} + of_day;
}

ScheduleWindow window(std::uint8_t days, minutes from, minutes to) { return {days, from, to}; }

TEST_F(Schedule, covers_its_hours_of_its_days_in_local_time) {
  const std::vector windows{window(kWorkDays, 18h, 23h)};
  // Friday 20 November 2026; Berlin is one hour ahead of UTC
  EXPECT_FALSE(in_schedule(windows, utc(2026, 11, 20, 17h) - 1ns));
  EXPECT_TRUE(in_schedule(windows, utc(2026, 11, 20, 17h)));
  EXPECT_TRUE(in_schedule(windows, utc(2026, 11, 20, 22h) - 1ns));
  EXPECT_FALSE(in_schedule(windows, utc(2026, 11, 20, 22h)));
  EXPECT_FALSE(in_schedule(windows, utc(2026, 11, 21, 18h)));  // Saturday
}

TEST_F(Schedule, belongs_to_the_day_on_which_it_began_when_it_passes_midnight) {
  const std::vector windows{window(kFriday, 22h, 2h)};
  EXPECT_FALSE(in_schedule(windows, utc(2026, 11, 20, 0h)));  // Friday 01:00 is Thursday's night
  EXPECT_TRUE(in_schedule(windows, utc(2026, 11, 20, 21h)));
  EXPECT_TRUE(in_schedule(windows, utc(2026, 11, 21, 0h)));   // Saturday 01:00
  EXPECT_FALSE(in_schedule(windows, utc(2026, 11, 21, 1h)));  // Saturday 02:00
  EXPECT_FALSE(in_schedule(windows, utc(2026, 11, 21, 21h)));
}

TEST_F(Schedule, passes_from_sunday_night_to_monday) {
  const std::vector windows{window(kSunday, 23h, 1h)};
  EXPECT_TRUE(in_schedule(windows, utc(2026, 11, 22, 23h + 30min)));  // Monday 00:30
  EXPECT_EQ(next_change(windows, utc(2026, 11, 22, 23h + 30min)), utc(2026, 11, 23, 0h));
}

TEST_F(Schedule, may_last_until_the_end_of_the_day) {
  const std::vector windows{window(kSaturday, 10h, 24h), window(kSunday, 0h, 8h)};
  EXPECT_EQ(next_change(windows, utc(2026, 11, 21, 8h)), utc(2026, 11, 21, 9h));
  EXPECT_TRUE(in_schedule(windows, utc(2026, 11, 21, 23h)));
  EXPECT_EQ(next_change(windows, utc(2026, 11, 21, 9h)), utc(2026, 11, 22, 7h)) << "adjoining windows are one";
}

TEST_F(Schedule, covers_a_whole_day_when_it_ends_where_it_began) {
  const std::vector windows{window(kMonday, 6h, 6h)};
  EXPECT_EQ(next_change(windows, utc(2026, 11, 23, 5h)), utc(2026, 11, 24, 5h));
}

TEST_F(Schedule, tells_the_next_change_to_the_minute_and_never_the_present_moment) {
  const std::vector windows{window(kFriday, 18h + 7min, 18h + 8min)};
  const auto begin = utc(2026, 11, 20, 17h + 7min);
  EXPECT_EQ(next_change(windows, utc(2026, 11, 20, 3h) + 123ns), begin);
  EXPECT_EQ(next_change(windows, begin - 1ns), begin);
  EXPECT_EQ(next_change(windows, begin), begin + 1min);
  EXPECT_EQ(next_change(windows, begin + 1min), begin + std::chrono::days{7});
}

TEST_F(Schedule, never_changes_when_it_is_empty_or_covers_all) {
  EXPECT_FALSE(in_schedule({}, utc(2026, 11, 20, 18h)));
  EXPECT_EQ(next_change({}, utc(2026, 11, 20, 18h)), std::nullopt);
  const std::vector always{window(kEveryDay, 0h, 24h)};
  EXPECT_TRUE(in_schedule(always, utc(2026, 11, 20, 18h)));
  EXPECT_EQ(next_change(always, utc(2026, 11, 20, 18h)), std::nullopt);
}

TEST_F(Schedule, begins_at_the_leap_when_the_clock_skips_its_beginning) {
  const std::vector windows{window(kSunday, 2h + 30min, 5h)};
  const auto leap = utc(2026, 3, 29, 1h);  // 02:00 CET becomes 03:00 CEST
  EXPECT_FALSE(in_schedule(windows, leap - 1ns));
  EXPECT_TRUE(in_schedule(windows, leap));
  EXPECT_EQ(next_change(windows, utc(2026, 3, 28, 12h)), leap);
  EXPECT_EQ(next_change(windows, leap), utc(2026, 3, 29, 3h));
}

TEST_F(Schedule, keeps_to_the_local_hour_after_the_clock_has_changed) {
  const std::vector windows{window(kEveryDay, 18h, 23h)};
  EXPECT_EQ(next_change(windows, utc(2026, 3, 28, 23h)), utc(2026, 3, 29, 16h));    // 18:00 CEST
  EXPECT_EQ(next_change(windows, utc(2026, 10, 24, 22h)), utc(2026, 10, 25, 17h));  // 18:00 CET
}

TEST_F(Schedule, follows_the_clock_when_an_hour_comes_twice) {
  const std::vector windows{window(kSunday, 2h + 30min, 5h)};
  const auto first = utc(2026, 10, 25, 0h + 30min);  // 02:30 CEST
  EXPECT_EQ(next_change(windows, utc(2026, 10, 24, 12h)), first);
  EXPECT_EQ(next_change(windows, first), utc(2026, 10, 25, 1h)) << "the clock shows 02:00 again";
  EXPECT_EQ(next_change(windows, utc(2026, 10, 25, 1h)), utc(2026, 10, 25, 1h + 30min));
  EXPECT_EQ(next_change(windows, utc(2026, 10, 25, 1h + 30min)), utc(2026, 10, 25, 4h));
}

TEST_F(Schedule, knows_zones_off_the_hour) {
  const ZoneForAWhile kathmandu{"Asia/Kathmandu"};  // UTC+05:45
  const std::vector windows{window(kFriday, 18h, 23h)};
  EXPECT_EQ(next_change(windows, utc(2026, 11, 20, 3h)), utc(2026, 11, 20, 12h + 15min));
}

}  // namespace
}  // namespace tidegate
