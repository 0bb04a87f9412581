// Which process a service runs as, kept in a file for the next tidegate: "PID STARTTIME\n", the start time in clock
// ticks since boot (proc_pid_stat(5)), which tells the process from a later one of the same number.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "base/error.h"

namespace tidegate {

struct ProcessId {
  pid_t pid = 0;
  std::uint64_t start_time = 0;
  bool operator==(const ProcessId&) const = default;
};

// Writes it in one step, so that a reader finds the old or the new one; readable for the owner only.
[[nodiscard]] Result<> write_process_state(const std::string& path, const ProcessId& id);

// The error says that there is none (code ENOENT), or that it is not such a file.
[[nodiscard]] Result<ProcessId> read_process_state(const std::string& path);

}  // namespace tidegate
