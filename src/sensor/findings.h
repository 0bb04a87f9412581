// What this host can do for the sensors, for `tidegate doctor`.
#pragma once

#include "model/finding.h"

namespace tidegate {

// Each tries what it tells of, and leaves no trace.
[[nodiscard]] Finding pcap_finding();
[[nodiscard]] Finding nflog_finding();
[[nodiscard]] Finding kernel_sensor_finding();

}  // namespace tidegate
