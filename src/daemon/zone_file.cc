#include "daemon/zone_file.h"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>

#include "base/text.h"

namespace tidegate {

namespace {

constexpr const char* kZones = "/usr/share/zoneinfo/";

Result<Zone> read_zone(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  const std::string bytes{std::istreambuf_iterator<char>{file}, {}};
  if (!file || bytes.empty()) return failure("read {}: it is not there", path);
  return Zone::from_tzif(bytes);
}

}  // namespace

Result<Zone> load_zone(const std::string& name) {
  if (!name.empty()) {
    if (name.find("..") != std::string::npos || name.starts_with('/'))
      return failure("\"{}\" is not a time zone", printable(name));
    auto zone = read_zone(kZones + name);
    if (!zone)
      return failure("time zone \"{}\": {} (the names are those of {})", printable(name), zone.error().what, kZones);
    return zone;
  }
  if (const char* const variable = std::getenv("TZ");
      variable != nullptr && *variable != '\0') {  // NOLINT(concurrency-mt-unsafe): nobody sets it
    const std::string text = *variable == ':' ? variable + 1 : variable;
    if (auto zone = read_zone(text.starts_with('/') ? text : kZones + text)) return zone;
    if (auto zone = Zone::from_rule(text)) return zone;
  }
  if (auto zone = read_zone("/etc/localtime")) return zone;
  return Zone{};
}

}  // namespace tidegate
