// The rule of a time zone that repeats every year, in the form of POSIX's TZ with the extensions of RFC 8536:
// "CET-1CEST,M3.5.0,M10.5.0/3". A TZif file ends with one, for the times after those it lists.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/error.h"

namespace tidegate {

struct ZoneTransition {
  std::chrono::sys_seconds at;
  std::chrono::seconds offset;  // from then on; east of Greenwich is positive
};

// A stretch of time in which the offset stays the same.
struct ZoneStretch {
  std::chrono::sys_seconds end;  // no longer belongs to it
  std::chrono::seconds offset;
};

class ZoneRule {
 public:
  [[nodiscard]] static Result<ZoneRule> parse(std::string_view text);

  [[nodiscard]] ZoneStretch stretch_at(std::chrono::sys_seconds time) const;

 private:
  friend class ZoneRuleReader;

  enum class Form : std::uint8_t { julian, day, weekday };  // Jn (29 February does not count), n, Mm.w.d
  struct Change {
    Form form = Form::weekday;
    unsigned day = 0;    // of the year: from 1 with `julian`, else from 0; of the week: 0 is Sunday
    unsigned week = 0;   // of the month: 1 to 5, 5 is the last
    unsigned month = 0;  // 1 to 12
    std::chrono::seconds time{std::chrono::hours{2}};

    // As local time, in seconds of a clock without zones.
    [[nodiscard]] std::chrono::sys_seconds in(std::chrono::year year) const;
  };
  struct Summer {
    std::chrono::seconds offset;
    Change begin;  // in standard time
    Change end;    // in summer time
  };

  std::chrono::seconds offset_{0};
  std::optional<Summer> summer_;
};

}  // namespace tidegate
