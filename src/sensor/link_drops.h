// What an interface itself has lost on receiving, from rtnetlink(7).
#pragma once

#include <cstdint>

#include "base/error.h"

namespace tidegate {

// Packets that found no room in the interface's own buffers (rx_missed_errors and rx_fifo_errors), since it exists.
// Index 0 stands for no interface of its own: an error.
[[nodiscard]] Result<std::uint64_t> link_drops(std::uint32_t interface);

}  // namespace tidegate
