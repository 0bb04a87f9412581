// Readiness: asks again and again, quickly at first, until the service answers.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <string>

#include "action/child.h"
#include "base/error.h"
#include "model/sample.h"
#include "model/service.h"

namespace tidegate {

// Told the endpoint a probe is about to speak from, before its first packet leaves.
using ProbeSpeaks = std::function<void(Protocol, Endpoint)>;

struct ProbeAnswer {
  int tries = 1;
  std::string text;  // "tcp 127.0.0.1:8212 answered after 3 tries"; what a `why` shows
};

// One try: done when it answers within `timeout`; the error says what happened ("tcp 127.0.0.1:8212: Connection
// refused"). A command is killed with its group after `timeout`, and its output is not logged: it would repeat itself.
[[nodiscard]] boost::asio::awaitable<Result<>> probe_once(const Ready& ready, Environment environment, Duration timeout,
                                                          ProbeSpeaks speaks);

// Tries until it answers (2 ms after the first failure, growing by half to 250 ms); a delay just waits. A try takes at
// most 1 s, by HTTP or a command 5 s (such an answer has to be made, and asking again would only start over). Ends only
// with an answer or by cancellation (asio::cancellation_type::terminal), which is reported as an error carrying the
// last failure.
[[nodiscard]] boost::asio::awaitable<Result<ProbeAnswer>> probe_until_ready(const Ready& ready, Environment environment,
                                                                            ProbeSpeaks speaks);

// "tcp 127.0.0.1:8212", "http http://…/health", "delay 5s", "none": what is asked.
[[nodiscard]] std::string describe(const Ready& ready);

}  // namespace tidegate
