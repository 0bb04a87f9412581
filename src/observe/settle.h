// What a capture in batches still holds when somebody wants the figures.
#pragma once

#include "base/time.h"

namespace tidegate {

// In which the packets that are in the ring already come out of it: some two looks at it.
inline constexpr Duration kSettle = std::chrono::milliseconds{50};

}  // namespace tidegate
