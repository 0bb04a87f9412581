// What the host must allow before the kernel carries a forward: settings of /proc/sys/net, and one tidegate alone that
// writes the table.
#pragma once

#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "forward/kernel_rules.h"
#include "model/finding.h"

namespace tidegate {

// A setting that a forward needs to be 1.
struct HostSetting {
  std::string name;  // "net.ipv4.ip_forward"
  std::string why;   // `to pass packets on to 10.77.2.2`

  [[nodiscard]] bool is_set() const;
  // Sets it. The error: "set net.ipv4.ip_forward: Permission denied".
  [[nodiscard]] Result<> set(bool value) const;
  // Whether it opens what only the rules guard, and so must not outlive them.
  [[nodiscard]] bool is_guarded() const;
  auto operator<=>(const HostSetting&) const = default;
};

inline constexpr std::string_view kRouteLocalnet = "net.ipv4.conf.all.route_localnet";

// Those that the forward needs with its targets as they are now, each once.
[[nodiscard]] std::vector<HostSetting> settings_needed(const KernelForward& forward);

// Holds the right to write the table in this network namespace, until it is destroyed. The error: another tidegate has
// it.
[[nodiscard]] Result<Fd> claim_kernel_forwards();

// What `tidegate doctor` says of engine kernel.
[[nodiscard]] Finding engine_kernel_finding();

}  // namespace tidegate
