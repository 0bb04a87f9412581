#include "observe/watch_report.h"

#include <fmt/ranges.h>

#include <array>
#include <boost/json.hpp>

#include "alert/report.h"
#include "base/text.h"
#include "base/units.h"

namespace tidegate::watch_report {

namespace json = boost::json;

namespace {

json::value seconds(const std::optional<Duration>& time) {
  if (!time) return nullptr;
  return std::chrono::duration<double>(*time).count();
}

json::object times(const HttpTimes& times) {
  return {
      {"known", times.known}, {"p50", seconds(times.p50)}, {"p95", seconds(times.p95)}, {"p99", seconds(times.p99)}};
}

json::object counts(const HttpCounts& counts) {
  return {{"requests", counts.requests},
          {"responses", counts.responses},
          {"errors", counts.errors},
          {"incomplete", counts.incomplete},
          {"request_bytes", counts.request_bytes},
          {"response_bytes", counts.response_bytes}};
}

template <class Key, class Name>
json::object ranked(const Ranked<Key>& entry, Name name) {
  return {{"name", name(entry.key)}, {"count", entry.count}, {"error", entry.error}, {"certain", entry.certain}};
}

template <class Key, class Name>
json::array list(const std::vector<Ranked<Key>>& entries, Name name) {
  json::array all;
  all.reserve(entries.size());
  for (const auto& entry : entries) all.push_back(ranked(entry, name));
  return all;
}

std::string text_name(const std::string& text) { return printable(text); }

json::object section(const HttpSection& section) {
  auto object = ranked(section.hits, text_name);
  json::object classes;
  for (std::size_t digit = 1; digit < section.classes.size(); ++digit)
    classes.emplace(fmt::format("{}xx", digit), section.classes[digit]);
  classes.emplace("other", section.classes[0]);
  object["responses"] = section.responses;
  object["classes"] = std::move(classes);
  object["request_bytes"] = section.request_bytes;
  object["response_bytes"] = section.response_bytes;
  object["times"] = times(section.times);
  return object;
}

json::object rate(const HttpRate& rate) {
  return {{"now", rate.now},
          {"least", rate.least ? json::value(*rate.least) : json::value()},
          {"mean", rate.mean ? json::value(*rate.mean) : json::value()},
          {"most", rate.most ? json::value(*rate.most) : json::value()}};
}

// What of the traffic the figures leave out: its name in JSON, and in words behind the number, of one and of several.
struct Loss {
  std::string_view key;
  std::string_view one;
  std::string_view several;
  std::uint64_t HttpLosses::* count;
};
constexpr std::array kLosses = {
    Loss{"dropped_packets", "packet dropped", "packets dropped", &HttpLosses::dropped_packets},
    Loss{"undecoded_packets", "packet not understood", "packets not understood", &HttpLosses::undecoded_packets},
    Loss{"gap_bytes", "byte missing", "bytes missing", &HttpLosses::gap_bytes},
    Loss{"resynchronisations", "resynchronisation", "resynchronisations", &HttpLosses::resynchronisations},
    Loss{"evicted_streams", "connection forgotten", "connections forgotten", &HttpLosses::evicted_streams},
    Loss{"unanswered", "request unanswered", "requests unanswered", &HttpLosses::unanswered},
    Loss{"tls_connections", "TLS connection not parsed", "TLS connections not parsed", &HttpLosses::tls_connections},
    Loss{"http2_connections", "HTTP/2 connection not parsed", "HTTP/2 connections not parsed",
         &HttpLosses::http2_connections},
    Loss{"other_connections", "connection of no HTTP", "connections of no HTTP", &HttpLosses::other_connections},
};

// Those that a line of CSV has before the columns of all the others.
bool stands_in_front(const Loss& loss) {
  return loss.count == &HttpLosses::dropped_packets || loss.count == &HttpLosses::gap_bytes;
}

json::object losses(const HttpLosses& losses) {
  json::object object;
  for (const auto& [kind, count] : loss_counts(losses)) object.emplace(kind, count);
  return object;
}

json::array alert_states(std::string_view watch, std::span<const Alert> alerts) {
  json::array states;
  states.reserve(alerts.size());
  for (const auto& alert : alerts) {
    json::array history;
    history.reserve(alert.history().size());
    for (const auto& change : alert.history()) history.push_back(alert_json(watch, alert.settings(), change));
    const auto value = alert.value();
    states.push_back({{"name", alert.settings().name},
                      {"when", alert.settings().when.to_string()},
                      {"over", std::chrono::duration<double>(alert.settings().over).count()},
                      {"state", alert.raised() ? "raised" : "clear"},
                      {"value", value ? json::value(*value) : json::value()},
                      {"history", std::move(history)}});
  }
  return states;
}

std::string csv_time(const std::optional<Duration>& time) {
  return time ? fmt::format("{:.6f}", std::chrono::duration<double>(*time).count()) : std::string{};
}

}  // namespace

json::object object(std::string_view watch, const HttpReport& report, std::span<const Alert> alerts,
                    const Pseudonyms& names) {
  auto object = counts(report.total);
  object["watch"] = watch;
  object["at"] = format_rfc3339(report.at);
  object["window"] = std::chrono::duration<double>(report.window).count();
  object["covered"] = std::chrono::duration<double>(report.covered).count();
  object["in_window"] = counts(report.in_window);
  object["rate"] = rate(report.rate);
  object["times"] = times(report.times);
  json::array sections;
  sections.reserve(report.sections.size());
  for (const auto& one : report.sections) sections.push_back(section(one));
  object["sections"] = std::move(sections);
  object["hosts"] = list(report.hosts, text_name);
  object["clients"] = list(report.clients, [&](const IpAddress& client) { return names.of(client); });
  object["statuses"] = list(report.statuses, [](std::uint16_t status) { return std::to_string(status); });
  object["methods"] = list(report.methods, text_name);
  object["time_error"] = report.time_error;
  object["unattributed"] = report.unattributed;
  object["losses"] = losses(report.losses);
  object["alerts"] = alert_states(watch, alerts);
  return object;
}

std::string csv(std::string_view watch, const HttpReport& report) {
  const auto& rate = report.rate;
  auto line = fmt::format(
      "{},{},{},{},{},{},{},{},{},{},{},{},{},{}", format_rfc3339(report.at), watch,
      std::chrono::duration<double>(report.window).count(), report.in_window.requests, report.in_window.responses,
      report.in_window.errors, rate.now, rate.mean ? fmt::format("{:.3f}", *rate.mean) : std::string{},
      rate.most ? std::to_string(*rate.most) : std::string{}, csv_time(report.times.p50), csv_time(report.times.p95),
      csv_time(report.times.p99), report.losses.dropped_packets, report.losses.gap_bytes);
  for (const auto& loss : kLosses) {
    if (!stands_in_front(loss)) line += fmt::format(",{}", report.losses.*loss.count);
  }
  return line + fmt::format(",{}", rate.least ? std::to_string(*rate.least) : std::string{});
}

std::vector<std::pair<std::string_view, std::uint64_t>> loss_counts(const HttpLosses& losses) {
  std::vector<std::pair<std::string_view, std::uint64_t>> counts;
  counts.reserve(kLosses.size());
  for (const auto& loss : kLosses) counts.emplace_back(loss.key, losses.*loss.count);
  return counts;
}

std::string losses_text(const HttpLosses& losses) {
  std::vector<std::string> words;
  for (const auto& loss : kLosses) {
    const auto count = losses.*loss.count;
    if (count > 0) words.push_back(fmt::format("{} {}", count, count == 1 ? loss.one : loss.several));
  }
  return fmt::format("{}", fmt::join(words, ", "));
}

}  // namespace tidegate::watch_report
