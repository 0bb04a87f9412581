// Time zones from this host's database (/usr/share/zoneinfo).
#pragma once

#include <string>

#include "base/error.h"
#include "quota/zone.h"

namespace tidegate {

// The zone of that IANA name; empty: local time (the environment variable TZ, else /etc/localtime, else UTC). The error
// names the zone and what is missing.
[[nodiscard]] Result<Zone> load_zone(const std::string& name);

}  // namespace tidegate
