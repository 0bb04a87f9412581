#include "console/sparkline.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

namespace tidegate::console {

std::string sparkline(std::span<const double> values, std::size_t columns) {
  constexpr std::array<std::string_view, 8> kBars = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  values = values.last(std::min(values.size(), columns));
  double highest = 0;
  for (const double value : values) highest = std::isfinite(value) ? std::max(highest, value) : highest;
  std::string bars;
  for (const double value : values) {
    const double share = value > 0 && highest > 0 ? value / highest : 0;
    const auto height = std::ceil(share * static_cast<double>(kBars.size() - 1));
    bars += std::isfinite(value) ? kBars[static_cast<std::size_t>(height)] : " ";
  }
  return bars;
}

}  // namespace tidegate::console
