// What engine kernel means for the keys of a forward: rules of nf_tables carry it, so there is nobody who could read
// into a connection, or hold one.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/validate.h"
#include "model/forward.h"
#include "model/port.h"

namespace tidegate {

// A key that only engine user can honour, and why.
struct UserKey {
  std::string_view key;  // "rate.each_client"
  std::string_view reason;
  bool (*is_set)(const ForwardSettings&);  // to something else than its default
};
[[nodiscard]] std::span<const UserKey> keys_of_engine_user();

// What is wrong with a forward of engine kernel because it is one.
void validate_kernel_forward(const std::string& path, const ForwardSettings& forward, Problems& problems);

// Adds the ports on which a kernel forward listens, where they are missing: nobody but the service's sensor sees who
// comes to them.
void watch_listening_ports(std::vector<PortRange>& ports, const ForwardSettings& forward);

}  // namespace tidegate
