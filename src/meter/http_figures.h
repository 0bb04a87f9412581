// The figures of a watch: what its HTTP messages come to, in all and in sliding windows of packet time. Driven by the
// packets' time alone, so that a replay gives the same figures every time. Each message is counted once, in the running
// second; windows are put together from seconds when somebody looks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "meter/quantile.h"
#include "meter/section_details.h"
#include "meter/sliding_top.h"
#include "meter/window.h"
#include "model/address.h"
#include "model/alert.h"
#include "model/http.h"
#include "model/http_report.h"

namespace tidegate {

struct HttpFiguresSettings {
  std::vector<Duration> windows{std::chrono::seconds{10}, std::chrono::minutes{10}};  // 1 s to 1 h, in whole seconds
  std::size_t kept = 128;  // sections and hosts of each second; four times as many clients. 1 to 65,536
  std::uint64_t seed = 0;  // of the tables: anything strangers do not know
};

// Memory with 128 kept: 6 MB; for each second of the longest window at most 40 KB, and 110 KB of names where all are
// new and long; for each second of the last hour at most 4 KB of times. That is 30 MB with windows of ten minutes at
// 1,000,000 requests/s from 10,000 clients, and 110 MB at the very worst. Nothing is allocated for a message, which
// costs some 60 ns. One thread.
class HttpFigures final : public HttpSink {
 public:
  explicit HttpFigures(const HttpFiguresSettings& settings);

  // A message whose time is before the latest seen counts at the latest. A request counts when its head is complete, a
  // response when it ends.
  void on_request(const HttpRequest& request) override;
  void on_exchange(const HttpExchange& exchange) override;

  // Time that passes without a packet. The first time given to this or to a message is when watching begins.
  void advance(Now now);

  // When the running second ends: the moment to step alerts at.
  [[nodiscard]] Instant second_ends() const { return clock_.second_ends(); }

  // What an alert is stepped with: the last whole seconds that make up the window (up to an hour), without the running
  // one. `percentile` (0 to 1): the latency's, else it is left out. A few µs without, up to a few ms for an hour with
  // it.
  [[nodiscard]] AlertReading reading(Duration window, std::optional<double> percentile = std::nullopt) const;

  // The window that ends now (at most the longest of the settings): the running second and the seconds before it, as
  // SecondClock::ended_within has it; the rates are of whole seconds only. Each list at most `most` long. Losses are
  // left to the caller. 1 to 5 ms for ten minutes, 30 ms where every second was full of other keys.
  [[nodiscard]] HttpReport report(Now now, Duration window, std::size_t most = 100);

  [[nodiscard]] const HttpCounts& total() const { return total_; }  // since watching began

 private:
  struct StatusTraits {
    using View = std::uint16_t;
    static std::uint64_t hash(View status, std::uint64_t seed) { return (status ^ seed) * key_hash::kSecond; }
    static bool equal(View kept, View status) { return kept == status; }
    static void assign(std::uint16_t& kept, View status) { kept = status; }
  };

  void pass(Instant at) {
    if (const auto ended = clock_.advance(at); ended > 0) [[unlikely]]
      close(ended);
  }
  void close(std::uint64_t seconds);
  // Hosts are the same in any case (RFC 9110, section 4.2.3). Gives the view that came, or one that lives until the
  // next call.
  std::string_view lower_case(std::string_view host);
  [[nodiscard]] HttpRate rate(std::size_t seconds) const;
  [[nodiscard]] std::vector<HttpSection> sections(std::size_t seconds, std::size_t most,
                                                  std::uint64_t& attributed) const;

  std::size_t longest_;  // seconds
  SecondClock clock_;
  HttpCounts total_;
  HttpClasses classes_{};
  SlidingCounts<HttpCounts> counts_;
  SlidingHistogram times_;
  SectionTop sections_;
  SectionDetails details_;
  SlidingTop<std::string> hosts_;
  std::string host_;  // the last one that was not lower case
  SlidingTop<IpAddress> clients_;
  SlidingTop<std::string> methods_;
  SlidingTop<std::uint16_t, StatusTraits> statuses_;
};

}  // namespace tidegate
