#include "daemon/load.h"

#include <fmt/ranges.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "sensor/pcap.h"

namespace tidegate {

Result<std::string> find_config() {
  for (const char* path : {"tidegate.yaml", "/etc/tidegate/tidegate.yaml"}) {
    std::error_code ignored;
    if (std::filesystem::exists(path, ignored)) return path;
  }
  return failure(
      "there is no configuration: neither ./tidegate.yaml nor /etc/tidegate/tidegate.yaml (name one with -c FILE)");
}

Result<Config> load_config(const std::string& path) {
  std::error_code ignored;
  // A folder can be opened, but the stream throws when it is read.
  if (std::filesystem::is_directory(path, ignored)) return system_failure("read " + path, EISDIR);
  errno = 0;
  std::ifstream file{path, std::ios::binary};
  std::string text{std::istreambuf_iterator<char>{file}, {}};
  if (!file) return system_failure("read " + path, errno);
  auto config = parse_config(text, path, check_filter);
  if (!config) {
    std::vector<std::string> faults;
    for (const auto& fault : config.error()) faults.push_back(fault.to_string());
    return failure("{}", fmt::join(faults, "\n"));
  }
  return std::move(*config);
}

std::string default_store_path() {
  if (::geteuid() == 0) return "/var/lib/tidegate/tidegate.db";
  // NOLINTBEGIN(concurrency-mt-unsafe): nobody sets them
  if (const char* const state = std::getenv("XDG_STATE_HOME"); state != nullptr && *state == '/') {
    return std::string{state} + "/tidegate/tidegate.db";
  }
  const char* const home = std::getenv("HOME");
  // NOLINTEND(concurrency-mt-unsafe)
  return std::string{home != nullptr ? home : "."} + "/.local/state/tidegate/tidegate.db";
}

}  // namespace tidegate
