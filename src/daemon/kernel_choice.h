// Which services' ports the sensor `kernel` can watch. Pure.
#pragma once

#include <vector>

#include "config/config.h"

namespace tidegate {

// Those with ports but for: those that are to be watched by pcap or need each packet, and those that share a port with
// an earlier one on another interface (the kernel's counters go by port and address).
[[nodiscard]] std::vector<ServiceSettings> kernel_choice(const Config& config);

}  // namespace tidegate
