#include "observe/watch.h"

#include <algorithm>

namespace tidegate {

namespace {

using std::chrono::seconds;

// After so long a silence every alert has seen its whole window empty, and sees the same from then on.
Duration longest_memory(const std::vector<Alert>& alerts) {
  Duration longest{0};
  for (const auto& alert : alerts) longest = std::max(longest, alert.settings().over);
  return longest + seconds{2};
}

// The next second's end after `second` at which an alert that sees the same all the time may change, because the least
// time of its state is over; the last one by `until` where there is none before.
Instant next_turn(const std::vector<Alert>& alerts, Instant second, Instant until) {
  Instant turn = std::chrono::floor<seconds>(until);
  for (const auto& alert : alerts) {
    if (const auto wait = alert.waits(second); wait && *wait < turn - second)
      turn = std::chrono::ceil<seconds>(second + *wait);
  }
  return turn;
}

}  // namespace

Watch::Watch(WatchSettings settings, std::uint64_t seed, Changed changed)
    : settings_{std::move(settings)}, seed_{seed}, changed_{std::move(changed)} {
  alerts_.reserve(settings_.alerts.size());
  for (const auto& alert : settings_.alerts) alerts_.emplace_back(alert);
  begin();
}

void Watch::begin() {
  reader_.reset();
  figures_.emplace(HttpFiguresSettings{.windows = settings_.windows, .seed = seed_});
  reader_.emplace(*figures_, HttpReaderSettings{.ports = settings_.ports, .address = settings_.address, .seed = seed_});
}

void Watch::see(const Sample& sample, const Frame& frame) {
  if (sample.at.instant >= next_second_) [[unlikely]]
    end_seconds(sample.at);
  if (sample.at.instant >= latest_.instant) latest_ = sample.at;
  reader_->add(sample.at, *frame.headers, frame.bytes);
}

void Watch::advance(Now now) {
  if (now.instant >= next_second_) end_seconds(now);
  figures_->advance(now);
  if (now.instant >= latest_.instant) latest_ = now;
}

// Every second that has ended by now, one after the other; of a long silence only those in which something can change.
void Watch::end_seconds(Now until) {
  if (next_second_ == Instant::min()) {
    figures_->advance(until);
    next_second_ = figures_->second_ends();
    return;
  }
  const auto silent_from = latest_.instant + longest_memory(alerts_);
  while (next_second_ <= until.instant) {
    const Now second{.instant = next_second_, .wall = until.wall - (until.instant - next_second_)};
    figures_->advance(second);
    step_alerts(second);
    next_second_ = figures_->second_ends();
    if (next_second_ > silent_from)
      next_second_ = std::max(next_second_, next_turn(alerts_, second.instant, until.instant));
  }
}

void Watch::step_alerts(Now at) {
  for (auto& alert : alerts_) {
    const auto& settings = alert.settings();
    const bool timed = settings.when.quantity == AlertQuantity::latency;
    const auto reading =
        figures_->reading(settings.over, timed ? std::optional{settings.when.percentile} : std::nullopt);
    if (const auto change = alert.step(reading, at)) changed_(settings, *change);
  }
}

void Watch::set_lost(std::uint64_t dropped, std::uint64_t undecoded) {
  lost_.dropped_packets = dropped;
  lost_.undecoded_packets = undecoded;
}

void Watch::reset() {
  lost_before_reset_ = lost_;
  begin();
  next_second_ = Instant::min();
  end_seconds(latest_);
}

HttpReport Watch::report(Now now, Duration window, std::size_t most) {
  auto report = figures_->report(now, window, most);
  report.losses = reader_->losses();
  report.losses.dropped_packets += lost_.dropped_packets - lost_before_reset_.dropped_packets;
  report.losses.undecoded_packets += lost_.undecoded_packets - lost_before_reset_.undecoded_packets;
  return report;
}

PcapSettings capture_of(const WatchSettings& settings) {
  PcapSettings capture{.interface = settings.interface, .whole_packets = true};
  capture.ports.reserve(settings.ports.size());
  for (const auto port : settings.ports)
    capture.ports.push_back({.protocol = Protocol::tcp, .first = port, .last = port});
  if (settings.ports.empty()) capture.filter = "tcp or (ip6 and not udp and not icmp6) or vlan";
  return capture;
}

}  // namespace tidegate
