// The loop of tries, and those tries that need no network.
#include "action/probe.h"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <chrono>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "action/probe_net.h"
#include "base/units.h"
#include "host/within.h"

namespace tidegate {

namespace asio = boost::asio;

namespace {

constexpr Duration kFirstPause = std::chrono::milliseconds{2};
constexpr Duration kMostPause = std::chrono::milliseconds{250};

// To try a TCP port costs next to nothing, and a client may be held until it answers: at most this much later than need
// be, unless the service takes its time anyway.
constexpr Duration kMostTcpPause = std::chrono::milliseconds{5};
constexpr Duration kEagerFor = std::chrono::seconds{20};
constexpr Duration kTryTime = std::chrono::seconds{1};  // a lost packet: ask again
constexpr Duration kSlowTryTime =
    std::chrono::seconds{5};  // an answer that has to be made: asking again would only start over

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};

Duration try_time(const Ready& ready) {
  const bool slow = std::holds_alternative<ReadyHttp>(ready) || std::holds_alternative<ReadyCommand>(ready);
  return slow ? kSlowTryTime : kTryTime;
}

asio::awaitable<Answered> ask_command(Command command, Environment environment, Duration timeout) {
  const std::string what = "command " + command.to_string();
  auto child =
      Child::spawn(co_await asio::this_coro::executor, {.command = std::move(command),
                                                        .environment = std::move(environment),
                                                        .label = what,
                                                        .quiet = true});  // it would repeat itself with each try
  if (!child) co_return failure("{}: {}", what, child.error().what);
  struct Kill {  // after a timeout and a cancellation; otherwise what it may have left behind
    Child& child;
    ~Kill() { child.kill(); }
  } const at_the_end{**child};
  const auto status = co_await within(timeout, (*child)->wait());
  if (!status) co_return failure("{}: not ended after {}", what, format_duration(timeout));
  if (!status->ok()) co_return failure("{}: {}", what, status->to_string());
  co_return what;
}

asio::awaitable<Answered> ask_nothing(Duration delay) {
  asio::steady_timer timer{co_await asio::this_coro::executor, delay};
  co_await timer.async_wait(asio::use_awaitable);
  co_return std::string{};
}

// One try of any kind.
asio::awaitable<Answered> ask(Ready ready, Environment environment, Duration timeout, ProbeSpeaks speaks) {
  return std::visit(
      Overloaded{
          [&](ReadyNow&) { return ask_nothing(Duration::zero()); },
          [&](ReadyDelay& delay) { return ask_nothing(delay.delay); },
          [&](ReadyTcp& tcp) { return ask_tcp(std::move(tcp), timeout, std::move(speaks)); },
          [&](ReadyUdp& udp) { return ask_udp(std::move(udp), timeout, std::move(speaks)); },
          [&](ReadyHttp& http) { return ask_http(std::move(http), timeout, std::move(speaks)); },
          [&](ReadyCommand& c) { return ask_command(std::move(c.command), std::move(environment), timeout); },
      },
      ready);
}

asio::awaitable<Result<>> ask_once(Ready ready, Environment environment, Duration timeout, ProbeSpeaks speaks) {
  const Answered answered = co_await ask(std::move(ready), std::move(environment), timeout, std::move(speaks));
  if (!answered) co_return std::unexpected{answered.error()};
  co_return Result<>{};
}

std::string answer_text(const Ready& ready, std::string_view who, int tries) {
  if (std::holds_alternative<ReadyNow>(ready)) return "no probe";
  if (std::holds_alternative<ReadyDelay>(ready)) return describe(ready) + " is over";
  if (tries == 1) return fmt::format("{} answered at the first try", who);
  return fmt::format("{} answered after {} tries", who, tries);
}

asio::awaitable<Result<ProbeAnswer>> ask_until_ready(Ready ready, Environment environment, ProbeSpeaks speaks) {
  Error last{describe(ready) + ": no answer yet", 0};
  int tries = 1;
  try {
    asio::steady_timer timer{co_await asio::this_coro::executor};
    const bool eager = std::holds_alternative<ReadyTcp>(ready);
    const auto began = std::chrono::steady_clock::now();
    Duration pause = kFirstPause;
    for (;; ++tries) {
      const Answered answered = co_await ask(ready, environment, try_time(ready), speaks);
      if (answered) co_return ProbeAnswer{tries, answer_text(ready, *answered, tries)};
      last = answered.error();
      timer.expires_after(pause);
      co_await timer.async_wait(asio::use_awaitable);
      const bool soon = eager && std::chrono::steady_clock::now() - began < kEagerFor;
      pause = std::min(pause * 3 / 2, soon ? kMostTcpPause : kMostPause);
    }
  } catch (const boost::system::system_error& e) {
    if (e.code() != asio::error::operation_aborted) throw;
  }
  if (tries > 1) last.what += fmt::format(" (after {} tries)", tries);
  co_return std::unexpected{last};
}

}  // namespace

// Their arguments are copied first: the coroutine may begin when the caller's are gone.
asio::awaitable<Result<>> probe_once(const Ready& ready, Environment environment, Duration timeout,
                                     ProbeSpeaks speaks) {
  return ask_once(ready, std::move(environment), timeout, std::move(speaks));
}

asio::awaitable<Result<ProbeAnswer>> probe_until_ready(const Ready& ready, Environment environment,
                                                       ProbeSpeaks speaks) {
  return ask_until_ready(ready, std::move(environment), std::move(speaks));
}

std::string describe(const Ready& ready) {
  return std::visit(Overloaded{
                        [](const ReadyNow&) -> std::string { return "none"; },
                        [](const ReadyTcp& tcp) { return "tcp " + host_and_port(tcp.host, tcp.port); },
                        [](const ReadyUdp& udp) { return "udp " + host_and_port(udp.host, udp.port); },
                        [](const ReadyHttp& http) { return "http " + http.url; },
                        [](const ReadyCommand& command) { return "command " + command.command.to_string(); },
                        [](const ReadyDelay& delay) { return "delay " + config_duration(delay.delay); },
                    },
                    ready);
}

}  // namespace tidegate
