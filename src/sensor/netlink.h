// One question to the kernel over netlink(7), and its answer.
#pragma once

#include <linux/netlink.h>

#include <cstddef>
#include <functional>
#include <span>
#include <string_view>

#include "base/error.h"

namespace tidegate {

// Sends a request (a whole message, header and all) and calls `each` with every message of the answer, the last of a
// dump and the acknowledgement left out. Blocks, for a second at most. The error begins with `what`.
[[nodiscard]] Result<> ask_kernel(std::string_view what, int protocol, std::span<const std::byte> request,
                                  const std::function<void(const nlmsghdr&)>& each);

}  // namespace tidegate
