// The configuration file, found, read and checked as a whole, filters included.
#pragma once

#include <string>

#include "base/error.h"
#include "config/config.h"

namespace tidegate {

// ./tidegate.yaml, else /etc/tidegate/tidegate.yaml; the error names both.
[[nodiscard]] Result<std::string> find_config();

// Reads `path` and checks everything in it. The error holds every fault, one a line, as `check` prints them.
[[nodiscard]] Result<Config> load_config(const std::string& path);

// Where the store is when nobody says: /var/lib/tidegate/tidegate.db for root, else below $XDG_STATE_HOME.
[[nodiscard]] std::string default_store_path();

}  // namespace tidegate
