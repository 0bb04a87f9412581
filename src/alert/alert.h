// An alert: a rule over a window of a watch, raised once when it begins to hold and recovered once when it ends. A
// state machine without a clock: it is stepped every second with what the meter knows, and the time.
//
// As in Traffic Watch, the divisor of a rate is the whole window, also in the first seconds of a watch. Where there was
// no response there is neither an error share nor a latency: `when` does not hold then, and what is raised recovers. A
// "<" is judged only once a whole window was watched, so that nothing is too little just because it has only begun.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>

#include "base/time.h"
#include "model/alert.h"
#include "model/watch.h"

namespace tidegate {

class Alert {
 public:
  static constexpr std::size_t kMostHistory = 100;  // changes; the oldest make way

  explicit Alert(AlertSettings settings);

  // What has changed now, if anything. `reading` is of the settings' window, which ends at `now`; `now` never goes
  // back.
  [[nodiscard]] std::optional<AlertChange> step(const AlertReading& reading, Now now);

  // How long from `now` on the least time of its state still keeps it as it is; none: it does not.
  [[nodiscard]] std::optional<Duration> waits(Instant now) const;

  [[nodiscard]] const AlertSettings& settings() const { return settings_; }
  [[nodiscard]] bool raised() const { return raised_; }

  // The quantity as of the last step, in the unit of AlertLevel::value; none: there was none.
  [[nodiscard]] std::optional<double> value() const { return value_; }

  // Every change, the newest last.
  [[nodiscard]] const std::deque<AlertChange>& history() const { return history_; }

 private:
  [[nodiscard]] bool begins(Instant now) const;
  [[nodiscard]] bool ends(Instant now) const;

  AlertSettings settings_;
  bool raised_ = false;
  std::optional<double> value_;
  std::optional<Instant> began_;    // the first step
  std::optional<Instant> changed_;  // the last change
  std::deque<AlertChange> history_;
};

// What the alert looks at, in the unit of AlertLevel::value: requests a second (the mean over the window) or in total,
// the share of responses that are errors, or seconds. None where there was no response to tell it by.
[[nodiscard]] std::optional<double> alert_value(const AlertSettings& settings, const AlertReading& reading);

// Whether the value is on the level's side of it.
[[nodiscard]] bool holds(const AlertLevel& level, double value);

}  // namespace tidegate
