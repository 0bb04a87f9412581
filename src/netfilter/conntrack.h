// Connections as the kernel tracks them (ctnetlink), chosen by their mark. Blocks, for a second at most between two
// answers of the kernel.
#pragma once

#include <cstdint>
#include <vector>

#include "base/error.h"
#include "model/address.h"
#include "model/port.h"

namespace tidegate {

struct TrackedConnection {
  Protocol protocol = Protocol::other;
  std::uint32_t mark = 0;
  bool open = true;  // of TCP: it has not ended yet
  Endpoint client;   // as its first packet came: from whom, and to whom
  Endpoint listen;
  Endpoint target;  // who answers, and to whom
  Endpoint source;
};

// Those whose mark is `mark` under `mask`.
[[nodiscard]] Result<std::vector<TrackedConnection>> tracked_connections(std::uint32_t mark, std::uint32_t mask);

// Forgets the connections; the next packet of one begins another. One that has gone meanwhile is no error.
[[nodiscard]] Result<> forget_connections(const std::vector<TrackedConnection>& connections);

}  // namespace tidegate
