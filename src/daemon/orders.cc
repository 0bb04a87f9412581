#include "daemon/orders.h"

#include "base/text.h"
#include "daemon/daemon.h"
#include "daemon/follower.h"
#include "observe/clock.h"

namespace tidegate {

namespace asio = boost::asio;

namespace {

// Asks, and watches the service's events until `done` tells that it is where it was to go.
template <class Ask, class Done>
asio::awaitable<Result<>> act(Daemon& daemon, std::string name, Ask ask, Done done) {
  const auto asked = service_named(daemon, name);
  if (!asked) co_return std::unexpected{asked.error()};
  Follower follower{daemon.history(), daemon.executor(), name};
  ask(**asked);
  while (true) {
    const auto* const service = daemon.find(name);
    if (service == nullptr) co_return failure("{} was removed by a reload", name);
    if (done(*service)) co_return Result<>{};
    if (service->gate().state() == GateState::failed) co_return failure("{}: {}", name, service->gate().last_error());
    const auto event = co_await follower.next();
    if (event.kind == EventKind::stop_failed) co_return failure("{}: {} {}", name, to_string(event.kind), event.text);
  }
}

bool is_awake(const Service& service) { return service.gate().state() == GateState::awake; }

}  // namespace

Result<Service*> service_named(const Daemon& daemon, std::string_view name) {
  if (auto* const service = daemon.find(name)) return service;
  std::vector<std::string_view> names;
  names.reserve(daemon.services().size());
  for (const auto& known : daemon.services()) names.emplace_back(known->settings().name);
  auto help = did_you_mean(name, names);
  if (help.empty() && !names.empty()) help = fmt::format(" (there are: {})", join_words(names));
  return failure("there is no service \"{}\"{}", printable(name), help);
}

Result<WallTime> keep_until(double seconds, WallTime now) {
  constexpr double kMost = 1e9;
  if (!(seconds >= 0 && seconds < kMost)) return failure("for_seconds is not a duration");
  return now + std::chrono::duration_cast<Duration>(std::chrono::duration<double>{seconds});
}

asio::awaitable<Result<>> start_service(Daemon& daemon, std::string name) {
  return act(daemon, std::move(name), [](Service& service) { service.start_by_hand(); }, is_awake);
}

asio::awaitable<Result<>> stop_service(Daemon& daemon, std::string name) {
  return act(
      daemon, std::move(name), [](Service& service) { service.stop_by_hand(); },
      [](const Service& service) { return service.gate().state() == GateState::asleep; });
}

asio::awaitable<Result<>> keep_service(Daemon& daemon, std::string name, WallTime until) {
  return act(
      daemon, std::move(name), [until](Service& service) { service.keep_until(until); },
      [until](const Service& service) { return is_awake(service) || until <= system_now().wall; });
}

}  // namespace tidegate
