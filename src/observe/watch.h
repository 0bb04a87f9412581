// A watch at work: what a sensor sees, read as HTTP, counted, and held against the watch's alerts. Driven by packet
// time alone, so that a savefile gives the same answers every time. A time before the latest one is taken for that.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "alert/alert.h"
#include "http/reader.h"
#include "meter/http_figures.h"
#include "model/http_report.h"
#include "model/watch.h"
#include "sensor/pcap.h"

namespace tidegate {

class Watch {
 public:
  // An alert was raised, or recovered.
  using Changed = std::function<void(const AlertSettings&, const AlertChange&)>;

  // `seed` is anything that strangers do not know.
  Watch(WatchSettings settings, std::uint64_t seed, Changed changed);
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  // A packet; what is no TCP of the watch's servers is left aside.
  void see(const Sample& sample, const Frame& frame);

  // Time that passes, with packets or without: alerts are stepped at the end of each second.
  void advance(Now now);

  // No packet comes any more: what is still open is counted, and time stops at the last packet.
  void finish() { reader_->finish(); }

  // What the sensor lost, since the watch began.
  void set_lost(std::uint64_t dropped, std::uint64_t undecoded);

  // Counts from zero; alerts go on with what is counted from now on.
  void reset();

  // The figures of the window that ends at `now`.
  [[nodiscard]] HttpReport report(Now now, Duration window, std::size_t most = 100);

  [[nodiscard]] const WatchSettings& settings() const { return settings_; }
  [[nodiscard]] const std::vector<Alert>& alerts() const { return alerts_; }
  [[nodiscard]] Now latest() const { return latest_; }  // packet or advance()

 private:
  void begin();
  void end_seconds(Now until);
  void step_alerts(Now at);

  const WatchSettings settings_;
  const std::uint64_t seed_;
  const Changed changed_;
  std::optional<HttpFigures> figures_;
  std::optional<HttpReader> reader_;  // speaks to figures_
  std::vector<Alert> alerts_;
  HttpLosses lost_;  // by the sensor
  HttpLosses lost_before_reset_;
  Now latest_{};
  Instant next_second_ = Instant::min();
};

// How the packets of such a watch are captured: all of each, of TCP from and to its ports.
[[nodiscard]] PcapSettings capture_of(const WatchSettings& settings);

}  // namespace tidegate
