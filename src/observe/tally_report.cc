#include "observe/tally_report.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <iterator>
#include <utility>
#include <vector>

#include "api/json_text.h"
#include "base/units.h"

namespace tidegate::tally_report {
namespace {

struct OutcomeName {
  std::string_view name;
  std::uint64_t TallyOutcomes::* value;
};
constexpr std::array kOutcomes = {
    OutcomeName{"established", &TallyOutcomes::established},
    OutcomeName{"refused", &TallyOutcomes::refused},
    OutcomeName{"unanswered", &TallyOutcomes::unanswered},
    OutcomeName{"retransmitted", &TallyOutcomes::retransmitted},
};

// A source under the name it is shown by.
using Named = std::pair<std::string, const TallyReport::Source*>;

std::vector<Named> named(const TallyReport& report, const Pseudonyms& names) {
  std::vector<Named> sources;
  sources.reserve(report.sources.size());
  for (const auto& source : report.sources) sources.emplace_back(names.of(source.address), &source);
  // The report's own order among equals is that of the addresses, which a pseudonym is to hide.
  std::ranges::sort(sources, [](const Named& a, const Named& b) {
    return a.second->count != b.second->count ? a.second->count > b.second->count : a.first < b.first;
  });
  return sources;
}

void put_count(std::string& line, std::uint64_t count, std::uint64_t error) {
  fmt::format_to(std::back_inserter(line), "{}", count);
  if (error > 0) fmt::format_to(std::back_inserter(line), "(-{})", error);
}

// Adds a source's fields.
void put_source(boost::json::object& object, const std::string& name, const TallyReport::Source& source) {
  object.emplace("source", name);
  object.emplace("connections", source.count);
  object.emplace("error", source.error);
  auto& ports = object["ports"].emplace_array();
  ports.reserve(source.ports.size());
  for (const auto& [number, count, error] : source.ports) {
    auto& port = ports.emplace_back(nullptr).emplace_object();
    port.emplace("port", number);
    port.emplace("connections", count);
    port.emplace("error", error);
  }
}

}  // namespace

std::string text(const TallyReport& report, const Pseudonyms& names, Outcomes outcomes) {
  std::string lines;
  for (const auto& [name, source] : named(report, names)) {
    lines += name + ":";
    put_count(lines, source->count, source->error);
    for (const auto& [port, count, error] : source->ports) {
      fmt::format_to(std::back_inserter(lines), " {}:", port);
      put_count(lines, count, error);
    }
    if (outcomes == Outcomes::shown) {
      lines += " attempted:";
      put_count(lines, source->count, source->error);
      for (const auto& [outcome, value] : kOutcomes)
        fmt::format_to(std::back_inserter(lines), " {}:{}", outcome, source->outcomes.*value);
    }
    lines += '\n';
  }
  return lines;
}

std::string json(const TallyReport& report, const Pseudonyms& names, Outcomes outcomes, WallTime at) {
  std::string lines;
  const auto time = format_rfc3339(at);
  std::array<unsigned char, 4096> room;  // NOLINT(cppcoreguidelines-pro-type-member-init): memory of a line's values
  for (const auto& [name, source] : named(report, names)) {
    boost::json::monotonic_resource memory{room.data(), room.size()};
    boost::json::value line(boost::json::object_kind, &memory);  // in braces it would be a list of both
    auto& object = line.get_object();
    object.emplace("at", time);
    put_source(object, name, *source);
    if (outcomes == Outcomes::shown) {
      object["attempted"] = source->count;
      for (const auto& [outcome, value] : kOutcomes) object[outcome] = source->outcomes.*value;
    }
    lines += json_text(line) + "\n";
  }
  return lines;
}

boost::json::object object(std::string_view tally, const TallyReport& report, const Pseudonyms& names) {
  boost::json::array sources;
  sources.reserve(report.sources.size());
  for (const auto& [name, source] : named(report, names))
    put_source(sources.emplace_back(nullptr).emplace_object(), name, *source);
  return {{"tally", tally},
          {"connections", report.connections},
          {"pending", report.pending},
          {"given_up", report.given_up},
          {"error", report.sources_floor},
          {"ports_error", report.ports_floor},
          {"sources", std::move(sources)}};
}

void add_metrics(MetricsText& metrics, std::string_view tally, const TallyReport& report, const Pseudonyms& names,
                 Outcomes outcomes) {
  auto& all = metrics.counter("tidegate_tally_connections_total", "TCP connections counted, of all sources.");
  all.add({{"tally", tally}}, report.connections);
  metrics
      .counter(
          "tidegate_tally_given_up_total",
          "Connections that were forgotten before they were answered; each may be counted again with its next SYN.")
      .add({{"tally", tally}}, report.given_up);
  metrics.gauge("tidegate_tally_error", "TCP connections that a source which is not shown can have at the most.")
      .add({{"tally", tally}}, report.sources_floor);
  metrics
      .gauge("tidegate_tally_ports_error",
             "TCP connections that a port which is not shown can have at the most, beyond its source's error.")
      .add({{"tally", tally}}, report.ports_floor);
  auto& sources = metrics.gauge("tidegate_tally_source_connections",
                                "TCP connections of a source; one that makes way for a bigger one is left out.");
  auto& errors = metrics.gauge("tidegate_tally_source_error", "By how much a source's connections can be too many.");
  auto& ports = metrics.gauge("tidegate_tally_port_connections", "TCP connections of a source to a port.");
  const auto shown = named(report, names);
  for (const auto& [name, source] : shown) {
    sources.add({{"tally", tally}, {"source", name}}, source->count);
    errors.add({{"tally", tally}, {"source", name}}, source->error);
    for (const auto& port : source->ports)
      ports.add({{"tally", tally}, {"source", name}, {"port", std::to_string(port.port)}}, port.count);
  }
  if (outcomes == Outcomes::left_out) return;
  auto& ends = metrics.counter("tidegate_tally_outcomes_total",
                               "What became of the connections counted, of all sources; retransmitted: their SYNs.");
  auto& ends_by_source = metrics.gauge("tidegate_tally_source_outcomes", "What became of a source's connections.");
  for (const auto& [outcome, value] : kOutcomes) {
    ends.add({{"tally", tally}, {"outcome", outcome}}, report.outcomes.*value);
    for (const auto& [name, source] : shown)
      ends_by_source.add({{"tally", tally}, {"source", name}, {"outcome", outcome}}, source->outcomes.*value);
  }
}

}  // namespace tidegate::tally_report
