// Reads /proc/PID/stat: proc_pid_stat(5).
#include "action/proc.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/text.h"

namespace tidegate {
namespace {

// Places behind the name, which is field 2.
constexpr std::size_t kState = 3 - 3;
constexpr std::size_t kGroup = 5 - 3;
constexpr std::size_t kStartTime = 22 - 3;

// The whole of `text` as a number.
template <class Number>
bool parse(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace

Result<ProcessStat> read_process_stat(pid_t pid) {
  const std::string path = fmt::format("/proc/{}/stat", pid);
  const Fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file) return system_failure("open " + path);
  std::array<char, 1024> buffer{};  // the fields that count stand in its first half
  const ssize_t size = ::read(file.get(), buffer.data(), buffer.size());
  if (size < 0) return system_failure("read " + path);

  // The name, field 2, stands in brackets and may itself hold brackets and spaces: count from the last bracket on.
  const std::string_view text{buffer.data(), static_cast<std::size_t>(size)};
  const std::size_t bracket = text.rfind(") ");
  if (bracket == std::string_view::npos) return failure("read {}: not as expected", path);
  const std::vector<std::string_view> fields = split(text.substr(bracket + 2), ' ');
  ProcessStat stat;
  if (fields.size() <= kStartTime || fields[kState].size() != 1 || !parse(fields[kGroup], stat.group) ||
      !parse(fields[kStartTime], stat.start_time)) {
    return failure("read {}: not as expected", path);
  }
  stat.state = fields[kState].front();
  return stat;
}

bool group_has_living_member(pid_t group) {
  std::error_code error;
  std::filesystem::directory_iterator entry{"/proc", error};
  for (; !error && entry != std::filesystem::directory_iterator{}; entry.increment(error)) {
    pid_t pid = 0;
    if (!parse(entry->path().filename().native(), pid)) continue;
    const auto stat = read_process_stat(pid);
    if (stat && stat->group == group && !stat->ended()) return true;
  }
  return false;
}

}  // namespace tidegate
