// The routes of the HTTP API, one row each; docs: the OpenAPI document (api/openapi.h), served among them.
#include <array>
#include <boost/asio.hpp>
#include <boost/json.hpp>
#include <charconv>

#include "api/openapi.h"
#include "base/text.h"
#include "daemon/answers.h"
#include "daemon/http_api.h"
#include "daemon/metrics_report.h"
#include "daemon/orders.h"
#include "observe/clock.h"

namespace tidegate {

namespace asio = boost::asio;
namespace json = boost::json;

namespace {

using Answer = asio::awaitable<ApiResponse>;
using ApiRow = HttpRow<HttpApi>;

// Most routes answer at once.
using Question = ApiResponse (*)(Daemon&, const ApiRequest&);

template <Question kQuestion>
Answer answer(HttpApi& api, ApiRequest request) {
  co_return kQuestion(api.daemon(), request);
}

std::string_view name_in(const ApiRequest& request) { return request.parameter("name"); }

std::size_t number_in(const ApiRequest& request, std::string_view name, std::size_t otherwise) {
  const auto text = request.query_value(name);
  if (!request.query.contains(name)) return otherwise;
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < 1 || number > answers::kMost) {
    throw HttpError{400, fmt::format("{}: \"{}\" is not a number (1 to {})", name, printable(text), answers::kMost)};
  }
  return number;
}

// The value of the one field that a request's body has.
json::value field_in(const ApiRequest& request, std::string_view field) {
  boost::system::error_code error;
  const auto body = json::parse(request.body, error);
  if (error) throw HttpError{400, "the body is not JSON: " + error.message()};
  const auto* const object = body.if_object();
  const auto* const value = object == nullptr ? nullptr : object->if_contains(field);
  if (value == nullptr || object->size() != 1) {
    throw HttpError{400, fmt::format("the body is to be a JSON object with the field {}, and no other", field)};
  }
  return *value;
}

// --- health and metrics

ApiResponse health(Daemon&, const ApiRequest&) { return json_response(json::object{{"status", "ok"}}); }

ApiResponse service_health(Daemon& daemon, const ApiRequest& request) {
  const auto name = request.parameter("service");
  if (const auto* const service = daemon.find(name)) {
    const auto& gate = service->gate();
    const bool failed = gate.state() == GateState::failed;
    json::object health{{"status", failed ? "failed" : "ok"}, {"service", name}, {"state", to_string(gate.state())}};
    if (failed) health["error"] = gate.last_error();
    return json_response(health, failed ? 503 : 200);
  }
  if (daemon.forwards().find(name) == nullptr) {
    return error_response(404, fmt::format("there is no service or forward \"{}\"", printable(name)));
  }
  return json_response(
      json::object{{"status", "ok"}, {"service", name}, {"state", answers::forward(daemon, name).at("state")}});
}

Answer metrics_text(HttpApi& api, ApiRequest) {
  auto& daemon = api.daemon();
  const auto now = system_now();
  MetricsText text;
  metrics::add_process(text, process_status(), TIDEGATE_VERSION);
  metrics::add_services(text, daemon.services(), now);
  metrics::add_sensors(text, daemon.sensors());
  metrics::add_forwards(text, answers::forward_views(daemon), now.instant);
  if (const auto* const books = daemon.forwards().accounting()) metrics::add_quotas(text, books->quotas());
  metrics::add_watches(text, daemon.observers().watches(), now);
  metrics::add_alert_actions(text, daemon.observers());
  metrics::add_tallies(text, daemon.observers().tallies(), daemon.names());
  if (const auto* const server = api.server()) {
    text.gauge("tidegate_api_clients", "Clients of the HTTP API connected now.").add({}, server->clients());
    text.counter("tidegate_api_refused_total", "Clients that the HTTP API turned away because of a bound.")
        .add({}, server->refused());
  }
  co_return ApiResponse{.content_type = std::string{MetricsText::kContentType}, .body = text.text(), .headers = {}};
}

// --- as traffic-monitor has them

ApiResponse stats(Daemon& daemon, const ApiRequest&) {
  const auto now = system_now().wall;
  json::array proxies;
  for (const auto& view : answers::forward_views(daemon)) proxies.push_back(report::proxy_stats(view, now));
  return json_response(json::object{{"proxies", std::move(proxies)}});
}

ApiResponse proxy_stats(Daemon& daemon, const ApiRequest& request) {
  for (const auto& view : answers::forward_views(daemon)) {
    if (view.entry->settings.name == name_in(request)) {
      return json_response(report::proxy_stats(view, system_now().wall));
    }
  }
  return error_response(404, "proxy not found");
}

// --- services

ApiResponse services(Daemon& daemon, const ApiRequest&) { return json_response(answers::services(daemon)); }

ApiResponse service(Daemon& daemon, const ApiRequest& request) {
  return json_response(answers::service(daemon, name_in(request)));
}

// What an order came to: the service as it is then; 503 where it did not come where it was to go.
Answer carried_out(Daemon& daemon, std::string name, asio::awaitable<Result<>> order) {
  const auto done = co_await std::move(order);
  if (!done) co_return error_response(503, done.error().what);
  co_return json_response(answers::service(daemon, name));
}

// The name of the service that the request is about, which is there.
std::string known_service(Daemon& daemon, const ApiRequest& request) {
  const auto service = service_named(daemon, name_in(request));
  if (!service) throw HttpError{404, service.error().what};
  return (*service)->settings().name;
}

Answer start(HttpApi& api, ApiRequest request) {
  const auto name = known_service(api.daemon(), request);
  co_return co_await carried_out(api.daemon(), name, start_service(api.daemon(), name));
}

Answer stop(HttpApi& api, ApiRequest request) {
  const auto name = known_service(api.daemon(), request);
  co_return co_await carried_out(api.daemon(), name, stop_service(api.daemon(), name));
}

Answer keep(HttpApi& api, ApiRequest request) {
  const auto name = known_service(api.daemon(), request);
  const auto seconds = field_in(request, "for_seconds");
  if (!seconds.is_number()) throw HttpError{400, "for_seconds is not a number"};
  const auto until = keep_until(seconds.to_number<double>(), system_now().wall);
  if (!until) throw HttpError{400, until.error().what};
  co_return co_await carried_out(api.daemon(), name, keep_service(api.daemon(), name, *until));
}

// --- forwards

ApiResponse forwards(Daemon& daemon, const ApiRequest&) { return json_response(answers::forwards(daemon)); }

ApiResponse forward(Daemon& daemon, const ApiRequest& request) {
  return json_response(answers::forward(daemon, name_in(request)));
}

ApiResponse add_forward(Daemon& daemon, const ApiRequest& request) {
  const auto added = answers::add_forward(daemon, request.body);
  auto response = json_response(added, 201);
  // A name has only letters that need no escape.
  const std::string_view name = added.at("name").as_string();
  response.headers.emplace_back("Location", fmt::format("/api/v1/forwards/{}", name));
  return response;
}

ApiResponse change_forward(Daemon& daemon, const ApiRequest& request) {
  return json_response(answers::change_forward(daemon, name_in(request), request.body));
}

ApiResponse remove_forward(Daemon& daemon, const ApiRequest& request) {
  answers::remove_forward(daemon, name_in(request));
  return {.status = 204, .content_type = {}, .body = {}, .headers = {}};
}

ApiResponse usage(Daemon& daemon, const ApiRequest& request) {
  return json_response(answers::usage(daemon, name_in(request), request.query_value("by"),
                                      number_in(request, "last", answers::kUsageLast)));
}

// Of one forward, or of all.
ApiResponse clients(Daemon& daemon, const ApiRequest& request) {
  return json_response(answers::clients(daemon, name_in(request), number_in(request, "top", answers::kClientsTop)));
}

// --- quotas: a key, "web/limit", is one segment with its slash escaped, or two

std::string key_in(const ApiRequest& request) {
  if (request.parameters.contains("key")) return std::string{request.parameter("key")};
  return fmt::format("{}/{}", request.parameter("owner"), request.parameter("kind"));
}

ApiResponse quotas(Daemon& daemon, const ApiRequest&) { return json_response(answers::quotas(daemon)); }

ApiResponse quota(Daemon& daemon, const ApiRequest& request) {
  return json_response(answers::quota(daemon, key_in(request)));
}

ApiResponse reset_quota(Daemon& daemon, const ApiRequest& request) {
  return json_response(answers::reset_quota(daemon, key_in(request)));
}

ApiResponse raise_quota(Daemon& daemon, const ApiRequest& request) {
  const auto key = key_in(request);
  [[maybe_unused]] const auto known = answers::quota(daemon, key);  // 404 goes before 400
  return json_response(answers::raise_quota(daemon, key, field_in(request, "bytes")));
}

// --- watches and tallies

ApiResponse watches(Daemon& daemon, const ApiRequest&) { return json_response(answers::watches(daemon)); }

ApiResponse watch(Daemon& daemon, const ApiRequest& request) {
  return json_response(answers::watch(daemon, name_in(request), request.query_value("window"),
                                      number_in(request, "top", answers::kListTop)));
}

ApiResponse tallies(Daemon& daemon, const ApiRequest&) { return json_response(answers::tallies(daemon)); }

ApiResponse tally(Daemon& daemon, const ApiRequest& request) {
  return json_response(answers::tally(daemon, name_in(request), number_in(request, "top", answers::kListTop)));
}

// --- the rest

ApiResponse events(Daemon& daemon, const ApiRequest& request) {
  return json_response(
      answers::events(daemon, request.query_value("service"), number_in(request, "last", answers::kEventsLast)));
}

ApiResponse openapi(Daemon&, const ApiRequest&) { return json_response(openapi_document(TIDEGATE_VERSION)); }

constexpr bool kOpen = false;  // without a token: a load balancer asks

constexpr std::array kRoutes = {
    ApiRow{"GET", "/health", answer<health>, nullptr, kOpen},
    ApiRow{"GET", "/health/{service}", answer<service_health>, nullptr, kOpen},
    ApiRow{"GET", "/metrics", metrics_text},
    ApiRow{"GET", "/api/stats", answer<stats>},
    ApiRow{"GET", "/api/stats/{name}", answer<proxy_stats>},
    ApiRow{"GET", "/api/v1/services", answer<services>},
    ApiRow{"GET", "/api/v1/services/{name}", answer<service>},
    ApiRow{"POST", "/api/v1/services/{name}/start", start},
    ApiRow{"POST", "/api/v1/services/{name}/stop", stop},
    ApiRow{"POST", "/api/v1/services/{name}/keep", keep},
    ApiRow{"GET", "/api/v1/forwards", answer<forwards>},
    ApiRow{"POST", "/api/v1/forwards", answer<add_forward>},
    ApiRow{"GET", "/api/v1/forwards/{name}", answer<forward>},
    ApiRow{"PUT", "/api/v1/forwards/{name}", answer<change_forward>},
    ApiRow{"DELETE", "/api/v1/forwards/{name}", answer<remove_forward>},
    ApiRow{"GET", "/api/v1/forwards/{name}/usage", answer<usage>},
    ApiRow{"GET", "/api/v1/forwards/{name}/clients", answer<clients>},
    ApiRow{"GET", "/api/v1/quotas", answer<quotas>},
    ApiRow{"GET", "/api/v1/quotas/{key}", answer<quota>},
    ApiRow{"GET", "/api/v1/quotas/{owner}/{kind}", answer<quota>},
    ApiRow{"POST", "/api/v1/quotas/{key}/reset", answer<reset_quota>},
    ApiRow{"POST", "/api/v1/quotas/{owner}/{kind}/reset", answer<reset_quota>},
    ApiRow{"POST", "/api/v1/quotas/{key}/raise", answer<raise_quota>},
    ApiRow{"POST", "/api/v1/quotas/{owner}/{kind}/raise", answer<raise_quota>},
    ApiRow{"GET", "/api/v1/clients", answer<clients>},
    ApiRow{"GET", "/api/v1/watches", answer<watches>},
    ApiRow{"GET", "/api/v1/watches/{name}", answer<watch>},
    ApiRow{"GET", "/api/v1/tallies", answer<tallies>},
    ApiRow{"GET", "/api/v1/tallies/{name}", answer<tally>},
    ApiRow{"GET", "/api/v1/events", answer<events>},
    ApiRow{"GET", "/api/v1/stream", nullptr, stream_changes},
    ApiRow{"GET", "/api/v1/openapi.json", answer<openapi>},
};

}  // namespace

std::span<const HttpRow<HttpApi>> http_routes() { return kRoutes; }

}  // namespace tidegate
