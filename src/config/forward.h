// One forward of the file.
#pragma once

#include <string>
#include <vector>

#include "config/reader.h"
#include "model/forward.h"

namespace tidegate {

// The forward that the map describes; what is wrong is told, and the rest is read all the same. `in_settings` is where
// the settings keep it ("forwards[3]"; empty: it stands alone), whatever its list in the file is called.
[[nodiscard]] ForwardSettings read_forward(const Value& value, const std::string& in_settings);

// Every key a forward may have: "name", "targets.host", "quota.bytes", …
[[nodiscard]] std::vector<std::string> forward_keys();

}  // namespace tidegate
