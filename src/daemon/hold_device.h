// One device held until a signal ends it: `tidegate hold-device`, and tuntapd.
#pragma once

#include <functional>

#include "base/error.h"
#include "model/device.h"

namespace tidegate {

struct HoldDeviceOptions {
  DeviceSettings device;
  bool print = false;           // each packet, in the log
  std::function<void()> ready;  // it is held; empty: nobody asks
};

// Returns when SIGTERM or SIGINT came. SIGUSR1 logs how it stands; SIGHUP says that it does nothing. The error: the
// device cannot be had, or was taken away, which the log says too.
[[nodiscard]] Result<> hold_device(const HoldDeviceOptions& options);

}  // namespace tidegate
