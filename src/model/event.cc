#include "model/event.h"

#include <array>
#include <cstddef>

namespace tidegate {

std::string_view to_string(EventKind kind) {
  constexpr std::array<std::string_view, 11> kNames = {
      "woke", "ready", "start failed", "stopping", "slept", "stop failed", "vetoed", "found", "gone", "kept", "forgot"};
  return kNames[static_cast<std::size_t>(kind)];
}

}  // namespace tidegate
