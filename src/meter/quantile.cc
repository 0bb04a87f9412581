#include "meter/quantile.h"

#include <cmath>

namespace tidegate {

namespace {

constexpr std::uint32_t kMostInCell = (1U << 22) - 1;

}  // namespace

void DurationHistogram::add(const DurationHistogram& other) {
  for (std::size_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
  total_ += other.total_;
}

void DurationHistogram::clear() {
  if (total_ == 0) return;
  counts_.fill(0);
  total_ = 0;
}

std::optional<Duration> DurationHistogram::quantile(double share) const {
  if (total_ == 0) return std::nullopt;
  const auto wanted = std::ceil(std::clamp(share, 0.0, 1.0) * static_cast<double>(total_));
  const auto rank = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(wanted));
  std::uint64_t passed = 0;
  std::size_t bucket = 0;
  for (; bucket + 1 < kBuckets; ++bucket) {
    passed += counts_[bucket];
    if (passed >= rank) break;
  }
  return middle_of(bucket);
}

void DurationHistogram::write(std::vector<Cell>& cells) const {
  if (total_ == 0) return;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    for (auto left = counts_[i]; left > 0;) {
      const auto count = std::min(left, kMostInCell);
      cells.push_back({.bucket = static_cast<std::uint32_t>(i) & 0x3ff, .count = count & kMostInCell});
      left -= count;
    }
  }
}

Duration DurationHistogram::middle_of(std::size_t bucket) {
  if (bucket == 0) return kLeast / 2;
  const auto power = kLeastBits + static_cast<unsigned>((bucket - 1) / kParts);
  const auto part = (bucket - 1) % kParts;
  const auto width = std::uint64_t{1} << (power - kPartBits);
  return Duration{static_cast<std::int64_t>((kParts + part) * width + width / 2)};
}

void SlidingHistogram::close() {
  auto& cells = past_.push();
  cells.clear();
  running_.write(cells);
  running_.clear();
}

DurationHistogram SlidingHistogram::sum(std::size_t seconds) const {
  DurationHistogram sum;
  for (std::size_t i = 1; i <= std::min(seconds, past_.held()); ++i) sum.add(past_.ago(i));
  return sum;
}

}  // namespace tidegate
