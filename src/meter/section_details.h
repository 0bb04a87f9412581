// What the responses of each section were, beside the sliding summary that says which sections are kept: statuses by
// class, bytes, times to the first byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "meter/quantile.h"
#include "meter/sliding_top.h"
#include "meter/window.h"
#include "model/http.h"
#include "model/http_report.h"

namespace tidegate {

using SectionTop = SlidingTop<std::string>;

struct SectionCounts {
  HttpClasses classes{};
  std::uint64_t request_bytes = 0;
  std::uint64_t response_bytes = 0;

  [[nodiscard]] std::uint64_t responses() const;
  SectionCounts& operator+=(const SectionCounts& other);
};

// Memory: 4 KB a slot; for each second at most 80 bytes for each section kept, and 20 KB of times.
class SectionDetails {
 public:
  // Past so many cells (meter/quantile.h) the times of a second's lighter sections are not kept: their count says so.
  static constexpr std::size_t kMostCells = 4096;

  struct Sum {
    SectionCounts counts;
    DurationHistogram times;
  };
  struct Sums {
    std::vector<Sum> sections;    // one for each that was asked for
    std::uint64_t responses = 0;  // of all sections
  };

  // As many slots as the summary has in the running second, as many seconds as it keeps.
  SectionDetails(std::size_t slots, std::size_t seconds) : running_(slots), past_{seconds} {}

  // A section has come to this slot of the running second.
  void take(SectionTop::Slot slot);

  void add(SectionTop::Slot slot, const HttpExchange& exchange);

  // The running second has ended, and the summary has kept these of it.
  void close(std::span<const SectionTop::Closed> kept);

  // Of the running second, with so many slots in use, and the last `seconds` that have ended.
  [[nodiscard]] Sums sum(std::size_t seconds, std::size_t slots, std::span<const SectionTop::Found> wanted) const;

 private:
  struct Item {
    SectionTop::Id id;
    std::uint32_t first;  // of its cells
    std::uint32_t cells;
    SectionCounts counts;
  };
  struct Part {
    std::vector<Item> items;
    std::vector<DurationHistogram::Cell> cells;
  };

  std::vector<Sum> running_;  // by slot
  Past<Part> past_;
};

}  // namespace tidegate
