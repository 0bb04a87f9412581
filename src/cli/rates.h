// How fast something is counted, from its counts at a few moments. Pure.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <vector>

#include "base/time.h"

namespace tidegate::cli {

class Rates {
 public:
  static constexpr std::size_t kMostSamples = 1200;
  static constexpr Duration kLongest = std::chrono::seconds{61};

  // The count now. One smaller than the last begins anew: who counts has been started anew.
  void add(Instant at, double count);

  // A second, over the last `window` or as long as there are counts; of a window of zero, since the last count. None:
  // there is but one.
  [[nodiscard]] std::optional<double> rate(Duration window) const;

  // The rates from count to count, the newest last; `most` of them, and before the first NAN.
  [[nodiscard]] std::vector<double> trend(std::size_t most) const;

 private:
  struct Sample {
    Instant at;
    double count;
  };
  std::deque<Sample> samples_;
};

}  // namespace tidegate::cli
