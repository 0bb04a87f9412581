// What this host can do for holding, for `tidegate doctor`.
#pragma once

#include "model/finding.h"

namespace tidegate {

// Whether tun and tap devices can be made and held.
[[nodiscard]] Finding device_finding();

}  // namespace tidegate
