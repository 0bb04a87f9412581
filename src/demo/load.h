// Requests for something to watch: HTTP/1.1 GETs for random sections (RFC 9110, RFC 9112), when the profile says. One
// thread, the loop's.
//
// A request's latency is from when it was due, not from when there was a free connection for it: a server that stands
// still for a second makes all late that were due in it, and none of them is forgotten.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "demo/profile.h"
#include "forward/loop.h"
#include "meter/quantile.h"
#include "model/address.h"

namespace tidegate::demo {

struct LoadSettings {
  Endpoint target;
  std::string host;  // as requests name it: "127.0.0.1:5000"
  LoadProfile profile = LoadProfile::standard();
  std::size_t connections = 10;  // at most; each is opened when it is first wanted, and kept
  std::vector<std::string> sections{"foo", "bar", "baz", "spiffy", "zoom"};
  std::uint64_t seed = 1;                       // the same seed, the same requests
  Duration timeout = std::chrono::seconds{10};  // for connecting and for the answer; behind the profile's end for all
};

struct LoadReport {
  std::uint64_t sent = 0;      // given to the kernel, whole
  std::uint64_t answered = 0;  // whole answers, whatever their status
  std::uint64_t bytes = 0;     // of these answers' payload
  std::map<int, std::uint64_t> statuses;
  std::map<std::string, std::uint64_t> failures;  // by reason: requests that were not sent, or not answered
  DurationHistogram latencies;
  Duration longest{};  // latency
  Duration took{};
  bool interrupted = false;

  [[nodiscard]] std::uint64_t failed() const;
};

class Load final : private Timer {
 public:
  struct Hooks {
    std::function<void()> on_end;                             // nothing is under way any more
    std::function<void(std::string_view payload)> on_answer;  // its first kMostKept bytes; empty: not wanted
  };
  static constexpr std::size_t kMostKept = 4096;

  // Begins at once, the first request being due now. The error: no timer.
  [[nodiscard]] static Result<std::unique_ptr<Load>> start(Loop& loop, LoadSettings settings, Hooks hooks);
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;
  virtual ~Load();

  // Ends early: what is under way, and only that, counts as failed. Calls on_end.
  void interrupt();

  // Up to now.
  [[nodiscard]] const LoadReport& report() const { return report_; }
  [[nodiscard]] Instant began() const { return began_; }

 private:
  class Connection;
  class Metronome;
  struct Answer;

  Load(Loop& loop, LoadSettings settings, Hooks hooks);
  void on_time() override;  // the profile's end has passed, and the timeout behind it
  [[nodiscard]] std::string next_request();
  void pump();
  void end();

  // What its connections tell it. Each may be asked again before the call returns.
  void answered(Connection& connection, const Answer& answer);
  void failed(Connection& connection, const std::string& reason);
  void rested(Connection& connection);

  Loop& loop_;
  const LoadSettings settings_;
  const Hooks hooks_;
  const Instant began_;
  Schedule schedule_;
  LoadReport report_;
  std::mt19937_64 random_;
  std::uint64_t requests_ = 0;
  std::vector<char> buffer_ = std::vector<char>(65'536);  // for whoever reads just now
  std::unique_ptr<Metronome> metronome_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::deque<Connection*> free_;  // who has waited longest is next
  std::size_t busy_ = 0;          // requests under way
  bool pumping_ = false;
  bool ended_ = false;
};

}  // namespace tidegate::demo
