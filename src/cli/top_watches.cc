#include "cli/top_watches.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <boost/json.hpp>
#include <ranges>

namespace tidegate::cli {

namespace json = boost::json;
using console::Cell;
using console::Row;
using console::Section;
using console::Tone;

namespace {

constexpr std::size_t kMostListed = 5;  // of a list beneath a row

const json::object& object_of(const json::object& answer, std::string_view name) {
  static const json::object nothing;
  const auto* const value = answer.if_contains(name);
  return value != nullptr && value->is_object() ? value->get_object() : nothing;
}

Cell number_cell(const json::object& object, std::string_view name, std::string_view format) {
  const auto value = number_of(object, name);
  return {.text = value ? fmt::format(fmt::runtime(format), *value) : "–", .value = value};
}

Cell time_cell(const json::object& times, std::string_view name) {
  const auto seconds = number_of(times, name);
  if (!seconds) return {.text = "–"};
  const auto time = std::chrono::duration_cast<Duration>(std::chrono::duration<double>{*seconds});
  return {.text = format_latency(time), .value = seconds};
}

Cell errors_cell(const json::object& counts) {
  const auto responses = number(counts, "responses");
  if (responses == 0) return {.text = "–", .tone = Tone::faint};
  const auto share = number(counts, "errors") / responses;
  return {.text = fmt::format("{:.1f}%", share * 100), .value = share, .tone = share > 0 ? Tone::warning : Tone::plain};
}

// The names of the alerts that are raised.
Cell alerts_cell(const json::object& watch) {
  std::vector<std::string> raised;
  const auto alerts = objects_of(watch, "alerts");
  for (const json::object& alert : alerts) {
    if (text_of(alert, "state") == "raised") raised.push_back(text_of(alert, "name"));
  }
  if (!raised.empty()) return {.text = fmt::format("{}", fmt::join(raised, ", ")), .tone = Tone::bad};
  return {.text = alerts.empty() ? "–" : "clear", .tone = alerts.empty() ? Tone::faint : Tone::good};
}

Cell losses_cell(const json::object& watch) {
  double lost = 0;
  for (const auto& field : object_of(watch, "losses")) {
    if (field.value().is_number()) lost += field.value().to_number<double>();
  }
  return {.text = lost > 0 ? "yes" : "no", .value = lost, .tone = lost > 0 ? Tone::warning : Tone::faint};
}

// "sections: /fish 12, /eel 3".
void add_list(const json::object& watch, std::string_view name, std::vector<std::string>& lines) {
  std::vector<std::string> words;
  for (const json::object& item : objects_of(watch, name) | std::views::take(kMostListed))
    words.push_back(fmt::format("{} {}", text_of(item, "name"), count_of(item, "count")));
  if (!words.empty()) lines.push_back(fmt::format("{}: {}", name, fmt::join(words, ", ")));
}

std::vector<std::string> details_of(const json::object& watch) {
  std::vector<std::string> lines{fmt::format("in {}: {} requests, {} responses", duration_of(watch, "window"),
                                             count_of(object_of(watch, "in_window"), "requests"),
                                             count_of(object_of(watch, "in_window"), "responses"))};
  for (const auto* const name : {"sections", "hosts", "clients", "statuses", "methods"}) add_list(watch, name, lines);
  for (const json::object& alert : objects_of(watch, "alerts")) {
    lines.push_back(fmt::format("alert {} ({} over {}): {}", text_of(alert, "name"), text_of(alert, "when"),
                                duration_of(alert, "over"), text_of(alert, "state")));
  }
  for (const auto& field : object_of(watch, "losses")) {
    if (!field.value().is_number() || field.value().to_number<double>() == 0) continue;
    lines.push_back(fmt::format("not in these figures: {:.0f} {}", field.value().to_number<double>(),
                                std::string_view{field.key()}));
  }
  return lines;
}

}  // namespace

Section watches_section(const TopAnswers& answers) {
  Section section{.name = "http",
                  .columns = {{.title = "WATCH", .weight = 1, .min_width = 12},
                              {.title = "ALERTS", .weight = 2, .min_width = 6},
                              {.title = "REQ/s", .right = true},
                              {.title = "MEAN", .right = true, .rank = 4},
                              {.title = "MOST", .right = true, .rank = 5},
                              {.title = "ERRORS", .right = true, .rank = 1},
                              {.title = "P50", .right = true, .rank = 6},
                              {.title = "P95", .right = true, .rank = 2},
                              {.title = "P99", .right = true, .rank = 7},
                              {.title = "REQUESTS", .right = true, .rank = 3},
                              {.title = "LOSSES", .right = true, .rank = 8}},
                  .empty = "no watch is configured"};
  section.rows.reserve(answers.watches.size());
  for (const json::object& watch : objects_in(answers.watches)) {
    Row row{.key = text_of(watch, "watch"), .details = details_of(watch)};
    const auto& rate = object_of(watch, "rate");
    const auto& times = object_of(watch, "times");
    row.cells = {{.text = row.key},
                 alerts_cell(watch),
                 number_cell(rate, "now", "{:.0f}"),
                 number_cell(rate, "mean", "{:.1f}"),
                 number_cell(rate, "most", "{:.0f}"),
                 errors_cell(object_of(watch, "in_window")),
                 time_cell(times, "p50"),
                 time_cell(times, "p95"),
                 time_cell(times, "p99"),
                 number_cell(watch, "requests", "{:.0f}"),
                 losses_cell(watch)};
    section.rows.push_back(std::move(row));
  }
  return section;
}

}  // namespace tidegate::cli
