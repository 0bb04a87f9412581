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

TEST(Units, says_how_long_something_took_that_was_over_in_a_moment) {
  EXPECT_EQ(format_latency(850us), "850 µs");
  EXPECT_EQ(format_latency(12'340us), "12.3 ms");
  EXPECT_EQ(format_latency(1200ms), "1.20 s");
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

TEST(ParseBytes, takes_whole_numbers_to_the_byte) {
  EXPECT_EQ(parse_bytes("9007199254740993").value(), 9007199254740993U);
  EXPECT_EQ(parse_bytes(" 8388607TB ").value(), 8388607ULL << 40);
  EXPECT_FALSE(parse_bytes("9223372036854775808"));
}

TEST(ParseRate, counts_bits_by_1000_and_bytes_by_1024) {
  const std::pair<const char*, std::uint64_t> cases[] = {
      {"20Mbit/s", 2'500'000}, {"1Gbit/s", 125'000'000}, {"500kbit/s", 62'500}, {"64 bit/s", 8},
      {"10MB/s", 10'485'760},  {"1.5 KB/s", 1536},       {"512B/s", 512},       {"2.5mbit/s", 312'500},
      {"100Kbit/s", 12'500},   {"8kB/s", 8192},          {"0bit/s", 0}};
  for (const auto& [text, rate] : cases) {
    const auto parsed = parse_rate(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(*parsed, rate) << text;
  }
}

TEST(ParseRate, refuses_everything_else_and_quotes_it) {
  for (const char* text : {"", "20", "20M", "20Mbit", "20Mb/s", "20 Mbps", "-1Mbit/s", "/s", "bit/s", "1e3bit/s",
                           "20MBit/s", "1Bbit/s", "1b/s", "7bit/s", "99999999TB/s", "1mB/S"}) {
    const auto parsed = parse_rate(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_NE(parsed.error().what.find(fmt::format("\"{}\"", text)), std::string::npos) << parsed.error().what;
  }
}

TEST(ConfigRate, is_read_back_as_the_same) {
  EXPECT_EQ(config_rate(2'500'000), "20Mbit/s");
  EXPECT_EQ(config_rate(10'485'760), "10MB/s");
  EXPECT_EQ(config_rate(1), "1B/s");
  for (const std::uint64_t rate : {0ULL, 1ULL, 8ULL, 1000ULL, 1024ULL, 62'500ULL, 125'000'000ULL, 1ULL << 52}) {
    EXPECT_EQ(parse_rate(config_rate(rate)).value(), rate) << config_rate(rate);
  }
}

TEST(FormatRate, shows_three_digits) {
  EXPECT_EQ(format_rate(0), "0 bit/s");
  EXPECT_EQ(format_rate(100), "800 bit/s");
  EXPECT_EQ(format_rate(2'500'000), "20.0 Mbit/s");
  EXPECT_EQ(format_rate(125'000'000), "1.00 Gbit/s");
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
