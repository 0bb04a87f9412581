// The period of a quota that a moment falls into, by the local calendar. Periods follow one another without a gap and
// without an overlap, also where clocks are put forward or back.
#pragma once

#include <optional>
#include <string>

#include "base/time.h"
#include "model/quota.h"
#include "quota/zone.h"

namespace tidegate {

struct Period {
  std::string label;  // sorts by time: "2026-11-21T14", "2026-11-21", a week's or a month's first day or month
  WallTime start;     // belongs to it
  std::optional<WallTime> end;  // no longer belongs to it; never there with period none, unless it has `until`
  bool operator==(const Period&) const = default;
};

// Labels: hour "2026-11-21T14", day "2026-11-21", week by its first day "2026-11-16", month by the month it begins in
// "2026-11", none "all" (which starts at the epoch and, with `until`, ends with that day; moments after it get the same
// period).
[[nodiscard]] Period period_at(const QuotaSettings& settings, const Zone& zone, WallTime time);

// Hour, day or calendar month, for history.
[[nodiscard]] Period period_at(QuotaPeriod every, const Zone& zone, WallTime time);

}  // namespace tidegate
