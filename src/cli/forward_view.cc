#include "cli/forward_view.h"

#include <fmt/ranges.h>

#include <boost/json.hpp>

#include "cli/fields.h"
#include "cli/print.h"

namespace tidegate::cli {

namespace json = boost::json;

namespace {

// "127.0.0.1:10000, 10.0.0.2:10000 (down)": what is as it should be is not said.
std::string targets(const json::object& forward) {
  std::vector<std::string> words;
  for (const json::object& target : objects_of(forward, "targets")) {
    const auto state = text_of(target, "state");
    words.push_back(text_of(target, "target") + (state == "up" ? "" : " (" + state + ")"));
  }
  return fmt::format("{}", fmt::join(words, ", "));
}

std::vector<std::string> row(const json::object& forward) {
  const auto open =
      number_of(forward, "open_connections").value_or(0) + number_of(forward, "open_sessions").value_or(0);
  std::vector<std::string> cells{text_of(forward, "name"),
                                 text_of(forward, "state"),
                                 text_of(forward, "protocol"),
                                 text_of(forward, "listen"),
                                 targets(forward),
                                 fmt::format("{:.0f}", open),
                                 bytes_of(forward, "upload"),
                                 bytes_of(forward, "download"),
                                 count_of(forward, "errors"),
                                 count_of(forward, "refused")};
  if (number_of(forward, "waiting").value_or(0) > 0)
    cells.push_back(fmt::format("{} waiting for {}", count_of(forward, "waiting"), text_of(forward, "service")));
  return cells;
}

}  // namespace

std::vector<std::string> forward_table(const json::object& answer) {
  std::vector<std::vector<std::string>> rows;
  for (const json::object& forward : objects_of(answer, "forwards")) rows.push_back(row(forward));
  if (rows.empty()) return {};
  return table({{"FORWARD"},
                {"STATE"},
                {"PROTOCOL"},
                {"LISTENS ON"},
                {"LEADS TO"},
                {"OPEN", true},
                {"UPLOAD", true},
                {"DOWNLOAD", true},
                {"ERRORS", true},
                {"REFUSED", true}},
               rows);
}

std::vector<std::string> forward_lines(const json::object& forward) {
  std::vector<std::string> lines{fmt::format(
      "{} is {}: {} on {}{}, {}", text_of(forward, "name"), text_of(forward, "state"), text_of(forward, "protocol"),
      text_of(forward, "listen"), text_of(forward, "engine") == "kernel" ? ", by the kernel" : "",
      text_of(forward, "origin") == "api" ? "added at run time" : "of the configuration")};
  for (const json::object& target : objects_of(forward, "targets")) {
    lines.push_back(fmt::format("  leads to    {} ({}, weight {}, {} open)", text_of(target, "target"),
                                text_of(target, "state"), count_of(target, "weight"), count_of(target, "open")));
  }
  if (const auto service = text_of(forward, "service"); !service.empty())
    lines.push_back(fmt::format("  wakes       {} ({} clients waiting)", service, count_of(forward, "waiting")));
  lines.push_back(fmt::format("  now         {} connections, {} sessions", count_of(forward, "open_connections"),
                              count_of(forward, "open_sessions")));
  lines.push_back(fmt::format("  carried     {} up, {} down{}", bytes_of(forward, "upload"),
                              bytes_of(forward, "download"),
                              text_of(forward, "counts") == "ip packets" ? ", of IP packets with their headers" : ""));
  lines.push_back(fmt::format("  in all      {} connections, {} sessions, {} errors", count_of(forward, "connections"),
                              count_of(forward, "sessions"), count_of(forward, "errors")));
  lines.push_back(fmt::format("  turned away {} clients, {} datagrams dropped", count_of(forward, "refused"),
                              count_of(forward, "dropped")));
  if (const auto* const quotas = forward.if_contains("quotas"); quotas != nullptr && quotas->is_array()) {
    for (const auto& key : quotas->get_array()) {
      if (key.is_string()) lines.push_back(fmt::format("  quota       {}", std::string_view{key.get_string()}));
    }
  }
  return lines;
}

}  // namespace tidegate::cli
