#include "meter/window.h"

namespace tidegate {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Instant second_of(Instant at) { return std::chrono::floor<seconds>(at); }

}  // namespace

std::size_t window_seconds(Duration window) {
  const auto most = static_cast<std::int64_t>(kMostWindowSeconds);
  return static_cast<std::size_t>(std::clamp<std::int64_t>(std::chrono::ceil<seconds>(window).count(), 1, most));
}

std::uint64_t SecondClock::turn(Instant at) {
  const auto next = second_of(at) + seconds{1};
  if (!started_) {
    started_ = true;
    first_ = latest_ = at;
    ends_ = next;
    return 0;
  }
  latest_ = at;
  const auto steps = static_cast<std::uint64_t>((next - ends_) / seconds{1});
  ends_ = next;
  ended_ += steps;
  return steps;
}

std::uint64_t SecondClock::ended_whole() const {
  const bool midst = first_ != second_of(first_);
  return midst && ended_ > 0 ? ended_ - 1 : ended_;
}

std::size_t SecondClock::ended_within(std::size_t window) const {
  const bool late = latest_ - (ends_ - seconds{1}) >= milliseconds{500};
  return static_cast<std::size_t>(std::min<std::uint64_t>(late ? window - 1 : window, ended_));
}

Duration SecondClock::covered(std::size_t seconds_before) const {
  if (!started_) return Duration::zero();
  const auto from = ends_ - seconds{1} - seconds{static_cast<std::int64_t>(seconds_before)};
  return latest_ - std::max<Instant>(from, first_);
}

}  // namespace tidegate
