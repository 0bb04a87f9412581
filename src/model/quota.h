// A quota as configured: a number of bytes for a forward or a group of forwards, for all time or for a period.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tidegate {

enum class QuotaPeriod : std::uint8_t { none, hour, day, week, month };
[[nodiscard]] std::string_view to_string(QuotaPeriod period);  // "none", "hour", …

// Which bytes count: both directions together, one of them, or the larger of the two.
enum class QuotaCount : std::uint8_t { sum, upload, download, larger };
[[nodiscard]] std::string_view to_string(QuotaCount count);

// What happens at the limit: open connections end at that very byte; only new ones are refused; or all are slowed.
enum class LimitAction : std::uint8_t { cut, reject, throttle };
[[nodiscard]] std::string_view to_string(LimitAction action);

struct QuotaSettings {
  std::uint64_t bytes = 0;
  QuotaPeriod every = QuotaPeriod::none;
  unsigned weekday = 0;                              // of week: on which it begins; 0 is Monday
  unsigned day = 1;                                  // of month: 1 to 31, the last day of a month that is shorter
  std::string zone;                                  // IANA name ("Europe/Berlin"); empty: local time
  std::optional<std::chrono::year_month_day> until;  // with period none: its last day, after which it no longer limits
  QuotaCount count = QuotaCount::sum;
  LimitAction action = LimitAction::cut;
  std::uint64_t throttle = 0;  // bytes per second, of throttle
  std::vector<unsigned> warn;  // per cent, ascending, 1 to 99
  std::string group;           // shared by the forwards whose quota names it; empty: its forward's alone
  bool operator==(const QuotaSettings&) const = default;
};

}  // namespace tidegate
