// A row of numbers as a row of bars.
#pragma once

#include <span>
#include <string>

namespace tidegate::console {

// The newest values, which are the last, one a column: the highest of them is the highest bar, zero the lowest; what is
// no number was not measured, and leaves a gap. "▁▂▅█".
[[nodiscard]] std::string sparkline(std::span<const double> values, std::size_t columns);

}  // namespace tidegate::console
