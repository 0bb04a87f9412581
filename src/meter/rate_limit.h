// A token bucket shared by threads: so many units a second with a bounded burst, over all who draw from it. One atomic
// number, the time at which the bucket would be full again (the generic cell rate algorithm, ITU-T I.371).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "base/time.h"

namespace tidegate {

class RateLimit {
 public:
  // `units` in each `within` (a nanosecond to a year), in bursts of at most `burst` units (at least 1). 0 units: no
  // limit. Any thread may draw.
  RateLimit() = default;
  RateLimit(std::uint64_t units, Duration within, std::uint64_t burst) { set(units, within, burst); }
  RateLimit(const RateLimit&) = delete;
  RateLimit& operator=(const RateLimit&) = delete;

  // Changes the rate, and begins with a full bucket; the same rate again changes nothing. Draws go on, and one at this
  // very moment may still count for the old rate. Control thread.
  void set(std::uint64_t units, Duration within, std::uint64_t burst);

  [[nodiscard]] bool limits() const { return view().rate.units > 0; }

  // Takes up to `want` units; gives how many, 0: none now. Without a limit, `want`.
  std::uint64_t take(std::uint64_t want, Instant now);

  // Gives back units that were taken and not used.
  void give_back(std::uint64_t units);

  // When at least `units` (at most the burst) can be taken, at the earliest.
  [[nodiscard]] Instant next(std::uint64_t units, Instant now) const;

 private:
  enum class Rounding : std::uint8_t { down, up };
  struct Rate {
    std::uint64_t units = 0;      // 0: no limit
    std::int64_t within = 1;      // ticks
    std::uint64_t burst = 0;      // units
    std::int64_t full_burst = 0;  // ticks until an empty bucket is full
    bool operator==(const Rate&) const = default;

    [[nodiscard]] std::int64_t cost(std::uint64_t count, Rounding rounding) const;  // in ticks; at most full_burst
    [[nodiscard]] std::uint64_t worth(std::int64_t ticks) const;  // in units, rounded down; at most burst
  };
  struct Slot {
    std::atomic<std::uint64_t> units{0};
    std::atomic<std::int64_t> within{1};
    std::atomic<std::uint64_t> burst{0};
    std::atomic<std::int64_t> full_burst{0};
  };
  struct View {
    Rate rate;
    std::int64_t full_at;
  };

  [[nodiscard]] View view() const;  // a rate and the state of its bucket, which belong together

  // set() writes the slot that is not in use and then counts up the version, so a draw never waits for it.
  std::array<Slot, 2> slots_;
  std::atomic<std::uint64_t> version_{0};
  std::atomic<std::int64_t> full_at_{0};  // ticks
};

}  // namespace tidegate
