// What this host and its limits are like for tidegate as a whole: lines of `tidegate doctor` that no part of its own
// tells.
#pragma once

#include "model/finding.h"

namespace tidegate::cli {

[[nodiscard]] Finding capabilities_finding();
[[nodiscard]] Finding low_ports_finding();
[[nodiscard]] Finding conntrack_finding();
[[nodiscard]] Finding receive_buffer_finding();
[[nodiscard]] Finding pipe_finding();
[[nodiscard]] Finding descriptor_finding();
[[nodiscard]] Finding store_finding();

}  // namespace tidegate::cli
