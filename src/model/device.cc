#include "model/device.h"

#include <algorithm>

#include "base/text.h"

namespace tidegate {

namespace {

constexpr std::size_t kMostDeviceName = 15;  // IFNAMSIZ, less its NUL

bool may_be_in_a_name(char c) { return c > ' ' && c < 0x7f && c != '/' && c != '%' && c != ':'; }

}  // namespace

std::string_view to_string(DeviceMode mode) { return mode == DeviceMode::tun ? "tun" : "tap"; }

Result<DeviceMode> parse_device_mode(std::string_view text) {
  if (text == "tun") return DeviceMode::tun;
  if (text == "tap") return DeviceMode::tap;
  return failure("\"{}\" is not known (allowed: tun or tap)", printable(text));
}

Result<> check_device_name(std::string_view name) {
  const bool good = !name.empty() && name.size() <= kMostDeviceName && name != "." && name != ".." && name != "any" &&
                    std::ranges::all_of(name, may_be_in_a_name);
  if (good) return {};
  return failure("\"{}\" is not the name of a tun or tap device (1 to {} characters without spaces, /, : and %)",
                 printable(name), kMostDeviceName);
}

}  // namespace tidegate
