#include "model/quota.h"

#include <array>

namespace tidegate {

std::string_view to_string(QuotaPeriod period) {
  constexpr std::array<std::string_view, 5> kNames = {"none", "hour", "day", "week", "month"};
  return kNames.at(static_cast<std::size_t>(period));
}

std::string_view to_string(QuotaCount count) {
  constexpr std::array<std::string_view, 4> kNames = {"sum", "upload", "download", "larger"};
  return kNames.at(static_cast<std::size_t>(count));
}

std::string_view to_string(LimitAction action) {
  constexpr std::array<std::string_view, 3> kNames = {"cut", "reject", "throttle"};
  return kNames.at(static_cast<std::size_t>(action));
}

}  // namespace tidegate
