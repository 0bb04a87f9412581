#include "model/event.h"

#include <array>
#include <cstddef>

namespace tidegate {

std::string_view to_string(EventKind kind) {
  constexpr std::array<std::string_view, 18> kNames = {
      "woke",          "ready",         "start failed", "stopping",  "slept",   "stop failed",
      "vetoed",        "found",         "gone",         "kept",      "forgot",  "quota warned",
      "quota reached", "quota renewed", "target down",  "target up", "trouble", "stored"};
  return kNames[static_cast<std::size_t>(kind)];
}

}  // namespace tidegate
