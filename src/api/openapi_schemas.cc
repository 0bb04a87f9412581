// The schemas of the OpenAPI document: the fields of every answer, all of which are always there.
#include <boost/json.hpp>
#include <initializer_list>
#include <utility>

#include "api/openapi.h"

namespace tidegate {

namespace json = boost::json;

namespace {

using Properties = std::initializer_list<std::pair<std::string_view, json::object>>;

json::object text() { return {{"type", "string"}}; }
json::object flag() { return {{"type", "boolean"}}; }
json::object time() { return {{"type", "string"}, {"format", "date-time"}}; }
json::object count() { return {{"type", "integer"}, {"format", "int64"}, {"minimum", 0}}; }
json::object number() { return {{"type", "number"}}; }
json::object list_of(json::object items) { return {{"type", "array"}, {"items", std::move(items)}}; }
json::object or_null(json::object schema) {
  schema["nullable"] = true;
  return schema;
}
json::object one_of(std::initializer_list<json::value_ref> words) {
  return {{"type", "string"}, {"enum", json::array(words)}};
}
json::object any_of(std::initializer_list<json::value_ref> schemas) { return {{"anyOf", json::array(schemas)}}; }
json::object any_map() { return {{"type", "object"}, {"additionalProperties", true}}; }

// An object of exactly these fields, of which the first are always there.
json::object fields(Properties always, Properties sometimes = {}) {
  json::object properties;
  json::array required;
  required.reserve(always.size());
  for (const auto& [name, schema] : always) {
    properties[name] = schema;
    required.emplace_back(name);
  }
  for (const auto& [name, schema] : sometimes) properties[name] = schema;
  json::object object{{"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
  if (!required.empty()) object["required"] = std::move(required);
  return object;
}

json::object size() { return any_of({count(), text()}); }  // 1024, "10GB"

json::object state() { return one_of({"asleep", "waking", "awake", "stopping", "failed"}); }

// Of a service, or of a forward.
json::object health() {
  const auto state =
      one_of({"asleep", "waking", "awake", "stopping", "failed", "open", "cut", "rejecting", "throttled"});
  return fields({{"status", one_of({"ok", "failed"})}, {"service", text()}, {"state", state}}, {{"error", text()}});
}

json::object service() {
  const auto packet = fields({{"protocol", text()},
                              {"source", text()},
                              {"destination", text()},
                              {"bytes", count()},
                              {"at", time()},
                              {"sensor", text()},
                              {"class", one_of({"wake", "keep", "ignore"})}});
  const auto device = fields({{"name", text()},
                              {"mode", one_of({"tun", "tap"})},
                              {"held", flag()},
                              {"packets", count()},
                              {"trouble", text()}});
  const auto queue = fields({{"holding", flag()},
                             {"waiting", count()},
                             {"clients", count()},
                             {"held", count()},
                             {"let_go", count()},
                             {"repeated", count()},
                             {"dropped_full", count()},
                             {"dropped_old", count()},
                             {"dropped_failed", count()},
                             {"lost", count()}});
  return fields({{"name", text()},
                 {"state", state()},
                 {"since", time()},
                 {"for_seconds", number()},
                 {"sleeps_in_seconds", or_null(number())},
                 {"woken_by", or_null(packet)},
                 {"cause", text()},
                 {"clients", count()},
                 {"bytes_in", count()},
                 {"bytes_out", count()},
                 {"device", or_null(device)},
                 {"queue", or_null(queue)},
                 {"error", or_null(text())},
                 {"retry_in_seconds", or_null(number())}});
}

json::object counts() { return one_of({"payload", "ip packets"}); }  // what bytes are

json::object forward() {
  const auto target = fields(
      {{"target", text()}, {"weight", count()}, {"state", one_of({"up", "down", "unknown"})}, {"open", count()}});
  return fields({{"name", text()},
                 {"origin", one_of({"file", "api"})},
                 {"engine", one_of({"user", "kernel"})},
                 {"counts", counts()},
                 {"protocol", one_of({"tcp", "udp", "both"})},
                 {"listen", text()},
                 {"targets", list_of(target)},
                 {"service", or_null(text())},
                 {"state", one_of({"open", "cut", "rejecting", "throttled"})},
                 {"upload", count()},
                 {"download", count()},
                 {"connections", count()},
                 {"sessions", count()},
                 {"errors", count()},
                 {"refused", count()},
                 {"dropped", count()},
                 {"open_connections", count()},
                 {"open_sessions", count()},
                 {"waiting", count()},
                 {"quotas", list_of(text())}});
}

json::object usage() {
  const auto total = fields({{"upload", count()},
                             {"download", count()},
                             {"connections", count()},
                             {"sessions", count()},
                             {"errors", count()}});
  const auto period = fields({{"start", time()},
                              {"upload", count()},
                              {"download", count()},
                              {"connections", count()},
                              {"sessions", count()},
                              {"errors", count()}});
  return fields({{"forward", text()},
                 {"by", one_of({"hour", "day", "month"})},
                 {"counts", counts()},
                 {"periods", list_of(period)},
                 {"total", total}});
}

json::object quota() {
  return fields({{"key", text()},
                 {"forwards", list_of(text())},
                 {"bytes", count()},
                 {"every", one_of({"none", "hour", "day", "week", "month"})},
                 {"count", one_of({"sum", "upload", "download", "larger"})},
                 {"action", one_of({"cut", "reject", "throttle"})},
                 {"period", text()},
                 {"starts", or_null(time())},
                 {"ends", or_null(time())},
                 {"used", count()},
                 {"left", count()},
                 {"percentage", number()},
                 {"exceeded", flag()},
                 {"warn", list_of(count())}});
}

// Of something that is counted in bounded memory: at most `count`, and at least `count` - `error`.
json::object ranked(Properties more = {}) {
  auto object = fields({{"name", text()}, {"count", count()}, {"error", count()}, {"certain", flag()}});
  for (const auto& [name, schema] : more) {
    object["properties"].as_object()[name] = schema;
    object["required"].as_array().emplace_back(name);
  }
  return object;
}

json::object alert() {
  const auto change = fields({{"watch", text()},
                              {"alert", text()},
                              {"state", one_of({"raised", "recovered"})},
                              {"at", time()},
                              {"value", or_null(number())},
                              {"when", text()},
                              {"over", number()},
                              {"requests", count()},
                              {"responses", count()},
                              {"errors", count()},
                              {"latency", or_null(number())},
                              {"text", text()}});
  return fields({{"name", text()},
                 {"when", text()},
                 {"over", number()},
                 {"state", one_of({"raised", "clear"})},
                 {"value", or_null(number())},
                 {"history", list_of(change)}});
}

// The counts of its own are since the watch began, those in_window and all below of the window.
json::object watch() {
  const auto times =
      fields({{"known", count()}, {"p50", or_null(number())}, {"p95", or_null(number())}, {"p99", or_null(number())}});
  const auto rate = fields(
      {{"now", number()}, {"least", or_null(number())}, {"mean", or_null(number())}, {"most", or_null(number())}});
  const auto in_window = fields({{"requests", count()},
                                 {"responses", count()},
                                 {"errors", count()},
                                 {"incomplete", count()},
                                 {"request_bytes", count()},
                                 {"response_bytes", count()}});
  const auto classes = fields(
      {{"1xx", count()}, {"2xx", count()}, {"3xx", count()}, {"4xx", count()}, {"5xx", count()}, {"other", count()}});
  const auto section = ranked({{"responses", count()},
                               {"classes", classes},
                               {"request_bytes", count()},
                               {"response_bytes", count()},
                               {"times", times}});
  const auto losses = fields({{"dropped_packets", count()},
                              {"undecoded_packets", count()},
                              {"gap_bytes", count()},
                              {"resynchronisations", count()},
                              {"evicted_streams", count()},
                              {"unanswered", count()},
                              {"tls_connections", count()},
                              {"http2_connections", count()},
                              {"other_connections", count()}});
  return fields({{"watch", text()},
                 {"at", time()},
                 {"window", number()},
                 {"covered", number()},
                 {"requests", count()},
                 {"responses", count()},
                 {"errors", count()},
                 {"incomplete", count()},
                 {"request_bytes", count()},
                 {"response_bytes", count()},
                 {"in_window", in_window},
                 {"rate", rate},
                 {"times", times},
                 {"sections", list_of(section)},
                 {"hosts", list_of(ranked())},
                 {"clients", list_of(ranked())},
                 {"statuses", list_of(ranked())},
                 {"methods", list_of(ranked())},
                 {"time_error", number()},
                 {"unattributed", count()},
                 {"losses", losses},
                 {"alerts", list_of(alert())}});
}

// Of a source or a port at most `connections`, and at least `connections` - `error`; what is not shown has at most
// `error` of the tally.
json::object tally() {
  const auto port = fields({{"port", count()}, {"connections", count()}, {"error", count()}});
  const auto source =
      fields({{"source", text()}, {"connections", count()}, {"error", count()}, {"ports", list_of(port)}});
  return fields({{"tally", text()},
                 {"connections", count()},
                 {"pending", count()},
                 {"given_up", count()},
                 {"error", count()},
                 {"ports_error", count()},
                 {"sources", list_of(source)}});
}

// As in traffic-monitor's documentation.
json::object proxy_stats() {
  const auto used = fields({{"used", count()},
                            {"used_human", text()},
                            {"remaining", count()},
                            {"remaining_human", text()},
                            {"percentage", number()}});
  const auto total =
      fields({{"upload", count()}, {"download", count()}, {"upload_human", text()}, {"download_human", text()}});
  const auto monthly = fields({{"month", text()},
                               {"upload", count()},
                               {"download", count()},
                               {"upload_human", text()},
                               {"download_human", text()}});
  return fields({{"name", text()},
                 {"protocol", one_of({"tcp", "udp", "both"})},
                 {"listen_port", count()},
                 {"target_port", count()},
                 {"total", total},
                 {"monthly", monthly}},
                {{"limit", count()},
                 {"limit_human", text()},
                 {"limit_exceeded", flag()},
                 {"usage", used},
                 {"limit_monthly", count()},
                 {"limit_monthly_human", text()},
                 {"limit_monthly_exceeded", flag()},
                 {"usage_monthly", used}});
}

// The keys of a forward in the configuration, whose documentation says what each may be.
json::object forward_settings() {
  const auto port = any_of({count(), text()});  // 10001, "10000-19999"
  const auto networks = any_of({text(), list_of(text())});
  return fields({}, {{"name", text()},
                     {"protocol", one_of({"tcp", "udp", "both"})},
                     {"listen", text()},
                     {"listen_port", port},
                     {"target_host", text()},
                     {"target_port", port},
                     {"targets", list_of(any_of({text(), any_map()}))},
                     {"balance", one_of({"round_robin", "least_connections", "source"})},
                     {"check", any_of({text(), any_map()})},
                     {"service", text()},
                     {"engine", text()},
                     {"hold", any_map()},
                     {"idle_connections", one_of({"keep", "traffic"})},
                     {"limit", size()},
                     {"limit_monthly", size()},
                     {"limit_action", one_of({"cut", "reject", "throttle"})},
                     {"limit_throttle", any_of({count(), text()})},
                     {"quota", any_map()},
                     {"rate", any_map()},
                     {"connections", any_map()},
                     {"allow", networks},
                     {"deny", networks},
                     {"timeouts", any_map()},
                     {"proxy_protocol", any_map()},
                     {"transparent", flag()},
                     {"udp_sessions", count()},
                     {"udp_sessions_each_client", count()}});
}

}  // namespace

json::object openapi_schemas() {
  return {
      {"Error", fields({{"error", text()}})},
      {"Text", text()},
      {"Document", any_map()},
      {"Health", fields({{"status", one_of({"ok"})}})},
      {"ServiceHealth", health()},
      {"Service", service()},
      {"Keep", fields({{"for_seconds", number()}})},
      {"Forward", forward()},
      {"ForwardSettings", forward_settings()},
      {"Usage", usage()},
      {"Quota", quota()},
      {"Raise", fields({{"bytes", size()}})},
      {"Client", fields({{"forward", text()},
                         {"client", text()},
                         {"upload", count()},
                         {"download", count()},
                         {"connections", count()},
                         {"open", count()}})},
      {"Watch", watch()},
      {"Tally", tally()},
      {"Event", fields({{"at", time()}, {"service", text()}, {"event", text()}, {"text", text()}, {"id", count()}})},
      {"ProxyStats", proxy_stats()}};
}

}  // namespace tidegate
