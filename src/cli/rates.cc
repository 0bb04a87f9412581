#include "cli/rates.h"

#include <cmath>

namespace tidegate::cli {

namespace {

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

void Rates::add(Instant at, double count) {
  if (!samples_.empty() && count < samples_.back().count) samples_.clear();
  if (!samples_.empty() && at <= samples_.back().at) return;
  samples_.push_back({at, count});
  while (samples_.size() > kMostSamples || (samples_.size() > 2 && at - samples_.front().at > kLongest))
    samples_.pop_front();
}

std::optional<double> Rates::rate(Duration window) const {
  if (samples_.size() < 2) return std::nullopt;
  const auto& now = samples_.back();
  auto then = samples_.end() - 2;
  while (then != samples_.begin() && now.at - then->at < window) --then;
  return (now.count - then->count) / seconds(now.at - then->at);
}

std::vector<double> Rates::trend(std::size_t most) const {
  std::vector<double> rates(most, NAN);
  for (std::size_t i = 0; i < most && i + 1 < samples_.size(); ++i) {
    const auto& now = samples_[samples_.size() - 1 - i];
    const auto& then = samples_[samples_.size() - 2 - i];
    rates[most - 1 - i] = (now.count - then.count) / seconds(now.at - then.at);
  }
  return rates;
}

}  // namespace tidegate::cli
