#include "alert/report.h"

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <cstdlib>
#include <ctime>

namespace tidegate {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::Pair;

constexpr WallTime kAt{std::chrono::sys_days{std::chrono::year{2026} / 11 / 21} + 12h + 34min + 56s + 999ms};

class AlertReport : public ::testing::Test {
 public:
  AlertReport() {
    ::setenv("TZ", "UTC", 1);
    ::tzset();
    settings.name = "busy";
  }

  [[nodiscard]] AlertChange change(bool raised, double value, AlertReading reading) const {
    return {.raised = raised, .at = {.instant = {}, .wall = kAt}, .reading = reading, .value = value};
  }

  AlertSettings settings;
};

TEST_F(AlertReport, speaks_of_requests_as_traffic_watch_does) {
  settings.when = {.value = 20};
  EXPECT_EQ(alert_text(settings, change(true, 20.1, {.requests = 2417, .latency = {}})),
            "High traffic generated an alert - hits = 2417 triggered at 21 Nov 12:34:56");
  EXPECT_EQ(alert_text(settings, change(false, 19, {.requests = 2280, .latency = {}})),
            "High traffic alert recovered at 21 Nov 12:34:56");
  settings.when.above = false;
  EXPECT_EQ(alert_text(settings, change(true, 0, {.latency = {}})),
            "Low traffic generated an alert - hits = 0 triggered at 21 Nov 12:34:56");
}

TEST_F(AlertReport, speaks_of_errors_and_latency_in_the_same_spirit) {
  settings.when = {.quantity = AlertQuantity::errors, .value = 0.05};
  EXPECT_EQ(alert_text(settings, change(true, 0.072, {.latency = {}})),
            "High error share generated an alert - errors = 7.2% triggered at 21 Nov 12:34:56");
  EXPECT_EQ(alert_text(settings, change(false, 0.01, {.latency = {}})),
            "High error share alert recovered at 21 Nov 12:34:56");
  settings.when = {.quantity = AlertQuantity::latency, .percentile = 0.999, .value = 0.3};
  EXPECT_EQ(alert_text(settings, change(true, 0.412, {.latency = 412ms})),
            "High latency generated an alert - p99.9 = 412 ms triggered at 21 Nov 12:34:56");
  EXPECT_EQ(alert_text(settings, change(true, 2.5, {.latency = 2500ms})),
            "High latency generated an alert - p99.9 = 2.5 s triggered at 21 Nov 12:34:56");
}

TEST_F(AlertReport, gives_commands_an_environment) {
  settings.when = {.value = 20};
  EXPECT_THAT(
      alert_environment("shop", settings, change(true, 20.5, {.requests = 2460, .latency = {}})),
      ElementsAre(Pair("TIDEGATE_WATCH", "shop"), Pair("TIDEGATE_ALERT", "busy"), Pair("TIDEGATE_STATE", "raised"),
                  Pair("TIDEGATE_VALUE", "20.5"), Pair("TIDEGATE_WHEN", "requests >= 20/s"),
                  Pair("TIDEGATE_AT", "2026-11-21T12:34:56.999Z"),
                  Pair("TIDEGATE_TEXT", "High traffic generated an alert - hits = 2460 triggered at 21 Nov 12:34:56")));
}

TEST_F(AlertReport, gives_webhooks_an_object) {
  settings.when = {.quantity = AlertQuantity::latency, .value = 0.25};
  settings.over = 90s;
  EXPECT_EQ(
      alert_json("shop", settings, change(true, 0.5, {.requests = 7, .responses = 6, .errors = 5, .latency = 500ms})),
      (boost::json::object{{"watch", "shop"},
                           {"alert", "busy"},
                           {"state", "raised"},
                           {"at", "2026-11-21T12:34:56.999Z"},
                           {"value", 0.5},
                           {"when", "latency p95 >= 250ms"},
                           {"over", 90.0},
                           {"requests", 7},
                           {"responses", 6},
                           {"errors", 5},
                           {"latency", 0.5},
                           {"text", "High latency generated an alert - p95 = 500 ms triggered at 21 Nov 12:34:56"}}));
}

TEST_F(AlertReport, says_null_where_there_was_nothing) {
  AlertChange recovered = change(false, 0, {.requests = 1, .latency = {}});
  recovered.value.reset();
  settings.when = {.quantity = AlertQuantity::errors, .value = 0.05};
  const auto json = alert_json("shop", settings, recovered);
  EXPECT_TRUE(json.at("value").is_null());
  EXPECT_TRUE(json.at("latency").is_null());
  EXPECT_EQ(json.at("state"), "recovered");
  EXPECT_THAT(alert_environment("shop", settings, recovered), testing::Contains(Pair("TIDEGATE_VALUE", "")));
}

}  // namespace
}  // namespace tidegate
