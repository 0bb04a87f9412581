// What a watch says of one window of its HTTP traffic: a plain value for screens, answers and files, each list in the
// order in which it is shown. Names are bytes of the network, of any kind; whoever shows them cleans them
// (base/text.h).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "model/address.h"
#include "model/http.h"
#include "model/ranked.h"

namespace tidegate {

struct HttpCounts {
  std::uint64_t requests = 0;
  std::uint64_t responses = 0;
  std::uint64_t errors = 0;      // of the responses: those of 500 and more
  std::uint64_t incomplete = 0;  // of the responses: those cut short
  std::uint64_t request_bytes = 0;
  std::uint64_t response_bytes = 0;
  bool operator==(const HttpCounts&) const = default;

  HttpCounts& operator+=(const HttpCounts& other) {
    requests += other.requests;
    responses += other.responses;
    errors += other.errors;
    incomplete += other.incomplete;
    request_bytes += other.request_bytes;
    response_bytes += other.response_bytes;
    return *this;
  }
};

// Times from a request's last byte to its response's first. A quantile is at most HttpReport::time_error off, as a
// share.
struct HttpTimes {
  std::uint64_t known = 0;  // responses behind the three; of the others no time is known or kept
  std::optional<Duration> p50;
  std::optional<Duration> p95;
  std::optional<Duration> p99;
  bool operator==(const HttpTimes&) const = default;
};

// Responses by the first digit of their status; 0: no digit from 1 to 5.
using HttpClasses = std::array<std::uint64_t, 6>;

// The hits are bounds; what is below them was counted while the section was kept: all of it where hits.error is 0.
struct HttpSection {
  Ranked<std::string> hits;  // requests
  std::uint64_t responses = 0;
  HttpClasses classes{};
  std::uint64_t request_bytes = 0;
  std::uint64_t response_bytes = 0;
  HttpTimes times;
  bool operator==(const HttpSection&) const = default;
};

// Requests in a second, over whole seconds that were watched from start to end. None: there was no such second.
struct HttpRate {
  std::uint64_t now = 0;  // in the last whole second
  std::optional<std::uint64_t> least;
  std::optional<double> mean;
  std::optional<std::uint64_t> most;
  std::vector<std::uint64_t> recent;  // in each of the last seconds, at most a minute of them, the newest last
  bool operator==(const HttpRate&) const = default;
};

struct HttpReport {
  WallTime at;
  Duration window{0};   // as asked for, in whole seconds
  Duration covered{0};  // of it, what was watched: at most half a second off the window, less while the watch is young

  HttpCounts total;       // since the watch began
  HttpClasses classes{};  // of its responses
  HttpCounts in_window;   // these and all below are of the window
  HttpRate rate;
  HttpTimes times;
  std::vector<HttpSection> sections;  // most hits first
  std::vector<Ranked<std::string>> hosts;
  std::vector<Ranked<IpAddress>> clients;
  std::vector<Ranked<std::uint16_t>> statuses;  // of responses; exact
  std::vector<Ranked<std::string>> methods;
  double time_error = 0;           // of every quantile, as a share
  std::uint64_t unattributed = 0;  // responses that stand in no section: their request was not seen, or it was not kept

  HttpLosses losses;  // since the watch began; from whoever reads the packets
  bool operator==(const HttpReport&) const = default;
};

}  // namespace tidegate
