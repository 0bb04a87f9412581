// A tun or tap device, as it is named in the configuration and on command lines.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace tidegate {

enum class DeviceMode : std::uint8_t { tun, tap };  // IP packets, or Ethernet frames

[[nodiscard]] std::string_view to_string(DeviceMode mode);
[[nodiscard]] Result<DeviceMode> parse_device_mode(std::string_view text);  // tun | tap

struct DeviceSettings {
  std::string name;
  DeviceMode mode = DeviceMode::tun;
  bool operator==(const DeviceSettings&) const = default;
};

// Whether the kernel would take it as the name of a new interface, and as nothing else: the kernel itself would cut a
// name that is too long, and count up where it has a % in it. The error says what a name is.
[[nodiscard]] Result<> check_device_name(std::string_view name);

}  // namespace tidegate
