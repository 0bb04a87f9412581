// This host's network interfaces as the kernel lists them (rtnetlink(7)). By netlink and not from /sys, which may be of
// another network namespace.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"

namespace tidegate {

struct Interface {
  std::uint32_t index = 0;
  std::string name;
  std::uint16_t type = 0;  // ARPHRD_ETHER, …
  bool operator==(const Interface&) const = default;
};

// Those of this network namespace now, by index.
[[nodiscard]] Result<std::vector<Interface>> list_interfaces();

}  // namespace tidegate
