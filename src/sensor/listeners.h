// Which local ports have a socket waiting on them, from sock_diag(7): nobody is connected to, so nothing is disturbed.
#pragma once

#include <span>
#include <vector>

#include "base/error.h"
#include "model/port.h"

namespace tidegate {

// For each of `ports` whether at least one of its ports has a listening TCP socket or a bound, unconnected UDP socket
// in this network namespace. One dump per protocol and address family, whatever the number of ports. Blocking, short.
[[nodiscard]] Result<std::vector<bool>> ports_in_use(std::span<const PortRange> ports);

}  // namespace tidegate
