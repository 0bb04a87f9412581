#include "daemon/control.h"

#include <array>
#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/json.hpp>
#include <deque>
#include <stdexcept>

#include "base/text.h"
#include "base/units.h"
#include "daemon/clock.h"
#include "daemon/daemon.h"
#include "daemon/report.h"

namespace tidegate {

namespace asio = boost::asio;
namespace json = boost::json;
using namespace asio::experimental::awaitable_operators;

namespace {

using Answer = asio::awaitable<void>;

json::object ok(json::value result) { return {{"ok", true}, {"result", std::move(result)}}; }

Service& named(const Daemon& daemon, const json::object& request) {
  const auto* name = request.if_contains("name");
  if (name == nullptr || !name->is_string()) throw std::runtime_error{"which service? The request names none"};
  auto* const service = daemon.find(name->get_string());
  if (service != nullptr) return *service;
  std::vector<std::string_view> names;
  for (const auto& known : daemon.services()) names.emplace_back(known->settings().name);
  const std::string_view asked = name->get_string();
  auto help = did_you_mean(asked, names);
  if (help.empty() && !names.empty()) help = fmt::format(" (there are: {})", join_words(names));
  throw std::runtime_error{fmt::format("there is no service \"{}\"{}", printable(asked), help)};
}

// Events as they come, for one client: bounded, so that one who does not read costs nothing but its own events.
class Follower {
 public:
  static constexpr std::size_t kMost = 1000;

  explicit Follower(Daemon& daemon, std::string service)
      : history_{daemon.history()}, coming_{daemon.executor()}, service_{std::move(service)} {
    listener_ = history_.listen([this](const Event& event) {
      if (!service_.empty() && event.service != service_) return;
      if (events_.size() == kMost) events_.pop_front();
      events_.push_back(event);
      coming_.cancel();
    });
  }
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;
  ~Follower() { history_.ignore(listener_); }

  asio::awaitable<Event> next() {
    while (events_.empty()) {
      coming_.expires_at(asio::steady_timer::time_point::max());
      co_await coming_.async_wait(asio::as_tuple(asio::use_awaitable));
      if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none) {
        throw boost::system::system_error{asio::error::operation_aborted};
      }
    }
    auto event = std::move(events_.front());
    events_.pop_front();
    co_return event;
  }

 private:
  History& history_;
  asio::steady_timer coming_;
  std::string service_;
  std::deque<Event> events_;
  std::uint64_t listener_ = 0;
};

Answer status(Daemon& daemon, json::object, ControlReply& reply) {
  const auto now = system_now();
  json::array services;
  for (const auto& service : daemon.services()) services.push_back(report::service(*service, now));
  json::array sensors;
  for (const auto& sensor : daemon.sensors()) sensors.push_back(report::sensor(sensor));
  co_await reply.send(ok(json::object{{"services", std::move(services)}, {"sensors", std::move(sensors)}}));
}

Answer why(Daemon& daemon, json::object request, ControlReply& reply) {
  co_await reply.send(ok(report::why(named(daemon, request), system_now())));
}

Answer events(Daemon& daemon, json::object request, ControlReply& reply) {
  const std::string service = request.contains("name") ? named(daemon, request).settings().name : std::string{};
  const auto* most = request.if_contains("last");
  const bool follow = request.contains("follow") && request.at("follow").as_bool();
  Follower follower{daemon, service};
  for (const auto& event :
       daemon.history().last(most != nullptr ? most->to_number<std::size_t>() : History::kMost, service)) {
    co_await reply.send(ok(report::event(event)));
  }
  if (!follow) co_return;
  while (true) {
    const auto event = co_await (follower.next() || reply.closed());
    if (event.index() != 0) co_return;
    co_await reply.send(ok(report::event(std::get<0>(event))));
  }
}

// Does what was asked and answers when `done` tells that the service is where it was to go; a client that leaves before
// does not undo anything.
template <class Ask, class Done>
Answer act(Daemon& daemon, json::object request, ControlReply& reply, Ask ask, Done done) {
  auto& asked = named(daemon, request);
  const std::string name = asked.settings().name;
  Follower follower{daemon, name};
  ask(asked);
  while (true) {
    const auto* service = daemon.find(name);
    if (service == nullptr) throw std::runtime_error{name + " was removed by a reload"};
    const auto state = service->gate().state();
    if (done(*service)) break;
    if (state == GateState::failed) throw std::runtime_error{fmt::format("{}: {}", name, service->gate().last_error())};
    const auto event = co_await (follower.next() || reply.closed());
    if (event.index() != 0) co_return;
    const auto& [at, of, kind, text] = std::get<0>(event);
    if (kind == EventKind::stop_failed) throw std::runtime_error{fmt::format("{}: {} {}", name, to_string(kind), text)};
  }
  co_await reply.send(ok(report::service(*daemon.find(name), system_now())));
}

bool is_awake(const Service& service) { return service.gate().state() == GateState::awake; }

Answer start(Daemon& daemon, json::object request, ControlReply& reply) {
  return act(daemon, std::move(request), reply, [](Service& service) { service.start_by_hand(); }, is_awake);
}

Answer stop(Daemon& daemon, json::object request, ControlReply& reply) {
  return act(
      daemon, std::move(request), reply, [](Service& service) { service.stop_by_hand(); },
      [](const Service& service) { return service.gate().state() == GateState::asleep; });
}

Answer keep(Daemon& daemon, json::object request, ControlReply& reply) {
  const auto seconds = request.at("for_seconds").to_number<double>();
  if (!(seconds >= 0 && seconds < 1e9)) throw std::runtime_error{"for_seconds is not a duration"};
  const auto until = system_now().wall + std::chrono::duration_cast<Duration>(std::chrono::duration<double>{seconds});
  return act(
      daemon, std::move(request), reply, [until](Service& service) { service.keep_until(until); },
      [until](const Service& service) { return is_awake(service) || until <= system_now().wall; });
}

Answer reload(Daemon& daemon, json::object, ControlReply& reply) {
  if (const auto done = daemon.reload(); !done) throw std::runtime_error{done.error().what};
  co_await reply.send(ok(json::object{{"services", daemon.services().size()}}));
}

struct Route {
  std::string_view name;
  Answer (*answer)(Daemon&, json::object, ControlReply&);
};

constexpr std::array kRoutes = {
    Route{"status", status}, Route{"why", why},   Route{"events", events}, Route{"start", start},
    Route{"stop", stop},     Route{"keep", keep}, Route{"reload", reload},
};

}  // namespace

ControlServer::Handler make_control_handler(Daemon& daemon) {
  return [&daemon](json::object request, ControlReply& reply) -> Answer {
    const auto* asked = request.if_contains("command");
    const std::string_view name = asked != nullptr && asked->is_string() ? std::string_view{asked->get_string()} : "";
    const auto command = std::ranges::find(kRoutes, name, &Route::name);
    if (command == kRoutes.end()) throw std::runtime_error{fmt::format("there is no command \"{}\"", printable(name))};
    return command->answer(daemon, std::move(request), reply);
  };
}

}  // namespace tidegate
