// The one place that asks the clocks.
#pragma once

#include "base/time.h"

namespace tidegate {

// Both clocks, read one after the other.
[[nodiscard]] inline Now system_now() { return {std::chrono::steady_clock::now(), std::chrono::system_clock::now()}; }

}  // namespace tidegate
