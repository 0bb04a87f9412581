// When a packet passed, by both clocks.
#pragma once

#include <algorithm>
#include <chrono>

#include "base/time.h"

namespace tidegate {

// The kernel stamps packets with the wall clock only. `looked_at`: when they were taken from it, a moment later; a
// stamp that is older than a batch can be, or lies ahead, comes from a clock that was set meanwhile.
[[nodiscard]] inline Now packet_time(const Now& looked_at, WallTime wall) {
  constexpr Duration kOldest = std::chrono::seconds{10};
  const Duration age = std::clamp<Duration>(looked_at.wall - wall, Duration::zero(), kOldest);
  return {.instant = looked_at.instant - age, .wall = wall};
}

}  // namespace tidegate
