// A time zone, from the bytes of a TZif file (RFC 8536; /etc/localtime or a file of /usr/share/zoneinfo), which the
// caller reads: where local days and months begin. Leap seconds are not counted, as POSIX clocks do not.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "quota/zone_rule.h"

namespace tidegate {

using LocalTime = std::chrono::local_time<std::chrono::nanoseconds>;  // what the clocks on the wall show

// Right for all times from 1700 to 2250.
class Zone {
 public:
  Zone() = default;  // UTC

  // Whatever the bytes, it reads nothing outside them; what does not hold together is an error.
  [[nodiscard]] static Result<Zone> from_tzif(std::string_view bytes);

  // From the text of the environment variable TZ where that is a rule.
  [[nodiscard]] static Result<Zone> from_rule(std::string_view text);

  [[nodiscard]] LocalTime to_local(WallTime time) const;

  // The first moment at which the clocks show `local` or a later time. Of a time that is shown twice that is the first;
  // a time that is left out moves forward to the end of the gap.
  [[nodiscard]] WallTime to_sys(LocalTime local) const;

 private:
  [[nodiscard]] ZoneStretch stretch_at(std::chrono::sys_seconds time) const;

  std::chrono::seconds first_{0};            // before the first transition
  std::vector<ZoneTransition> transitions_;  // ascending
  std::optional<ZoneRule> rule_;             // after the last transition; without: it stays as it was
};

}  // namespace tidegate
