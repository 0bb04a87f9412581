// The accounting of one quota: what was used of it in its present period, and what there is to tell about that. Periods
// only go forward: a clock that jumps back opens no earlier one, usage goes to the newest that was seen.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"
#include "model/quota.h"
#include "quota/period.h"
#include "quota/zone.h"

namespace tidegate {

struct QuotaEvent {
  enum class Kind : std::uint8_t {
    warned,        // so many per cent are used
    reached,       // the limit itself
    period_began,  // used is 0 again, and a raise has ended
    ended,         // `until` has passed: it no longer limits
  };
  Kind kind = Kind::warned;
  unsigned percent = 0;  // of warned
  bool operator==(const QuotaEvent&) const = default;
};

// What is saved and given back at the next start.
struct QuotaState {
  std::string label;  // of the period; empty: nothing was saved
  WallTime start;     // of the period
  std::uint64_t upload = 0;
  std::uint64_t download = 0;
  std::uint64_t raised = 0;  // bytes on top of the configured ones
  unsigned told = 0;         // the highest percentage that was told; 100: that the limit is reached
  bool operator==(const QuotaState&) const = default;
};

class Quota {
 public:
  // Goes on where `state` was saved, also when its period has passed (advance() then says so). A state whose label is
  // none of these settings does not count, nor does an empty one: then it begins with the period of `now`.
  Quota(QuotaSettings settings, Zone zone, WallTime now, const QuotaState& state = {});

  // What was delivered since the last call. It belongs to the newest period, so the time comes first.
  // Both give what happened, in order.
  [[nodiscard]] std::vector<QuotaEvent> add(std::uint64_t upload, std::uint64_t download, WallTime now);
  [[nodiscard]] std::vector<QuotaEvent> advance(WallTime now);

  [[nodiscard]] std::uint64_t upload() const { return upload_; }
  [[nodiscard]] std::uint64_t download() const { return download_; }
  [[nodiscard]] std::uint64_t used() const;   // what counts of the two, after settings().count
  [[nodiscard]] std::uint64_t limit() const;  // with what it was raised by
  [[nodiscard]] std::uint64_t raised() const { return raised_; }
  [[nodiscard]] std::uint64_t left() const;  // 0 at the limit; the largest number when it does not limit
  [[nodiscard]] bool limits() const { return !ended_; }
  [[nodiscard]] bool exceeded() const { return left() == 0; }
  [[nodiscard]] const Period& period() const { return period_; }
  [[nodiscard]] const QuotaSettings& settings() const { return settings_; }

  // Used becomes 0, the limit stays; what was told may be told again.
  void reset();

  // Raises the limit for the present period; with period none for good. What the raise takes back may be told again.
  void raise(std::uint64_t bytes);

  // Keeps usage and raise where kind of period, start day and zone stay; otherwise begins anew with the period of
  // `now`. What a lower limit makes true is told by the next advance() or add().
  void reconfigure(QuotaSettings settings, Zone zone, WallTime now);

  [[nodiscard]] QuotaState state() const;

 private:
  void begin(Period period);
  [[nodiscard]] bool reaches(unsigned percent) const;
  [[nodiscard]] unsigned level() const;  // the highest of the marks (warn, 100) that is reached; 0: none
  void tell(std::vector<QuotaEvent>& events);

  QuotaSettings settings_;
  Zone zone_;
  Period period_;
  std::uint64_t upload_ = 0;
  std::uint64_t download_ = 0;
  std::uint64_t raised_ = 0;
  unsigned told_ = 0;
  bool ended_ = false;
};

}  // namespace tidegate
