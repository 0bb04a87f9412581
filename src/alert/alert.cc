#include "alert/alert.h"

#include <utility>

#include "base/check.h"

namespace tidegate {
namespace {

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

std::optional<double> alert_value(const AlertSettings& settings, const AlertReading& reading) {
  const auto requests = static_cast<double>(reading.requests);
  switch (settings.when.quantity) {
    case AlertQuantity::requests:
      return settings.when.total ? requests : requests / seconds(settings.over);
    case AlertQuantity::errors:
      if (reading.responses == 0) return std::nullopt;
      return static_cast<double>(reading.errors) / static_cast<double>(reading.responses);
    case AlertQuantity::latency:
      if (!reading.latency) return std::nullopt;
      return seconds(*reading.latency);
  }
  return std::nullopt;
}

bool holds(const AlertLevel& level, double value) {
  if (value == level.value) return level.or_equal;
  return level.above == (value > level.value);
}

Alert::Alert(AlertSettings settings) : settings_{std::move(settings)} {
  TIDEGATE_CHECK(settings_.over > Duration::zero());
}

std::optional<AlertChange> Alert::step(const AlertReading& reading, Now now) {
  if (!began_) began_ = now.instant;
  value_ = alert_value(settings_, reading);
  if (raised_ ? !ends(now.instant) : !begins(now.instant)) return std::nullopt;
  raised_ = !raised_;
  changed_ = now.instant;
  if (history_.size() == kMostHistory) history_.pop_front();
  return history_.emplace_back(AlertChange{.raised = raised_, .at = now, .reading = reading, .value = value_});
}

std::optional<Duration> Alert::waits(Instant now) const {
  if (!changed_) return std::nullopt;
  const auto passed = now - *changed_;
  const auto least = raised_ ? settings_.min_raised : settings_.min_clear;
  if (passed >= least) return std::nullopt;
  return least - passed;
}

bool Alert::begins(Instant now) const {
  if (waits(now)) return false;
  if (!settings_.when.above && now - *began_ < settings_.over) return false;
  return value_ && holds(settings_.when, *value_);
}

bool Alert::ends(Instant now) const {
  if (waits(now)) return false;
  if (!value_) return true;
  return settings_.clear ? holds(*settings_.clear, *value_) : !holds(settings_.when, *value_);
}

}  // namespace tidegate
