// What /proc tells of processes: proc_pid_stat(5).
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "base/error.h"

namespace tidegate {

struct ProcessStat {
  char state = '?';              // 'Z': ended, and not reaped yet
  pid_t group = 0;               // its process group
  std::uint64_t start_time = 0;  // in clock ticks since boot: tells it from a later process of the same number

  [[nodiscard]] bool ended() const { return state == 'Z' || state == 'X'; }
};

// The error: there is no such process.
[[nodiscard]] Result<ProcessStat> read_process_stat(pid_t pid);

// True when a process that has not ended is in the group. Reads a file for each process of the host: not for often.
[[nodiscard]] bool group_has_living_member(pid_t group);

}  // namespace tidegate
