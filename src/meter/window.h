// Sliding windows in whole seconds of packet time: the clock that cuts the seconds, the seconds that have passed, and
// sums over them. Everything that slides is closed when a second ends, so that a packet is counted once, not once a
// window.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/time.h"

namespace tidegate {

inline constexpr std::size_t kMostWindowSeconds = 3600;

// A window's length in whole seconds, rounded up: 1 to kMostWindowSeconds.
[[nodiscard]] std::size_t window_seconds(Duration window);

// Cuts time into seconds as Instant counts them (in a replay those of the wall clock). The first time given is when
// watching begins. A time earlier than the latest one is taken for the latest. 40 bytes.
class SecondClock {
 public:
  // How many seconds have ended since the call before; 0 at the first call.
  std::uint64_t advance(Instant at) {
    if (at < ends_ && started_) [[likely]] {
      latest_ = std::max(latest_, at);
      return 0;
    }
    return turn(at);
  }

  [[nodiscard]] Instant latest() const { return latest_; }
  [[nodiscard]] Instant second_ends() const { return ends_; }  // the running one
  // Seconds that have ended since the beginning; `whole`: without the first where watching began in the midst of it.
  [[nodiscard]] std::uint64_t ended() const { return ended_; }
  [[nodiscard]] std::uint64_t ended_whole() const;

  // How many of the seconds that have ended make up, with the running one, the window that ends now: as many as come
  // nearest to its length, which is then at most half a second off, and exact when a second has just ended.
  [[nodiscard]] std::size_t ended_within(std::size_t window) const;

  // The time that the running second and `seconds` before it cover, of what was watched.
  [[nodiscard]] Duration covered(std::size_t seconds) const;

 private:
  std::uint64_t turn(Instant at);

  Instant first_;
  Instant latest_;
  Instant ends_;
  std::uint64_t ended_ = 0;
  bool started_ = false;
};

// One T for each of the last seconds that have ended, at most `seconds` of them. The T are made once and used again.
template <typename T>
class Past {
 public:
  explicit Past(std::size_t seconds) : parts_(seconds) { TIDEGATE_CHECK(seconds > 0); }

  // The place of a second that has just ended. It still holds what was there, of a second now forgotten, for the caller
  // to let go.
  T& push() {
    newest_ = newest_ + 1 == parts_.size() ? 0 : newest_ + 1;
    held_ = std::min(held_ + 1, parts_.size());
    return parts_[newest_];
  }

  [[nodiscard]] std::size_t held() const { return held_; }
  [[nodiscard]] std::size_t most() const { return parts_.size(); }

  // 1: the second that ended last; at most held().
  [[nodiscard]] const T& ago(std::size_t seconds) const {
    return parts_[newest_ >= seconds - 1 ? newest_ - (seconds - 1) : newest_ + parts_.size() - (seconds - 1)];
  }

 private:
  std::vector<T> parts_;
  std::size_t newest_ = 0;
  std::size_t held_ = 0;
};

// Sums by second. Counts is a struct of numbers with +=. Memory: (seconds + 1) × sizeof(Counts).
template <typename Counts>
class SlidingCounts {
 public:
  explicit SlidingCounts(std::size_t seconds) : past_{seconds} {}

  [[nodiscard]] Counts& running() { return running_; }
  [[nodiscard]] const Counts& running() const { return running_; }
  [[nodiscard]] const Past<Counts>& past() const { return past_; }

  // The running second has ended.
  void close() { past_.push() = std::exchange(running_, Counts{}); }

  // Over the last `seconds` that have ended, or as many as there are.
  [[nodiscard]] Counts sum(std::size_t seconds) const {
    Counts sum{};
    for (std::size_t i = 1; i <= std::min(seconds, past_.held()); ++i) sum += past_.ago(i);
    return sum;
  }

 private:
  Counts running_{};
  Past<Counts> past_;
};

}  // namespace tidegate
