// Quantiles of durations in bounded memory, with the same relative error at every size: buckets that are linear within
// each power of two, as in HdrHistogram (Tene, hdrhistogram.org). They add up, over seconds or over anything else.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/time.h"
#include "meter/window.h"

namespace tidegate {

// 4 KB; counts of up to 4·10^9 in a bucket.
class DurationHistogram {
 public:
  // A quantile is at most 1/64 (1.6 %) off the true one. What is shorter than kLeast counts as half of it; what is
  // longer than kMost as kMost.
  static constexpr double kRelativeError = 1.0 / 64;
  static constexpr Duration kLeast{1U << 10};        // 1.02 µs
  static constexpr Duration kMost{(1LL << 41) - 1};  // 36 min 39 s

  // A bucket that is not empty, in 4 bytes; a count too large for one is in several.
  struct Cell {
    std::uint32_t bucket : 10;
    std::uint32_t count : 22;
  };

  void add(Duration duration) {
    ++counts_[bucket_of(duration)];
    ++total_;
  }
  void add(std::span<const Cell> cells) {
    for (const auto cell : cells) {
      counts_[cell.bucket] += cell.count;
      total_ += cell.count;
    }
  }
  void add(const DurationHistogram& other);
  void clear();

  [[nodiscard]] std::uint64_t total() const { return total_; }

  // The duration that a share of `share` (0 to 1) of all do not pass. None: there are none.
  [[nodiscard]] std::optional<Duration> quantile(double share) const;

  // Appends the buckets that are not empty, from the shortest to the longest.
  void write(std::vector<Cell>& cells) const;

 private:
  static constexpr unsigned kLeastBits = 10;  // kLeast is 2^10 ns
  static constexpr unsigned kMostBits = 41;
  static constexpr unsigned kParts = 32;  // of each power of two
  static constexpr unsigned kPartBits = 5;
  static constexpr std::size_t kBuckets = 1 + (kMostBits - kLeastBits) * kParts;
  static_assert(kBuckets <= 1U << 10);

  [[nodiscard]] static std::size_t bucket_of(Duration duration) {
    if (duration < kLeast) return 0;
    const auto ticks = static_cast<std::uint64_t>(std::min(duration, kMost).count());
    const auto power = static_cast<unsigned>(std::bit_width(ticks)) - 1;
    return 1 + (power - kLeastBits) * kParts + (ticks >> (power - kPartBits) & (kParts - 1));
  }
  [[nodiscard]] static Duration middle_of(std::size_t bucket);

  std::array<std::uint32_t, kBuckets> counts_{};
  std::uint64_t total_ = 0;
};

// The durations of the last seconds. Memory: 4 bytes for each bucket used in each second (at most 4 KB a second).
class SlidingHistogram {
 public:
  explicit SlidingHistogram(std::size_t seconds) : past_{seconds} {}

  void add(Duration duration) { running_.add(duration); }
  [[nodiscard]] const DurationHistogram& running() const { return running_; }

  // The running second has ended.
  void close();

  // Over the last `seconds` that have ended, or as many as there are. Costs a step for each bucket used in each second.
  [[nodiscard]] DurationHistogram sum(std::size_t seconds) const;

 private:
  DurationHistogram running_;
  Past<std::vector<DurationHistogram::Cell>> past_;
};

}  // namespace tidegate
