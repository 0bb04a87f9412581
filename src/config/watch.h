// A watch of the file, with its alerts.
#pragma once

#include <string>
#include <vector>

#include "config/reader.h"
#include "model/watch.h"

namespace tidegate {

// The watch that the map describes; what is wrong is told, and the rest is read all the same.
[[nodiscard]] WatchSettings read_watch(const Value& value);

// Every key a watch may have: "name", "alerts.when", "alerts.do.throttle.to", …
[[nodiscard]] std::vector<std::string> watch_keys();

}  // namespace tidegate
