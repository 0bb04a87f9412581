#include "daemon/report.h"

#include <boost/json.hpp>

#include "base/units.h"
#include "daemon/shown.h"

namespace tidegate::report {

namespace json = boost::json;

namespace {

double seconds(Duration duration) {
  return std::chrono::duration<double>(std::chrono::round<std::chrono::milliseconds>(duration)).count();
}

json::value seconds_until(std::optional<Instant> moment, Now now) {
  if (!moment) return nullptr;
  return std::max(0.0, seconds(*moment - now.instant));
}

WallTime wall(Instant moment, Now now) { return now.wall + (moment - now.instant); }

json::value device(const Service& service) {
  const auto status = service.device();
  if (!status) return nullptr;
  return json::object{{"name", status->settings.name},
                      {"mode", to_string(status->settings.mode)},
                      {"held", status->held},
                      {"packets", status->packets},
                      {"trouble", status->trouble}};
}

json::value queue(const Service& service) {
  const auto status = service.queue();
  if (!status) return nullptr;
  const auto& counts = status->counts;
  return json::object{{"holding", status->holding},
                      {"waiting", status->waiting},
                      {"clients", status->clients},
                      {"held", counts.held},
                      {"let_go", counts.let_go},
                      {"repeated", counts.repeated},
                      {"dropped_full", counts.dropped_full},
                      {"dropped_old", counts.dropped_old},
                      {"dropped_failed", counts.dropped_failed},
                      {"lost", counts.lost}};
}

json::object packet(const Service& service) {
  const auto& [sample, meaning] = *service.gate().woken_by();
  auto ends = shown_endpoints(sample, service.names(), service.own());
  return {{"protocol", to_string(sample.flow.protocol)},
          {"source", std::move(ends.source)},
          {"destination", std::move(ends.destination)},
          {"bytes", sample.bytes},
          {"at", format_rfc3339(sample.at.wall)},
          {"sensor", service.woken_by_sensor()},
          {"class", to_string(meaning)}};
}

}  // namespace

json::object service(Service& service, Now now) {
  service.refresh();
  const auto& gate = service.gate();
  const auto seen = service.seen(now.instant - kClientFor);
  const auto forwarded = service.forwarded();
  json::object line{{"name", service.settings().name},
                    {"state", to_string(gate.state())},
                    {"since", format_rfc3339(gate.since().wall)},
                    {"for_seconds", seconds(now.instant - gate.since().instant)},
                    {"sleeps_in_seconds", seconds_until(gate.sleeps_at(now), now)},
                    {"woken_by", nullptr},
                    {"cause", gate.cause()},
                    {"clients", seen.clients.size() + forwarded.clients.size()},
                    {"bytes_in", seen.bytes_in + forwarded.in},
                    {"bytes_out", seen.bytes_out + forwarded.out},
                    {"device", device(service)},
                    {"queue", queue(service)},
                    {"error", nullptr},
                    {"retry_in_seconds", seconds_until(gate.retry_at(), now)}};
  if (gate.woken_by()) line["woken_by"] = packet(service);
  if (!gate.last_error().empty()) line["error"] = gate.last_error();
  return line;
}

json::object why(Service& watched, Now now) {
  const auto& gate = watched.gate();
  auto answer = service(watched, now);
  answer["took"] = watched.start_took();
  answer["idle_seconds"] = seconds(watched.settings().gate.idle);
  answer["kept_by"] = gate.kept_by(now);
  answer["keep_until"] = gate.keep_until() ? json::value(format_rfc3339(*gate.keep_until())) : json::value(nullptr);
  const auto sleeps_at = gate.sleeps_at(now);
  answer["sleeps_at"] = sleeps_at ? json::value(format_rfc3339(wall(*sleeps_at, now))) : json::value(nullptr);
  answer["veto"] = watched.settings().veto ? json::value(watched.settings().veto->to_string()) : json::value(nullptr);
  json::array clients;
  for (const auto& client : watched.seen(now.instant - kClientFor).clients) {
    clients.push_back(json::object{{"client", watched.names().of(client.endpoint)},
                                   {"protocol", to_string(client.protocol)},
                                   {"bytes_in", client.bytes_in},
                                   {"bytes_out", client.bytes_out},
                                   {"packets", client.packets},
                                   {"last_seconds_ago", seconds(now.instant - client.last)}});
  }
  for (const auto& client : watched.forwarded().clients) {
    clients.push_back(json::object{{"client", client.address ? watched.names().of(client.address) : "unix"},
                                   {"open", client.open},
                                   {"bytes_in", client.upload},
                                   {"bytes_out", client.download}});
  }
  answer["client_list"] = std::move(clients);
  return answer;
}

json::object sensor(const SensorStatus& status) {
  json::object answer{{"name", status.name},
                      {"listening", status.listening},
                      {"trouble", status.trouble},
                      {"packets", status.packets},
                      {"rejected", status.rejected},
                      {"dropped_kernel", status.dropped_kernel},
                      {"dropped_interface", status.dropped_interface}};
  if (status.overruns) answer["overruns"] = *status.overruns;
  if (status.handed_up) answer["handed_up"] = *status.handed_up;
  return answer;
}

json::object event(const Event& event) {
  return {{"at", format_rfc3339(event.at)},
          {"service", event.service},
          {"event", to_string(event.kind)},
          {"text", event.text},
          {"id", event.id}};
}

}  // namespace tidegate::report
