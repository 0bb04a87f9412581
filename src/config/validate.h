// The parts of validate(): what must hold of each noun of the configuration, whether a file said it, flags or the API.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/config.h"

namespace tidegate {

constexpr std::uint32_t kMostDataThreads = 256;

// What is wrong, each with the path of the settings that it is about.
class Problems {
 public:
  void add(std::string path, std::string what) {
    errors_.push_back({.file = {}, .path = std::move(path), .what = std::move(what)});
  }
  [[nodiscard]] std::vector<ConfigError> take() { return std::exchange(errors_, {}); }

 private:
  std::vector<ConfigError> errors_;
};

// "forwards[3].limit"; of settings that stand alone (an empty path) "limit".
[[nodiscard]] std::string path_to(const std::string& path, std::string_view key);

// Says of a name that is there whether it is one. `path` is the name's own.
void validate_name(std::string path, std::string_view name, Problems& problems);
void validate_positive(std::string path, Duration duration, Problems& problems);
void validate_interface(std::string path, std::string_view name, Problems& problems);

// That the address is not the one that stands for all of them.
void validate_host_address(std::string path, const IpAddress& address, Problems& problems);

// Says of a name that is there whether one of that noun is known by it.
void validate_reference(std::string path, std::string_view name, std::string_view noun,
                        std::span<const std::string_view> known, Problems& problems);

// What can be told of one forward, or of one quota, alone.
void validate_forward(const std::string& path, const ForwardSettings& forward, Problems& problems);
void validate_quota(const std::string& path, const QuotaSettings& quota, Problems& problems);

// All forwards and quotas, each alone and together: names, services and groups, and where they listen.
void validate_forwards(const Config& config, Problems& problems);

// All watches with their alerts, all tallies, and privacy.
void validate_watches(const Config& config, Problems& problems);

// The API, the number of data threads, and where the API listens when it does not say.
void validate_api(Config& config, Problems& problems);

}  // namespace tidegate
