// What the kernel says of an interface that may be a tun or tap device, and the little of it that is changed
// (rtnetlink(7)). By netlink and not from /sys, which may be of another network namespace.
#pragma once

#include <linux/netlink.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "model/device.h"

namespace tidegate {

struct Link {
  int index = 0;
  std::string kind;                // "tun" for tun and tap devices, "veth", …; empty where the kernel has no word
  std::optional<DeviceMode> mode;  // of kind tun only
  bool several_queues = false;     // likewise: several processes may have it open, each gets a part of the packets
  std::string alias;               // a remark of whoever manages it
  bool operator==(const Link&) const = default;
};

// What an RTM_NEWLINK message tells.
[[nodiscard]] Link read_link(const nlmsghdr& message);

// The interface of that name; none: there is no such.
[[nodiscard]] Result<std::optional<Link>> find_link(const std::string& name);

// Sets it up, and its alias where one is given (at most 64 bytes).
[[nodiscard]] Result<> set_link_up(const std::string& name, int index, std::string_view alias = {});

}  // namespace tidegate
