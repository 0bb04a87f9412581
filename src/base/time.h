// Time is a parameter: everything below layer 3 is given the time and never asks a clock.
#pragma once

#include <chrono>

namespace tidegate {

using Duration = std::chrono::nanoseconds;
using Instant = std::chrono::steady_clock::time_point;             // for timers and idleness: never jumps
using WallTime = std::chrono::sys_time<std::chrono::nanoseconds>;  // for people, schedules and savefiles

// The same moment on both clocks. In a replay both come from the packets.
struct Now {
  Instant instant;
  WallTime wall;
};

}  // namespace tidegate
