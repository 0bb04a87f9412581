#include "model/watch.h"

#include <array>
#include <cmath>

#include "base/units.h"

namespace tidegate {

std::string_view to_string(AlertQuantity quantity) {
  constexpr std::array<std::string_view, 3> kNames = {"requests", "errors", "latency"};
  return kNames.at(static_cast<std::size_t>(quantity));
}

std::string AlertLevel::to_string() const {
  constexpr std::array<std::string_view, 4> kSigns = {"<", "<=", ">", ">="};
  const std::string_view sign = kSigns.at((above ? 2U : 0U) + (or_equal ? 1U : 0U));
  switch (quantity) {
    case AlertQuantity::requests:
      return fmt::format("requests {} {}{}", sign, value, total ? " in total" : "/s");
    case AlertQuantity::errors:
      return fmt::format("errors {} {:.12g}%", sign, value * 100);
    case AlertQuantity::latency:
      return fmt::format("latency p{:.12g} {} {}", percentile * 100, sign,
                         config_duration(Duration{std::llround(value * 1e9)}));
  }
  return {};
}

}  // namespace tidegate
