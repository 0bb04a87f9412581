// The unit of time in here, the tick, is a sixteenth of a nanosecond: 64 bits of it, less the room for a burst, are 13
// years of uptime; and at 20 GB a second, where a byte takes 0.8 ticks, rounding a draw of 1,500 bytes up to whole
// ticks costs less than a thousandth.
#include "meter/rate_limit.h"

#include <algorithm>
#include <limits>

namespace tidegate {

namespace {

__extension__ using Wide = unsigned __int128;

constexpr std::int64_t kTicksPerNanosecond = 16;
constexpr Duration kMostWithin = std::chrono::hours{24 * 365};
constexpr std::int64_t kMostBurst = std::int64_t{1} << 60;  // ticks, 2.3 years: room for one unit a year

// A time at which the bucket was full, long before any that is asked for. It holds the version of the rate, so that no
// draw which began before a set() finds it unchanged after.
constexpr std::int64_t kLongAgo = -(std::int64_t{1} << 62);
constexpr std::int64_t kNever = kLongAgo / 2;  // what is below is kLongAgo of some version

// Room above for a burst.
constexpr std::int64_t kLast = std::numeric_limits<std::int64_t>::max() - 2 * kMostBurst;

std::int64_t ticks(Instant time) {
  return std::clamp<std::int64_t>(time.time_since_epoch().count(), 0, kLast / kTicksPerNanosecond) *
         kTicksPerNanosecond;
}

// a × b / c, rounded down or up; at most `most`.
std::uint64_t scaled(std::uint64_t a, std::uint64_t b, std::uint64_t c, bool up, std::uint64_t most) {
  const Wide product = Wide{a} * b;
  const Wide result = product / c + (up && product % c != 0 ? 1 : 0);
  return static_cast<std::uint64_t>(std::min<Wide>(result, most));
}

}  // namespace

std::int64_t RateLimit::Rate::cost(std::uint64_t count, Rounding rounding) const {
  return static_cast<std::int64_t>(scaled(count, static_cast<std::uint64_t>(within), units, rounding == Rounding::up,
                                          static_cast<std::uint64_t>(full_burst)));
}

std::uint64_t RateLimit::Rate::worth(std::int64_t ticks) const {
  return scaled(static_cast<std::uint64_t>(ticks), units, static_cast<std::uint64_t>(within), false, burst);
}

void RateLimit::set(std::uint64_t units, Duration within, std::uint64_t burst) {
  Rate rate{.units = units,
            .within = std::clamp(within, Duration{1}, kMostWithin).count() * kTicksPerNanosecond,
            .burst = std::max<std::uint64_t>(burst, 1),
            .full_burst = kMostBurst};
  if (units > 0) {
    rate.full_burst = rate.cost(rate.burst, Rounding::up);
    rate.burst = rate.worth(rate.full_burst);
  }
  if (units == 0) rate = {};
  if (rate == view().rate) return;

  const std::uint64_t version = version_.load(std::memory_order_relaxed) + 1;
  Slot& slot = slots_[version % slots_.size()];
  slot.units.store(rate.units, std::memory_order_release);
  slot.within.store(rate.within, std::memory_order_release);
  slot.burst.store(rate.burst, std::memory_order_release);
  slot.full_burst.store(rate.full_burst, std::memory_order_release);
  version_.store(version, std::memory_order_release);
  full_at_.store(kLongAgo + static_cast<std::int64_t>(version), std::memory_order_release);
}

RateLimit::View RateLimit::view() const {
  // A slot is written again only after the version that follows it was published: who reads a word of the rate after
  // the next sees here that the version has moved on.
  for (;;) {
    const std::uint64_t version = version_.load(std::memory_order_acquire);
    const Slot& slot = slots_[version % slots_.size()];
    const View view{.rate = {.units = slot.units.load(std::memory_order_acquire),
                             .within = slot.within.load(std::memory_order_acquire),
                             .burst = slot.burst.load(std::memory_order_acquire),
                             .full_burst = slot.full_burst.load(std::memory_order_acquire)},
                    .full_at = full_at_.load(std::memory_order_acquire)};
    if (version_.load(std::memory_order_acquire) == version) return view;
  }
}

std::uint64_t RateLimit::take(std::uint64_t want, Instant now) {
  const std::int64_t present = ticks(now);
  for (;;) {
    auto [rate, full_at] = view();
    if (rate.units == 0) return want;
    const std::int64_t from = std::max(full_at, present);
    if (from - present >= rate.full_burst) return 0;
    const std::uint64_t taken = std::min(want, rate.worth(rate.full_burst - (from - present)));
    if (taken == 0) return 0;
    if (full_at_.compare_exchange_weak(full_at, from + rate.cost(taken, Rounding::up), std::memory_order_acq_rel)) {
      return taken;
    }
  }
}

void RateLimit::give_back(std::uint64_t units) {
  for (;;) {
    auto [rate, full_at] = view();
    if (rate.units == 0 || full_at < kNever) return;
    const std::int64_t earlier = std::max(full_at - rate.cost(units, Rounding::down), kNever);
    if (full_at_.compare_exchange_weak(full_at, earlier, std::memory_order_acq_rel)) return;
  }
}

Instant RateLimit::next(std::uint64_t units, Instant now) const {
  const auto [rate, full_at] = view();
  if (rate.units == 0) return now;
  const std::int64_t at = full_at - (rate.full_burst - rate.cost(std::min(units, rate.burst), Rounding::up));
  if (at <= ticks(now)) return now;
  return Instant{Duration{at / kTicksPerNanosecond + (at % kTicksPerNanosecond > 0 ? 1 : 0)}};
}

}  // namespace tidegate
