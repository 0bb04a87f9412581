#include "base/units.h"

#include <gtest/gtest.h>

namespace tidegate {
namespace {

using namespace std::chrono_literals;

TEST(ParseDuration, takes_what_people_write) {
  const std::pair<const char*, Duration> cases[] = {{"250ms", 250ms}, {"90s", 90s},    {"15m", 15min}, {"1h30m", 90min},
                                                    {"2d", 48h},      {"1.5h", 90min}, {"90", 90s},    {" 15m ", 15min},
                                                    {"0", 0s},        {"0.25", 250ms}};
  for (const auto& [text, duration] : cases) {
    const auto parsed = parse_duration(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(*parsed, duration) << text;
  }
}

TEST(ParseDuration, refuses_everything_else_and_quotes_it) {
  for (const char* text : {"", "15 mins", "-5s", "1m1h", "1m1m", "m", "1e3s", "1..2s", "5x", "1h30", "nan", "9999d"}) {
    const auto parsed = parse_duration(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_NE(parsed.error().what.find(fmt::format("\"{}\"", text)), std::string::npos) << parsed.error().what;
  }
  EXPECT_EQ(parse_duration("15 mins").error().what, "\"15 mins\" is not a duration (try 15m, 90s, 1h30m)");
}

TEST(FormatDuration, speaks_as_people_do) {
  EXPECT_EQ(format_duration(400ms), "0.4 s");
  EXPECT_EQ(format_duration(38s), "38 s");
  EXPECT_EQ(format_duration(14min + 10s), "14m 10s");
  EXPECT_EQ(format_duration(12min), "12m");
  EXPECT_EQ(format_duration(2h + 5min + 59s), "2h 5m");
  EXPECT_EQ(format_duration(76h), "3d 4h");
  EXPECT_EQ(format_duration(-1s), "0.0 s");
}

TEST(ConfigDuration, is_read_back_as_the_same) {
  for (const Duration duration :
       {Duration{0s}, Duration{250ms}, Duration{90s}, Duration{15min}, Duration{90min}, Duration{49h}}) {
    EXPECT_EQ(parse_duration(config_duration(duration)).value(), duration) << config_duration(duration);
  }
}

TEST(ParseBytes, counts_in_powers_of_1024) {
  const std::pair<const char*, std::uint64_t> cases[] = {{"64KB", 65536},
                                                         {"1.5TB", 1649267441664},
                                                         {"500 mb", 524288000},
                                                         {"100GB", 107374182400},
                                                         {"1048576", 1048576},
                                                         {"0", 0},
                                                         {"7B", 7}};
  for (const auto& [text, bytes] : cases) EXPECT_EQ(parse_bytes(text).value(), bytes) << text;
  for (const char* text : {"", "GB", "-1KB", "1XB", "1e9", "99999999TB"}) EXPECT_FALSE(parse_bytes(text)) << text;
}

TEST(FormatBytes, shows_three_digits) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(1023), "1023 B");
  EXPECT_EQ(format_bytes(1288490189), "1.20 GB");
  EXPECT_EQ(format_bytes(83990938), "80.1 MB");
  EXPECT_EQ(format_bytes(838860800), "800 MB");
}

TEST(FormatRfc3339, is_utc_with_milliseconds) {
  EXPECT_EQ(format_rfc3339(WallTime{1763744531042ms}), "2025-11-21T17:02:11.042Z");
}

}  // namespace
}  // namespace tidegate
