#include "daemon/control.h"

#include <array>
#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/json.hpp>
#include <stdexcept>

#include "base/text.h"
#include "daemon/answers.h"
#include "daemon/daemon.h"
#include "daemon/follower.h"
#include "daemon/orders.h"
#include "daemon/report.h"
#include "observe/clock.h"

namespace tidegate {

namespace asio = boost::asio;
namespace json = boost::json;
using namespace asio::experimental::awaitable_operators;

namespace {

using Answer = asio::awaitable<void>;

json::object ok(json::value result) { return {{"ok", true}, {"result", std::move(result)}}; }

std::string_view text_in(const json::object& request, std::string_view field) {
  const auto* const value = request.if_contains(field);
  if (value == nullptr || !value->is_string()) throw std::runtime_error{fmt::format("the request has no {}", field)};
  return value->get_string();
}

// The same; empty where it is not there.
std::string_view text_or_nothing(const json::object& request, std::string_view field) {
  return request.contains(field) ? text_in(request, field) : std::string_view{};
}

// Of the request's `last` or `top`; without one `otherwise`.
std::size_t number_in(const json::object& request, std::string_view field, std::size_t otherwise) {
  const auto* const value = request.if_contains(field);
  return value == nullptr ? otherwise : value->to_number<std::size_t>();
}

Service& named(const Daemon& daemon, const json::object& request) {
  const auto* name = request.if_contains("name");
  if (name == nullptr || !name->is_string()) throw std::runtime_error{"which service? The request names none"};
  const auto service = service_named(daemon, name->get_string());
  if (!service) throw std::runtime_error{service.error().what};
  return **service;
}

Answer status(Daemon& daemon, json::object, ControlReply& reply) {
  const auto now = system_now();
  json::array services;
  for (const auto& service : daemon.services()) services.push_back(report::service(*service, now));
  json::array sensors;
  for (const auto& sensor : daemon.sensors()) sensors.push_back(report::sensor(sensor));
  co_await reply.send(ok(json::object{{"services", std::move(services)},
                                      {"forwards", answers::forwards(daemon).at("forwards")},
                                      {"sensors", std::move(sensors)}}));
}

Answer why(Daemon& daemon, json::object request, ControlReply& reply) {
  co_await reply.send(ok(report::why(named(daemon, request), system_now())));
}

Answer events(Daemon& daemon, json::object request, ControlReply& reply) {
  const std::string service = request.contains("name") ? named(daemon, request).settings().name : std::string{};
  const bool follow = request.contains("follow") && request.at("follow").as_bool();
  Follower follower{daemon.history(), daemon.executor(), service};
  for (const auto& event : daemon.history().last(number_in(request, "last", History::kMost), service)) {
    co_await reply.send(ok(report::event(event)));
  }
  if (!follow) co_return;
  while (true) {
    const auto event = co_await (follower.next() || reply.closed());
    if (event.index() != 0) co_return;
    co_await reply.send(ok(report::event(std::get<0>(event))));
  }
}

// Answers when the order has been carried out; a client that leaves before does not undo anything.
Answer carry_out(Daemon& daemon, std::string name, asio::awaitable<Result<>> order, ControlReply& reply) {
  const auto done = co_await (std::move(order) || reply.closed());
  if (done.index() != 0) co_return;
  if (const auto& result = std::get<0>(done); !result) throw std::runtime_error{result.error().what};
  co_await reply.send(ok(report::service(*daemon.find(name), system_now())));
}

Answer start(Daemon& daemon, json::object request, ControlReply& reply) {
  const std::string name = named(daemon, request).settings().name;
  co_await carry_out(daemon, name, start_service(daemon, name), reply);
}

Answer stop(Daemon& daemon, json::object request, ControlReply& reply) {
  const std::string name = named(daemon, request).settings().name;
  co_await carry_out(daemon, name, stop_service(daemon, name), reply);
}

Answer keep(Daemon& daemon, json::object request, ControlReply& reply) {
  const std::string name = named(daemon, request).settings().name;
  const auto until = keep_until(request.at("for_seconds").to_number<double>(), system_now().wall);
  if (!until) throw std::runtime_error{until.error().what};
  co_await carry_out(daemon, name, keep_service(daemon, name, *until), reply);
}

Answer reload(Daemon& daemon, json::object, ControlReply& reply) {
  if (const auto done = daemon.reload(); !done) throw std::runtime_error{done.error().what};
  co_await reply.send(ok(json::object{{"services", daemon.services().size()}}));
}

// Questions that are answered at once, as over HTTP.
using Question = json::object (*)(Daemon&, const json::object&);

template <Question kQuestion>
Answer answer(Daemon& daemon, json::object request, ControlReply& reply) {
  co_await reply.send(ok(kQuestion(daemon, request)));
}

json::object forwards(Daemon& daemon, const json::object&) { return answers::forwards(daemon); }
json::object forward(Daemon& daemon, const json::object& request) {
  return answers::forward(daemon, text_in(request, "name"));
}
json::object forward_add(Daemon& daemon, const json::object& request) {
  return answers::add_forward(daemon, std::string{text_in(request, "json")});
}
json::object forward_change(Daemon& daemon, const json::object& request) {
  return answers::change_forward(daemon, text_in(request, "name"), std::string{text_in(request, "json")});
}
json::object forward_remove(Daemon& daemon, const json::object& request) {
  const auto name = text_in(request, "name");
  answers::remove_forward(daemon, name);
  return {{"removed", name}};
}
json::object quotas(Daemon& daemon, const json::object&) { return answers::quotas(daemon); }
json::object quota_reset(Daemon& daemon, const json::object& request) {
  return answers::reset_quota(daemon, text_in(request, "key"));
}
json::object quota_raise(Daemon& daemon, const json::object& request) {
  const auto* const bytes = request.if_contains("bytes");
  return answers::raise_quota(daemon, text_in(request, "key"), bytes != nullptr ? *bytes : json::value{});
}
json::object usage(Daemon& daemon, const json::object& request) {
  return answers::usage(daemon, text_in(request, "name"), text_or_nothing(request, "by"),
                        number_in(request, "last", answers::kUsageLast));
}
json::object clients(Daemon& daemon, const json::object& request) {
  return answers::clients(daemon, text_or_nothing(request, "name"), number_in(request, "top", answers::kClientsTop));
}

json::object watches(Daemon& daemon, const json::object&) { return answers::watches(daemon); }
json::object watch(Daemon& daemon, const json::object& request) {
  return answers::watch(daemon, text_in(request, "name"), text_or_nothing(request, "window"),
                        number_in(request, "top", answers::kListTop));
}
json::object tallies(Daemon& daemon, const json::object&) { return answers::tallies(daemon); }
json::object tally(Daemon& daemon, const json::object& request) {
  return answers::tally(daemon, text_in(request, "name"), number_in(request, "top", answers::kListTop));
}

struct Route {
  std::string_view name;
  Answer (*answer)(Daemon&, json::object, ControlReply&);
};

constexpr std::array kRoutes = {
    Route{"status", status},
    Route{"why", why},
    Route{"events", events},
    Route{"start", start},
    Route{"stop", stop},
    Route{"keep", keep},
    Route{"reload", reload},
    Route{"forwards", answer<forwards>},
    Route{"forward", answer<forward>},
    Route{"forward_add", answer<forward_add>},
    Route{"forward_change", answer<forward_change>},
    Route{"forward_remove", answer<forward_remove>},
    Route{"quotas", answer<quotas>},
    Route{"quota_reset", answer<quota_reset>},
    Route{"quota_raise", answer<quota_raise>},
    Route{"usage", answer<usage>},
    Route{"clients", answer<clients>},
    Route{"watches", answer<watches>},
    Route{"watch", answer<watch>},
    Route{"tallies", answer<tallies>},
    Route{"tally", answer<tally>},
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
