// The state file of traffic-monitor (its `data_file`): a JSON object with an object for each proxy by name, written by
// its stats/persistence.go every 30 seconds.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace tidegate {

struct TrafficMonitorUsage {
  std::string name;
  std::uint64_t upload = 0;  // for all time
  std::uint64_t download = 0;
  std::string month;  // "YYYY-MM", local time; empty: it had none yet
  std::uint64_t month_upload = 0;
  std::uint64_t month_download = 0;
  bool operator==(const TrafficMonitorUsage&) const = default;
};

// Every proxy in the file, by name. A missing field is zero and an unknown one is passed over, as in the original; the
// error names the proxy and the field.
[[nodiscard]] Result<std::vector<TrafficMonitorUsage>> parse_traffic_monitor_state(std::string_view text);

}  // namespace tidegate
