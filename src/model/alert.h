// What passes between the meter of a watch and its alerts, and what an alert makes of it.
#pragma once

#include <cstdint>
#include <optional>

#include "base/time.h"

namespace tidegate {

// What was counted in an alert's window, the `over` that ends now. A watch that is younger than its window has counted
// what there was.
struct AlertReading {
  std::uint64_t requests = 0;
  std::uint64_t responses = 0;
  std::uint64_t errors = 0;  // of the responses: those of 500 and more
  std::optional<Duration>
      latency;  // the percentile of the alert's `when`, of the times to first byte; none: no time known
  bool operator==(const AlertReading&) const = default;
};

// An alert was raised, or recovered.
struct AlertChange {
  bool raised = false;  // false: recovered
  Now at;
  AlertReading reading;  // what did it
  std::optional<double>
      value;  // the quantity: requests a second or in total, a share, or seconds; none: there was none
};

}  // namespace tidegate
