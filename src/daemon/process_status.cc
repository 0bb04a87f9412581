#include "daemon/process_status.h"

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>

namespace tidegate {

namespace {

// Field 22 of /proc/self/stat, counted after the name in brackets: ticks between the boot and the start.
double started_after_boot() {
  std::ifstream file{"/proc/self/stat"};
  std::string line;
  std::getline(file, line);
  constexpr int kField = 22;
  std::size_t at = line.rfind(')');
  for (int field = 2; field < kField && at != std::string::npos; ++field) at = line.find(' ', at + 1);
  if (at == std::string::npos) return 0;
  const auto end = line.find(' ', at + 1);
  return std::stod(line.substr(at + 1, end - at - 1)) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double boot_time() {
  std::ifstream file{"/proc/stat"};
  std::string word;
  while (file >> word) {
    if (word != "btime") continue;
    double seconds = 0;
    file >> seconds;
    return seconds;
  }
  return 0;
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

ProcessStatus process_status() {
  ProcessStatus status;
  status.start_time = boot_time() + started_after_boot();
  rusage used{};
  if (::getrusage(RUSAGE_SELF, &used) == 0) status.cpu_seconds = seconds(used.ru_utime) + seconds(used.ru_stime);
  std::ifstream memory{"/proc/self/statm"};
  std::uint64_t pages = 0;
  if (memory >> pages >> pages) status.resident_bytes = pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  std::error_code unreadable;
  for (std::filesystem::directory_iterator fd{"/proc/self/fd", unreadable}, end; fd != end; fd.increment(unreadable)) {
    ++status.open_fds;
  }
  if (status.open_fds > 0) --status.open_fds;  // the one that reads the folder
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) status.most_fds = limit.rlim_cur;
  return status;
}

}  // namespace tidegate
