// Windows are compared minute by minute with the wall clock on a local wall, so that an hour that a change of the clock
// skips or repeats is treated as anybody reading that clock would.
#include "gate/schedule.h"

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <ratio>

namespace tidegate {
namespace {

using std::chrono::minutes;

// The offset from UTC changes only at quarters of an hour, wherever it changes at all.
using Quarters = std::chrono::duration<std::int64_t, std::ratio<900>>;
constexpr minutes kQuarter = Quarters{1};
constexpr minutes kDay{24 * 60};

struct LocalMinute {
  unsigned day = 0;  // 0 is Monday
  minutes of_day{};
};

LocalMinute local_minute(WallTime time) {
  const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  std::tm local{};
  ::localtime_r(&seconds, &local);
  return {(static_cast<unsigned>(local.tm_wday) + 6) % 7, minutes{local.tm_hour * 60 + local.tm_min}};
}

LocalMinute later(LocalMinute from, minutes by) {
  const minutes sum = from.of_day + by;
  return sum < kDay ? LocalMinute{from.day, sum} : LocalMinute{(from.day + 1) % 7, sum - kDay};
}

bool covers(const ScheduleWindow& window, LocalMinute at) {
  const auto begins_on = [&](unsigned day) { return ((window.days >> day) & 1U) != 0; };
  const bool passes_midnight = window.to <= window.from;
  if (at.of_day >= window.from && (passes_midnight || at.of_day < window.to)) return begins_on(at.day);
  return passes_midnight && at.of_day < window.to && begins_on((at.day + 6) % 7);
}

bool covered(std::span<const ScheduleWindow> windows, LocalMinute at) {
  return std::ranges::any_of(windows, [&](const ScheduleWindow& window) { return covers(window, at); });
}

}  // namespace

bool in_schedule(std::span<const ScheduleWindow> windows, WallTime now) {
  return !windows.empty() && covered(windows, local_minute(now));
}

std::optional<WallTime> next_change(std::span<const ScheduleWindow> windows, WallTime now) {
  if (windows.empty()) return std::nullopt;
  const bool inside = in_schedule(windows, now);
  const WallTime last = now + kScheduleHorizon;
  for (WallTime quarter = std::chrono::floor<Quarters>(now); quarter < last; quarter += kQuarter) {
    const LocalMinute local = local_minute(quarter);
    for (minutes past{0}; past < kQuarter; ++past) {
      const WallTime moment = quarter + past;
      if (moment > now && covered(windows, later(local, past)) != inside) return moment;
    }
  }
  return std::nullopt;
}

}  // namespace tidegate
