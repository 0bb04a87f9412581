// One forward's history: totals, and what it carried by hour, day and month of local time, in bounded memory. Buckets
// only go forward: after a clock jumped back, what is added goes to the newest that there is.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "base/time.h"
#include "model/counters.h"
#include "model/usage.h"
#include "quota/zone.h"

namespace tidegate {

class Usage {
 public:
  // At most so many are kept; the oldest leave.
  static constexpr std::size_t kHours = 1488;  // 62 days
  static constexpr std::size_t kDays = 800;
  static constexpr std::size_t kMonths = 240;

  Usage() = default;

  // From what was saved, in any order. Of two buckets with one label the later in `saved` counts.
  Usage(const ForwardTotals& totals, std::vector<UsageBucket> saved);

  // What was carried since the last call. A delta of nothing opens no bucket.
  void add(const ForwardTotals& delta, WallTime now, const Zone& zone);

  // The buckets that changed since this was asked last, newest first, for saving.
  [[nodiscard]] std::vector<UsageBucket> changed();

  // These could not be saved: they count as changed again.
  void not_saved(std::span<const UsageBucket> buckets);

  [[nodiscard]] const ForwardTotals& totals() const { return totals_; }

  // Oldest first; `period` is hour, day or month.
  [[nodiscard]] std::vector<UsageBucket> list(QuotaPeriod period) const;

  // This month's upload and download, 0 when it has none yet. After a clock jumped back: those of the newest month.
  struct Month {
    std::uint64_t upload = 0;
    std::uint64_t download = 0;
    bool operator==(const Month&) const = default;
  };
  [[nodiscard]] Month month(WallTime now, const Zone& zone) const;

 private:
  struct Entry {
    UsageBucket bucket;
    bool changed = false;
    [[nodiscard]] const std::string& label() const { return bucket.label; }
  };
  struct Series {
    QuotaPeriod period;
    std::size_t most;
    std::deque<Entry> entries;  // ascending by label
    std::size_t changes = 0;    // entries that are changed

    void append(UsageBucket bucket);
    void mark(Entry& entry);
    void take_changes(std::vector<UsageBucket>& buckets);
  };

  void open(WallTime now, const Zone& zone);  // buckets for `now` where they are newer than those there are
  [[nodiscard]] const Series& series(QuotaPeriod period) const;

  ForwardTotals totals_;
  std::array<Series, 3> series_{Series{.period = QuotaPeriod::hour, .most = kHours, .entries = {}},
                                Series{.period = QuotaPeriod::day, .most = kDays, .entries = {}},
                                Series{.period = QuotaPeriod::month, .most = kMonths, .entries = {}}};
  WallTime hour_ends_ = WallTime::min();  // till then the newest buckets are right
};

}  // namespace tidegate
