// What the kernel says of this process (proc(5)).
#pragma once

#include <cstdint>

namespace tidegate {

// What cannot be read is 0.
struct ProcessStatus {
  double start_time = 0;   // seconds since the epoch
  double cpu_seconds = 0;  // user and system
  std::uint64_t resident_bytes = 0;
  std::uint64_t open_fds = 0;
  std::uint64_t most_fds = 0;
};

[[nodiscard]] ProcessStatus process_status();

}  // namespace tidegate
