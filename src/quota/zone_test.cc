#include "quota/zone.h"

#include <gtest/gtest.h>

#include "tests/support/tzif_bytes.h"

namespace tidegate {
namespace {

using namespace std::chrono_literals;
using std::chrono::local_days;
using std::chrono::sys_days;
using std::chrono::year_month_day;

constexpr std::string_view kBerlin = "CET-1CEST,M3.5.0,M10.5.0/3";

Zone rule(std::string_view text) { return Zone::from_rule(text).value(); }
WallTime utc(year_month_day date, Duration time) { return sys_days{date} + time; }
LocalTime local(year_month_day date, Duration time) { return local_days{date} + time; }

TEST(Zone, is_utc_unless_it_is_told_otherwise) {
  EXPECT_EQ(Zone{}.to_local(utc(2026y / 11 / 21, 14h + 1ns)), local(2026y / 11 / 21, 14h + 1ns));
  EXPECT_EQ(Zone{}.to_sys(local(2026y / 11 / 21, 14h + 1ns)), utc(2026y / 11 / 21, 14h + 1ns));
}

TEST(Zone, follows_a_rule_through_summer_and_winter) {
  const Zone berlin = rule(kBerlin);
  EXPECT_EQ(berlin.to_local(utc(2026y / 1 / 1, 12h)), local(2026y / 1 / 1, 13h));
  EXPECT_EQ(berlin.to_local(utc(2026y / 7 / 1, 12h)), local(2026y / 7 / 1, 14h));
  EXPECT_EQ(berlin.to_local(utc(2026y / 3 / 29, 1h - 1ns)), local(2026y / 3 / 29, 2h - 1ns));
  EXPECT_EQ(berlin.to_local(utc(2026y / 3 / 29, 1h)), local(2026y / 3 / 29, 3h));
  EXPECT_EQ(berlin.to_local(utc(2026y / 10 / 25, 1h - 1ns)), local(2026y / 10 / 25, 3h - 1ns));
  EXPECT_EQ(berlin.to_local(utc(2026y / 10 / 25, 1h)), local(2026y / 10 / 25, 2h));
  EXPECT_EQ(berlin.to_local(utc(2199y / 7 / 1, 12h)), local(2199y / 7 / 1, 14h));
}

TEST(Zone, follows_a_rule_of_the_southern_half_over_the_new_year) {
  const Zone sydney = rule("AEST-10AEDT,M10.1.0,M4.1.0/3");
  EXPECT_EQ(sydney.to_local(utc(2026y / 12 / 31, 20h)), local(2027y / 1 / 1, 7h));
  EXPECT_EQ(sydney.to_local(utc(2026y / 7 / 1, 0h)), local(2026y / 7 / 1, 10h));
}

TEST(Zone, knows_every_form_of_a_rule) {
  EXPECT_EQ(rule("<+0545>-5:45").to_local(utc(2026y / 1 / 1, 0h)), local(2026y / 1 / 1, 5h + 45min));
  EXPECT_EQ(rule("XYZ3:30:15").to_local(utc(2026y / 1 / 1, 4h)), local(2026y / 1 / 1, 29min + 45s));
  const Zone new_york = rule("EST5EDT");  // the rule of the C library
  EXPECT_EQ(new_york.to_local(utc(2026y / 3 / 8, 7h)), local(2026y / 3 / 8, 3h));
  EXPECT_EQ(new_york.to_local(utc(2026y / 11 / 1, 6h)), local(2026y / 11 / 1, 1h));
  const Zone nuuk = rule("<-02>2<-01>,M3.5.0/-1,M10.5.0/0");  // at 23:00 of the day before
  EXPECT_EQ(nuuk.to_local(utc(2026y / 3 / 29, 1h - 1s)), local(2026y / 3 / 28, 23h - 1s));
  EXPECT_EQ(nuuk.to_local(utc(2026y / 3 / 29, 1h)), local(2026y / 3 / 29, 0h));
  const Zone always_summer = rule("XXX3EDT4,0/0,J365/23");
  for (const auto date : {2026y / 1 / 1, 2026y / 6 / 1, 2026y / 12 / 31, 2028y / 12 / 31}) {
    EXPECT_EQ(always_summer.to_local(utc(date, 12h)), local(date, 8h));
  }
  const Zone by_day = rule("STD0DST,J60,300");  // 1 March in every year; day 300 is 28 October, in a leap year the 27th
  EXPECT_EQ(by_day.to_local(utc(2026y / 3 / 1, 2h)), local(2026y / 3 / 1, 3h));
  EXPECT_EQ(by_day.to_local(utc(2028y / 2 / 29, 2h)), local(2028y / 2 / 29, 2h));
  EXPECT_EQ(by_day.to_local(utc(2028y / 3 / 1, 2h)), local(2028y / 3 / 1, 3h));
  EXPECT_EQ(by_day.to_local(utc(2026y / 10 / 28, 0h)), local(2026y / 10 / 28, 1h));
  EXPECT_EQ(by_day.to_local(utc(2026y / 10 / 28, 1h)), local(2026y / 10 / 28, 1h));
  EXPECT_EQ(by_day.to_local(utc(2028y / 10 / 27, 1h)), local(2028y / 10 / 27, 1h));
}

TEST(Zone, refuses_what_is_not_a_rule) {
  for (const std::string_view text :
       {"", "CE-1", "CET", "CET-25", "CET-1:60", "<CET-1", "CET-1CEST,", "CET-1CEST,M3.5.0",
        "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M3.6.0,M10.5.0", "CET-1CEST,M3.5.7,M10.5.0", "CET-1CEST,J0,J1",
        "CET-1CEST,366,1", "CET-1CEST,M3.5.0/168,M10.5.0", "CET-1CEST,M3.5.0,M10.5.0/3x", "CET-99999999999999999999",
        "Europe/Berlin"}) {
    EXPECT_FALSE(Zone::from_rule(text)) << text;
  }
  EXPECT_EQ(Zone::from_rule("C\n").error().what, R"("C\x0a" is not the rule of a time zone)");
}

TEST(Zone, a_time_that_is_left_out_moves_to_the_end_of_the_gap) {
  const Zone berlin = rule(kBerlin);
  EXPECT_EQ(berlin.to_sys(local(2026y / 3 / 29, 2h)), utc(2026y / 3 / 29, 1h));
  EXPECT_EQ(berlin.to_sys(local(2026y / 3 / 29, 2h + 30min + 1ns)), utc(2026y / 3 / 29, 1h));
  EXPECT_EQ(berlin.to_sys(local(2026y / 3 / 29, 3h)), utc(2026y / 3 / 29, 1h));
  EXPECT_EQ(berlin.to_sys(local(2026y / 3 / 29, 3h + 1ns)), utc(2026y / 3 / 29, 1h + 1ns));
  EXPECT_EQ(berlin.to_sys(local(2026y / 3 / 29, 2h - 1ns)), utc(2026y / 3 / 29, 1h - 1ns));
}

TEST(Zone, of_a_time_that_is_shown_twice_it_takes_the_first) {
  const Zone berlin = rule(kBerlin);
  EXPECT_EQ(berlin.to_sys(local(2026y / 10 / 25, 2h)), utc(2026y / 10 / 25, 0h));
  EXPECT_EQ(berlin.to_sys(local(2026y / 10 / 25, 3h - 1ns)), utc(2026y / 10 / 25, 1h - 1ns));
  EXPECT_EQ(berlin.to_sys(local(2026y / 10 / 25, 3h)), utc(2026y / 10 / 25, 2h));
}

// 2000-01-01 and 2010-01-01, UTC.
constexpr std::int64_t kIn2000 = 946'684'800;
constexpr std::int64_t kIn2010 = 1'262'304'000;

TEST(Zone, reads_the_changes_of_a_file_and_after_them_its_rule) {
  const auto bytes = test::tzif({{.at = kIn2000, .type = 1}, {.at = kIn2010, .type = 2}}, {600, 7200, 3600}, kBerlin);
  const Zone zone = Zone::from_tzif(bytes).value();
  EXPECT_EQ(zone.to_local(utc(1900y / 1 / 1, 0h)), local(1900y / 1 / 1, 10min));
  EXPECT_EQ(zone.to_local(utc(2000y / 1 / 1, -1ns)), local(2000y / 1 / 1, 10min - 1ns));
  EXPECT_EQ(zone.to_local(utc(2000y / 1 / 1, 0h)), local(2000y / 1 / 1, 2h));
  EXPECT_EQ(zone.to_local(utc(2010y / 1 / 1, 0h)), local(2010y / 1 / 1, 1h));
  EXPECT_EQ(zone.to_local(utc(2010y / 7 / 1, 0h)), local(2010y / 7 / 1, 2h));
}

TEST(Zone, without_a_rule_the_last_change_stays) {
  for (const auto& bytes : {test::tzif({{.at = kIn2000, .type = 1}}, {0, -3600}, ""),
                            test::tzif_old({{.at = kIn2000, .type = 1}}, {0, -3600})}) {
    const Zone zone = Zone::from_tzif(bytes).value();
    EXPECT_EQ(zone.to_local(utc(1999y / 1 / 1, 5h)), local(1999y / 1 / 1, 5h));
    EXPECT_EQ(zone.to_local(utc(2200y / 1 / 1, 5h)), local(2200y / 1 / 1, 4h));
  }
}

TEST(Zone, skips_a_whole_day_where_the_date_line_was_moved) {
  const std::int64_t change = sys_days{2011y / 12 / 30}.time_since_epoch() / 1s + 36'000;  // Samoa: -10 to +14
  const Zone samoa = Zone::from_tzif(test::tzif({{.at = change, .type = 1}}, {-36'000, 50'400}, "")).value();
  EXPECT_EQ(samoa.to_sys(local(2011y / 12 / 30, 0h)), utc(2011y / 12 / 30, 10h));
  EXPECT_EQ(samoa.to_sys(local(2011y / 12 / 30, 23h)), utc(2011y / 12 / 30, 10h));
  EXPECT_EQ(samoa.to_sys(local(2011y / 12 / 31, 0h)), utc(2011y / 12 / 30, 10h));
}

TEST(Zone, refuses_a_file_that_is_cut_anywhere) {
  const auto bytes = test::tzif({{.at = kIn2000, .type = 1}}, {0, 3600}, kBerlin);
  ASSERT_TRUE(Zone::from_tzif(bytes));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(Zone::from_tzif(std::string_view{bytes}.substr(0, size))) << size;
  }
}

TEST(Zone, refuses_a_file_that_contradicts_itself) {
  const auto what = [](const std::string& bytes) { return Zone::from_tzif(bytes).error().what; };
  EXPECT_EQ(what("root:x:0:0"), "the time zone does not begin as a TZif file");
  EXPECT_EQ(what(test::tzif({}, {}, "")), "the time zone has no offsets");
  EXPECT_EQ(what(test::tzif({}, {93'600}, "")), "the time zone has an offset of 93600 s");
  EXPECT_EQ(what(test::tzif({{.at = 0, .type = 1}}, {0}, "")), "the time zone names an offset that it does not have");
  EXPECT_EQ(what(test::tzif({{.at = 5, .type = 0}, {.at = 5, .type = 0}}, {0}, "")),
            "the time zone's changes are not in order");
  EXPECT_EQ(what(test::tzif({}, {0}, "soon")), "\"soon\" is not the rule of a time zone");
}

}  // namespace
}  // namespace tidegate
