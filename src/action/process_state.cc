// The state file of a supervised process.
#include "action/process_state.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <string_view>

#include "base/fd.h"

namespace tidegate {

Result<> write_process_state(const std::string& path, const ProcessId& id) {
  const std::string temporary = path + ".new";
  const std::string text = fmt::format("{} {}\n", id.pid, id.start_time);
  {
    ::unlink(temporary.c_str());  // left by a crash, or another's trap: never written through
    const Fd file{::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR)};
    if (!file) return system_failure("create " + temporary);
    const ssize_t written = ::write(file.get(), text.data(), text.size());
    if (written < 0) return system_failure("write " + temporary);
    if (static_cast<std::size_t>(written) != text.size()) return failure("write {}: the disk is full", temporary);
  }
  // Not synced to the disk: what could lose it ends the process too.
  if (::rename(temporary.c_str(), path.c_str()) != 0) return system_failure("rename " + temporary + " to " + path);
  return {};
}

Result<ProcessId> read_process_state(const std::string& path) {
  const Fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file) return system_failure("open " + path);
  std::array<char, 64> buffer{};
  const ssize_t size = ::read(file.get(), buffer.data(), buffer.size());
  if (size < 0) return system_failure("read " + path);

  const char* const end = buffer.data() + size;
  ProcessId id;
  const auto pid = std::from_chars(buffer.data(), end, id.pid);
  const bool spaced = pid.ec == std::errc{} && id.pid > 1 && pid.ptr != end && *pid.ptr == ' ';
  if (!spaced) return failure("read {}: not a process id and its start time", path);
  const auto start = std::from_chars(pid.ptr + 1, end, id.start_time);
  if (start.ec != std::errc{} || std::string_view{start.ptr, end} != "\n") {
    return failure("read {}: not a process id and its start time", path);
  }
  return id;
}

}  // namespace tidegate
