#include "model/event.h"

#include <array>
#include <cstddef>

namespace tidegate {

std::string_view to_string(EventKind kind) {
  constexpr std::array<std::string_view, 21> kNames = {
      "woke",        "ready",     "start failed", "stopping", "slept",        "stop failed",     "vetoed",
      "found",       "gone",      "kept",         "forgot",   "quota warned", "quota reached",   "quota renewed",
      "target down", "target up", "trouble",      "stored",   "alert raised", "alert recovered", "held"};
  return kNames[static_cast<std::size_t>(kind)];
}

}  // namespace tidegate
