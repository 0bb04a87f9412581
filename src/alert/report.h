// What an alert tells: a line for people in the words of Traffic Watch, the environment of its commands, and the object
// that its webhooks are sent.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/alert.h"
#include "model/watch.h"

namespace tidegate {

// "High traffic generated an alert - hits = 2417 triggered at 21 Nov 12:34:56", "High traffic alert recovered at 21 Nov
// 12:36:40"; hits are the requests in the window, times are local. Of errors and latency likewise: "High error share
// generated an alert - errors = 7.2% triggered at …", "High latency generated an alert - p95 = 412 ms triggered at …".
[[nodiscard]] std::string alert_text(const AlertSettings& settings, const AlertChange& change);

// TIDEGATE_WATCH, TIDEGATE_ALERT, TIDEGATE_STATE (raised or recovered), TIDEGATE_VALUE (a number as AlertLevel::value;
// empty: there was none), TIDEGATE_WHEN (as in the configuration), TIDEGATE_AT (RFC 3339) and TIDEGATE_TEXT.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> alert_environment(std::string_view watch,
                                                                                 const AlertSettings& settings,
                                                                                 const AlertChange& change);

// {"watch", "alert", "state", "at", "value", "when", "over", "requests", "responses", "errors", "latency", "text"}:
// names and text as above, counts of the window, durations in seconds; `value` and `latency` are null where there was
// none.
[[nodiscard]] boost::json::object alert_json(std::string_view watch, const AlertSettings& settings,
                                             const AlertChange& change);

}  // namespace tidegate
