#include "alert/report.h"

#include <fmt/chrono.h>

#include <chrono>

#include "base/units.h"

namespace tidegate {
namespace {

std::string_view state_of(const AlertChange& change) { return change.raised ? "raised" : "recovered"; }

std::string_view subject_of(const AlertLevel& when) {
  switch (when.quantity) {
    case AlertQuantity::requests:
      return when.above ? "High traffic" : "Low traffic";
    case AlertQuantity::errors:
      return when.above ? "High error share" : "Low error share";
    case AlertQuantity::latency:
      return when.above ? "High latency" : "Low latency";
  }
  return {};
}

// "hits = 2417". Only what has a value raises an alert.
std::string measure_of(const AlertLevel& when, const AlertChange& change) {
  constexpr double kMilliseconds = 1e3;
  const double value = change.value.value_or(0);
  switch (when.quantity) {
    case AlertQuantity::requests:
      return fmt::format("hits = {}", change.reading.requests);
    case AlertQuantity::errors:
      return fmt::format("errors = {:.3g}%", value * 100);
    case AlertQuantity::latency:
      return value < 1 ? fmt::format("p{:.12g} = {:.3g} ms", when.percentile * 100, value * kMilliseconds)
                       : fmt::format("p{:.12g} = {}", when.percentile * 100, format_duration(*change.reading.latency));
  }
  return {};
}

}  // namespace

std::string alert_text(const AlertSettings& settings, const AlertChange& change) {
  const auto at = fmt::localtime(
      std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::system_clock::duration>(change.at.wall)));
  const std::string_view subject = subject_of(settings.when);
  if (!change.raised) return fmt::format("{} alert recovered at {:%d %b %H:%M:%S}", subject, at);
  return fmt::format("{} generated an alert - {} triggered at {:%d %b %H:%M:%S}", subject,
                     measure_of(settings.when, change), at);
}

std::vector<std::pair<std::string, std::string>> alert_environment(std::string_view watch,
                                                                   const AlertSettings& settings,
                                                                   const AlertChange& change) {
  return {{"TIDEGATE_WATCH", std::string{watch}},
          {"TIDEGATE_ALERT", settings.name},
          {"TIDEGATE_STATE", std::string{state_of(change)}},
          {"TIDEGATE_VALUE", change.value ? fmt::format("{}", *change.value) : ""},
          {"TIDEGATE_WHEN", settings.when.to_string()},
          {"TIDEGATE_AT", format_rfc3339(change.at.wall)},
          {"TIDEGATE_TEXT", alert_text(settings, change)}};
}

boost::json::object alert_json(std::string_view watch, const AlertSettings& settings, const AlertChange& change) {
  const auto seconds = [](Duration duration) { return std::chrono::duration<double>(duration).count(); };
  boost::json::object json{{"watch", watch},
                           {"alert", settings.name},
                           {"state", state_of(change)},
                           {"at", format_rfc3339(change.at.wall)},
                           {"value", nullptr},
                           {"when", settings.when.to_string()},
                           {"over", seconds(settings.over)},
                           {"requests", change.reading.requests},
                           {"responses", change.reading.responses},
                           {"errors", change.reading.errors},
                           {"latency", nullptr},
                           {"text", alert_text(settings, change)}};
  if (change.value) json["value"] = *change.value;
  if (change.reading.latency) json["latency"] = seconds(*change.reading.latency);
  return json;
}

}  // namespace tidegate
