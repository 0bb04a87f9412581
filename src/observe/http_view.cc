#include "observe/http_view.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/units.h"
#include "observe/watch_report.h"

namespace tidegate {

using console::Cell;
using console::Column;
using console::Row;
using console::Section;
using console::Tone;

namespace {

constexpr std::size_t kPopular = 5;

std::string length_of(const HttpReport& report) { return config_duration(report.window); }

// "1234", or "≤1234" where the count is a bound: memory is bounded, and some of it may be another's.
std::string hits_text(std::uint64_t count, std::uint64_t error) {
  return error > 0 ? fmt::format("≤{}", count) : std::to_string(count);
}

Cell count_cell(std::uint64_t count, Tone tone = Tone::plain) {
  return {.text = std::to_string(count), .value = static_cast<double>(count), .tone = count > 0 ? tone : Tone::faint};
}

Cell bytes_cell(std::uint64_t bytes) { return {.text = format_bytes(bytes), .value = static_cast<double>(bytes)}; }

std::string time_text(const std::optional<Duration>& time) { return time ? format_latency(*time) : "–"; }

Cell time_cell(const std::optional<Duration>& time) {
  Cell cell{.text = time_text(time)};
  if (time) cell.value = std::chrono::duration<double>(*time).count();
  return cell;
}

template <class Key>
Cell hits_cell(const Ranked<Key>& entry) {
  return {.text = hits_text(entry.count, entry.error), .value = static_cast<double>(entry.count)};
}

template <class Key, class Name>
Section ranking(std::string name, std::string title, std::string counted, const std::vector<Ranked<Key>>& entries,
                Name name_of, bool beside) {
  Section section{.name = std::move(name),
                  .columns = {Column{.title = std::move(title), .weight = 1, .min_width = 8},
                              Column{.title = std::move(counted), .right = true}},
                  .empty = "none yet",
                  .beside = beside};
  section.rows.reserve(entries.size());
  for (const auto& entry : entries) {
    std::string key = name_of(entry.key);
    Row row{.key = key, .cells = {Cell{.text = key}, hits_cell(entry)}};
    if (entry.error > 0)
      row.details.push_back(fmt::format("at the least {}: memory is bounded", entry.count - entry.error));
    section.rows.push_back(std::move(row));
  }
  return section;
}

Section popular(const HttpReport& report, bool beside) {
  std::vector<Ranked<std::string>> hits;
  hits.reserve(kPopular);
  for (const auto& section : report.sections) {
    if (hits.size() < kPopular) hits.push_back(section.hits);
  }
  return ranking(
      "last " + length_of(report), fmt::format("MOST POPULAR SECTIONS, {}", length_of(report)), "HITS", hits,
      [](const std::string& name) { return name; }, beside);
}

Section sections_table(const HttpReport& report) {
  Section table{
      .name = "sections",
      .columns = {Column{.title = "SECTION", .weight = 1, .min_width = 8}, Column{.title = "HITS", .right = true},
                  Column{.title = "2XX", .right = true, .rank = 4}, Column{.title = "3XX", .right = true, .rank = 7},
                  Column{.title = "4XX", .right = true, .rank = 3}, Column{.title = "5XX", .right = true, .rank = 2},
                  Column{.title = "IN", .right = true, .rank = 8}, Column{.title = "OUT", .right = true, .rank = 5},
                  Column{.title = "P50", .right = true, .rank = 6}, Column{.title = "P95", .right = true, .rank = 1},
                  Column{.title = "P99", .right = true, .rank = 9}},
      .empty = "no requests in " + length_of(report)};
  table.rows.reserve(report.sections.size());
  for (const auto& section : report.sections) {
    Row row{.key = section.hits.key,
            .cells = {Cell{.text = section.hits.key}, hits_cell(section.hits), count_cell(section.classes[2]),
                      count_cell(section.classes[3]), count_cell(section.classes[4], Tone::warning),
                      count_cell(section.classes[5], Tone::bad), bytes_cell(section.request_bytes),
                      bytes_cell(section.response_bytes), time_cell(section.times.p50), time_cell(section.times.p95),
                      time_cell(section.times.p99)}};
    row.details.push_back(
        fmt::format("{} responses, {} of them timed to the first byte", section.responses, section.times.known));
    if (section.classes[0] > 0) row.details.push_back(fmt::format("{} of a status of 600 or more", section.classes[0]));
    if (section.hits.error > 0)
      row.details.push_back(
          fmt::format("hits: at the least {}: memory is bounded", section.hits.count - section.hits.error));
    table.rows.push_back(std::move(row));
  }
  return table;
}

void add_figures(console::View& view, const HttpReport& report) {
  const auto& rate = report.rate;
  const auto& window = report.in_window;
  const auto add = [&](std::string name, std::string value, Tone tone = Tone::plain) {
    view.figures.push_back({.name = std::move(name), .value = std::move(value), .tone = tone});
  };
  add("requests in the last second", std::to_string(rate.now));
  if (rate.mean)
    add("min/mean/max", fmt::format("{}/{:.1f}/{}", rate.least.value_or(0), *rate.mean, rate.most.value_or(0)));
  add("requests", std::to_string(report.total.requests));
  add("responses", std::to_string(report.total.responses));
  if (window.responses > 0) {
    const double share = static_cast<double>(window.errors) / static_cast<double>(window.responses);
    add("errors", fmt::format("{:.1f}%", share * 100), window.errors > 0 ? Tone::bad : Tone::good);
  }
  if (report.times.p50) {
    add("p50/p95/p99",
        fmt::format("{}/{}/{}", time_text(report.times.p50), time_text(report.times.p95), time_text(report.times.p99)));
  }
}

}  // namespace

console::View http_view(const HttpScreen& screen, const Pseudonyms& names) {
  const auto& chosen = screen.reports[std::min(screen.chosen, screen.reports.size() - 1)];
  console::View view{.title = "HTTP on " + screen.watched,
                     .clock = format_time_of_day(chosen.at),
                     .losses = watch_report::losses_text(chosen.losses),
                     .messages_title = screen.has_alerts ? "ALERTS" : "",
                     .no_messages = "no alert so far",
                     .messages_behind = screen.reports.size() > 1 ? 2 : 1,
                     .messages = {screen.alerts.begin(), screen.alerts.end()},
                     .window = screen.reports.size() > 1 ? "figures of " + length_of(chosen) : "",
                     .can_reset = true};
  add_figures(view, chosen);
  view.sparklines.push_back({.name = "requests/s",
                             .now = std::to_string(chosen.rate.now),
                             .values = {chosen.rate.recent.begin(), chosen.rate.recent.end()}});
  view.sections.push_back(popular(screen.reports.front(), false));
  if (screen.reports.size() > 1) view.sections.push_back(popular(screen.reports.back(), true));
  view.sections.push_back(sections_table(chosen));
  const auto as_it_is = [](const std::string& name) { return name; };
  view.sections.push_back(ranking("hosts", "HOST", "HITS", chosen.hosts, as_it_is, false));
  view.sections.push_back(ranking(
      "clients", "CLIENT", "HITS", chosen.clients, [&](const IpAddress& client) { return names.of(client); }, true));
  view.sections.push_back(ranking(
      "statuses", "STATUS", "RESPONSES", chosen.statuses, [](std::uint16_t status) { return std::to_string(status); },
      false));
  view.sections.push_back(ranking("methods", "METHOD", "HITS", chosen.methods, as_it_is, true));
  return view;
}

}  // namespace tidegate
