#include "api/openapi.h"

#include <array>
#include <boost/json.hpp>

#include "base/check.h"
#include "base/text.h"

namespace tidegate {

namespace json = boost::json;

namespace {

constexpr std::string_view kText = "text/plain";

constexpr std::array kOperations = {
    ApiOperation{"GET", "/health", "health", "Whether tidegate answers.", "Health", "", "", "", 200, false},
    ApiOperation{"GET", "/health/{service}", "service_health",
                 "Whether a service or forward is well: asleep is, failed is not (503).", "ServiceHealth", "", "", "",
                 200, false},
    ApiOperation{"GET", "/metrics", "metrics", "Everything that is counted, for Prometheus.", "Text", "", "", "", 200,
                 true, kText},
    ApiOperation{"GET", "/api/stats", "stats", "All forwards, as traffic-monitor answers.", "ProxyStats", "proxies"},
    ApiOperation{"GET", "/api/stats/{name}", "proxy_stats", "One forward, as traffic-monitor answers.", "ProxyStats"},
    ApiOperation{"GET", "/api/v1/services", "services", "All services.", "Service", "services"},
    ApiOperation{"GET", "/api/v1/services/{name}", "service", "One service.", "Service"},
    ApiOperation{"POST", "/api/v1/services/{name}/start", "start_service", "Starts a service.", "Service"},
    ApiOperation{"POST", "/api/v1/services/{name}/stop", "stop_service", "Stops a service.", "Service"},
    ApiOperation{"POST", "/api/v1/services/{name}/keep", "keep_service", "Keeps a service awake for a time.", "Service",
                 "", "Keep"},
    ApiOperation{"GET", "/api/v1/forwards", "forwards", "All forwards.", "Forward", "forwards"},
    ApiOperation{"POST", "/api/v1/forwards", "add_forward", "Adds a forward, which is kept in the store.", "Forward",
                 "", "ForwardSettings", "", 201},
    ApiOperation{"GET", "/api/v1/forwards/{name}", "forward", "One forward.", "Forward"},
    ApiOperation{"PUT", "/api/v1/forwards/{name}", "change_forward", "Gives a forward of the API other settings.",
                 "Forward", "", "ForwardSettings"},
    ApiOperation{"DELETE", "/api/v1/forwards/{name}", "remove_forward", "Removes a forward of the API.", "", "", "", "",
                 204},
    ApiOperation{"GET", "/api/v1/forwards/{name}/usage", "usage", "What a forward carried, by hour, day or month.",
                 "Usage", "", "", "by last"},
    ApiOperation{"GET", "/api/v1/forwards/{name}/clients", "forward_clients",
                 "The clients of a forward, biggest first.", "Client", "clients", "", "top"},
    ApiOperation{"GET", "/api/v1/quotas", "quotas", "All quotas.", "Quota", "quotas"},
    ApiOperation{"GET", "/api/v1/quotas/{key}", "quota", "One quota.", "Quota"},
    ApiOperation{"POST", "/api/v1/quotas/{key}/reset", "reset_quota", "Counts from nothing again.", "Quota"},
    ApiOperation{"POST", "/api/v1/quotas/{key}/raise", "raise_quota", "Allows more bytes in this period.", "Quota", "",
                 "Raise"},
    ApiOperation{"GET", "/api/v1/clients", "clients", "The clients of all forwards, biggest first.", "Client",
                 "clients", "", "top"},
    ApiOperation{"GET", "/api/v1/events", "events", "What happened, oldest first.", "Event", "events", "",
                 "last service"},
    ApiOperation{"GET", "/api/v1/stream", "stream",
                 "Server-sent events: event, forward and service, as they come; after Last-Event-ID, the events since.",
                 "Text", "", "", "", 200, true, "text/event-stream"},
    ApiOperation{"GET", "/api/v1/openapi.json", "openapi", "This document.", "Document"},
};

json::object reference(std::string_view schema) { return {{"$ref", fmt::format("#/components/schemas/{}", schema)}}; }

json::object content(std::string_view type, json::object schema) {
  return {{type, json::object{{"schema", std::move(schema)}}}};
}

struct QueryParameter {
  std::string_view name;
  std::string_view description;
};
constexpr std::array kQuery = {
    QueryParameter{"by", "the length of a period; hour if it is not given"},
    QueryParameter{"last", "so many of the newest"},
    QueryParameter{"top", "so many of the biggest"},
    QueryParameter{"service", "only those of this service"},
};

json::object query_parameter(std::string_view name) {
  const auto* const known = std::ranges::find(kQuery, name, &QueryParameter::name);
  TIDEGATE_CHECK(known != kQuery.end());
  json::object schema{{"type", "string"}};
  if (name == "by") schema["enum"] = {"hour", "day", "month"};
  if (name == "last" || name == "top") schema = {{"type", "integer"}, {"minimum", 1}};
  return {
      {"name", name}, {"in", "query"}, {"description", known->description}, {"required", false}, {"schema", schema}};
}

json::array parameters_of(const ApiOperation& operation) {
  json::array parameters;
  for (const auto segment : split(operation.path, '/')) {
    if (!segment.starts_with('{')) continue;
    parameters.push_back(json::object{{"name", segment.substr(1, segment.size() - 2)},
                                      {"in", "path"},
                                      {"required", true},
                                      {"schema", json::object{{"type", "string"}}}});
  }
  for (const auto name : split(operation.query, ' ')) parameters.push_back(query_parameter(name));
  return parameters;
}

json::object answer_schema(const ApiOperation& operation) {
  if (operation.list.empty()) return reference(operation.answer);
  return {{"type", "object"},
          {"required", json::array{operation.list}},
          {"properties",
           json::object{{operation.list, json::object{{"type", "array"}, {"items", reference(operation.answer)}}}}},
          {"additionalProperties", false}};
}

json::object describe(const ApiOperation& operation) {
  json::object success{{"description", operation.summary}};
  if (!operation.answer.empty()) success["content"] = content(operation.type, answer_schema(operation));
  json::object responses{{std::to_string(operation.status), std::move(success)}};
  if (operation.id == "service_health") {
    responses["503"] = {{"description", "The service has failed."},
                        {"content", content("application/json", reference(operation.answer))}};
  }
  responses["default"] = {{"description", "It was refused, or it failed."},
                          {"content", content("application/json", reference("Error"))}};
  json::object described{
      {"operationId", operation.id},
      {"summary", operation.summary},
      {"parameters", parameters_of(operation)},
      {"responses", std::move(responses)},
      {"security", operation.needs_token ? json::array{json::object{{"token", json::array{}}}} : json::array{}}};
  if (!operation.body.empty()) {
    described["requestBody"] = {{"required", true},
                                {"content", content("application/json", reference(operation.body))}};
  }
  return described;
}

std::string lower_case(std::string_view method) {
  std::string lower;
  for (const char c : method) lower += static_cast<char>(c | 0x20);
  return lower;
}

}  // namespace

std::span<const ApiOperation> api_operations() { return kOperations; }

json::object openapi_document(std::string_view version) {
  json::object paths;
  for (const auto& operation : kOperations) {
    auto& path = paths[operation.path];
    if (path.is_null()) path = json::object{};
    path.as_object()[lower_case(operation.method)] = describe(operation);
  }
  const json::object token{{"type", "http"}, {"scheme", "bearer"}};
  return {{"openapi", "3.0.3"},
          {"info", json::object{{"title", "tidegate"},
                                {"version", version},
                                {"description", "Times are RFC 3339 in UTC, sizes are bytes, durations are seconds."}}},
          {"paths", std::move(paths)},
          {"components",
           json::object{{"securitySchemes", json::object{{"token", token}}}, {"schemas", openapi_schemas()}}}};
}

}  // namespace tidegate
