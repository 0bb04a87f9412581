#include "config/config.h"

namespace tidegate {
namespace {

using ::testing::HasSubstr;

TEST(AlertLevels, are_read_as_people_write_them) {
  constexpr auto kErrors = AlertQuantity::errors;
  constexpr auto kLatency = AlertQuantity::latency;
  const std::pair<std::string_view, AlertLevel> cases[] = {
      {"requests >= 20/s", {.value = 20}},
      {"requests>=20/s", {.value = 20}},
      {" requests  >=  20 / s ", {.value = 20}},
      {"requests > 0.5/s", {.or_equal = false, .value = 0.5}},
      {"requests < 300/m", {.above = false, .or_equal = false, .value = 5}},
      {"requests <= 5/10s", {.above = false, .value = 0.5}},
      {"requests >= 2400 in total", {.total = true, .value = 2400}},
      {"errors >= 5%", {.quantity = kErrors, .value = 0.05}},
      {"errors > 0.1 %", {.quantity = kErrors, .or_equal = false, .value = 1.0 / 1000}},
      {"latency p95 >= 300ms", {.quantity = kLatency, .value = 0.3}},
      {"latency p99.9 < 1m30s",
       {.quantity = kLatency, .percentile = 0.999, .above = false, .or_equal = false, .value = 90}},
      {"latency p50 >= 2", {.quantity = kLatency, .percentile = 0.5, .value = 2}},
  };
  for (const auto& [text, level] : cases) {
    const auto parsed = parse_alert_level(text);
    ASSERT_TRUE(parsed) << text << ": " << parsed.error().what;
    EXPECT_EQ(*parsed, level) << text;
    EXPECT_EQ(parse_alert_level(parsed->to_string()).value(), level) << parsed->to_string();
  }
}

TEST(AlertLevels, are_written_as_they_are_read) {
  for (const std::string_view text : {"requests >= 20/s", "requests < 0.5/s", "requests <= 2400 in total",
                                      "errors > 2.5%", "latency p95 >= 300ms", "latency p99.9 < 1m30s"}) {
    EXPECT_EQ(parse_alert_level(text).value().to_string(), text);
  }
}

TEST(AlertLevels, are_refused_where_they_say_nothing) {
  for (const std::string_view text : {"",
                                      "requests",
                                      "requests 20/s",
                                      "requests = 20/s",
                                      "requests >= 20",
                                      "requests >= -1/s",
                                      "requests >= 1e3/s",
                                      "requests >= .5/s",
                                      "requests >= 5./s",
                                      "requests >= 1.5.5/s",
                                      "requests >= 20/0s",
                                      "requests >= 20/parsec",
                                      "requests >= in total",
                                      "requests >= 20/s in total",
                                      "requests >= 1234567890123456/s",
                                      "requests p95 >= 1/s",
                                      "errors >= 5",
                                      "errors >= %",
                                      "errors >= 5%%",
                                      "latency >= 300ms",
                                      "latency 95 >= 300ms",
                                      "latency p >= 1s",
                                      "latency p95 >= fast",
                                      "requests >= > 20/s",
                                      "requests >= 20/s >= 3"}) {
    const auto parsed = parse_alert_level(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().what,
              fmt::format("\"{}\" is not a level (try requests >= 20/s, requests >= 2400 in total, errors >= 5% or "
                          "latency p95 >= 300ms)",
                          text));
  }
  EXPECT_THAT(parse_alert_level("request >= 20/s").error().what,
              HasSubstr("\"request\" is nothing an alert looks at (did you mean \"requests\"?) (try "));
}

}  // namespace
}  // namespace tidegate
