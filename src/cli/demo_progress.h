// The line that `demo load` draws over itself while it runs. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/time.h"

namespace tidegate::cli {

struct LoadProgress {
  Duration since{};   // the beginning
  Duration length{};  // of the profile
  std::uint64_t answered = 0;
  std::uint64_t failed = 0;
};

// "[######....]  60 %  6.0 s of 10 s  120 answered, 0 failed" for a terminal of so many columns. It leaves the last
// one free, so that nothing wraps; where the room is short the bar gives way first, and then the text is cut.
[[nodiscard]] std::string progress_line(const LoadProgress& progress, std::size_t columns);

}  // namespace tidegate::cli
