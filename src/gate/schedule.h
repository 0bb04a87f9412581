// Weekly windows in local time in which a service is kept awake. Local time is what localtime_r(3) makes of the
// process's TZ.
#pragma once

#include <chrono>
#include <optional>
#include <span>

#include "base/time.h"
#include "model/service.h"

namespace tidegate {

// How far next_change() looks ahead: a week, and a day for a change of the clock in it.
inline constexpr std::chrono::days kScheduleHorizon{8};

// True when a window covers that moment of local time (the TZ of the process; changes of the clock included).
[[nodiscard]] bool in_schedule(std::span<const ScheduleWindow> windows, WallTime now);

// The next moment at which in_schedule() changes, within kScheduleHorizon; none: it never does.
[[nodiscard]] std::optional<WallTime> next_change(std::span<const ScheduleWindow> windows, WallTime now);

}  // namespace tidegate
