// This host's own IP addresses, as getifaddrs(3) has them now.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "model/address.h"

namespace tidegate {

struct HostAddress {
  std::string interface;
  IpAddress address;
};

// All of them, an address once for each interface that has it. The error: "list this host's addresses: …". Any thread.
[[nodiscard]] Result<std::vector<HostAddress>> host_addresses();

}  // namespace tidegate
