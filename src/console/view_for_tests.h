// Views that the tests of this folder show: one as of `tidegate top`, one as of `tidegate http`.
#pragma once

#include <fmt/format.h>

#include <string>

#include "console/view.h"

namespace tidegate::console {

inline Cell number(double value, std::string text = {}) {
  return {.text = text.empty() ? fmt::format("{:.0f}", value) : std::move(text), .value = value};
}

inline Row service(std::string name, Cell state, std::string woken_by, double clients, std::vector<double> trend,
                   std::string note = {}) {
  auto key = name;
  return {.key = std::move(key),
          .cells = {{.text = std::move(name)},
                    std::move(state),
                    {.text = std::move(woken_by)},
                    number(clients),
                    {.value = trend.empty() ? 0 : trend.back(), .trend = trend},
                    {.text = std::move(note), .tone = Tone::bad}},
          .details = {"since 18:02:11, sensor kernel on eth0", "took 4.2 s to be ready"}};
}

inline View top_view() {
  return {
      .title = "tidegate top · 4 services, 1 forward",
      .clock = "18:14:11",
      .figures = {{"in", "1.20 MB/s"}, {"out", "80.1 kB/s"}, {"awake", "1 of 4", Tone::good}, {"open", "12"}},
      .losses = "17 packets dropped before they were seen (pcap eth0)",
      .sparklines = {{"in", "1.20 MB/s", {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}},
                     {"out", "80.1 kB/s", {5, 4, 3, 2, 1, 0}}},
      .sections = {{.name = "services",
                    .columns = {{.title = "SERVICE"},
                                {.title = "STATE"},
                                {.title = "WOKEN BY", .weight = 1, .min_width = 8, .rank = 1},
                                {.title = "CLIENTS", .right = true},
                                {.title = "IN", .weight = 2, .min_width = 4, .rank = 2},
                                {.title = "", .weight = 1, .min_width = 12}},
                    .rows = {service("palworld", {.text = "awake", .tone = Tone::good}, "203.0.113.7:50311 udp/8211", 2,
                                     {1, 2, 3, 4, 5, 6, 7, 8}),
                             service("wiki", {.text = "failed", .tone = Tone::bad}, "198.51.100.9:40112 tcp/80", 0, {},
                                     "start exited 1, again in 38 s"),
                             service("日本語サービス", {.text = "asleep", .tone = Tone::faint}, "–", 0, {0, 0}),
                             service("mail", {.text = "waking", .tone = Tone::warning}, "operator", 10, {3, 0, 9})}},
                   {.name = "forwards",
                    .columns = {{.title = "FORWARD"},
                                {.title = "LISTENS ON", .weight = 1, .min_width = 6},
                                {.title = "OPEN", .right = true},
                                {.title = "UPLOAD", .right = true}},
                    .rows = {{.key = "web",
                              .cells = {{.text = "web"}, {.text = "*:10001"}, number(12), number(1e6, "976 KB")}}}},
                   {.name = "clients",
                    .columns = {{.title = "CLIENT"}, {.title = "OPEN", .right = true}},
                    .rows = {},
                    .empty = "no client yet"}},
      .messages_title = "EVENTS",
      .no_messages = "nothing has happened yet",
      .messages = {{"18:13:33", "wiki start failed: start exited 1", Tone::bad},
                   {"18:02:15", "palworld ready: after 4.2 s"},
                   {"18:02:11", "palworld woke: UDP 203.0.113.7:50311 → 192.0.2.10:8211"}},
      .window = "1 s",
      .can_reset = true};
}

inline Section popular(std::string name, std::string title, bool beside, std::size_t rows) {
  Section section{
      .name = std::move(name),
      .columns = {{.title = std::move(title), .weight = 1, .min_width = 8}, {.title = "HITS", .right = true}},
      .empty = "no request yet",
      .beside = beside};
  for (std::size_t i = 0; i < rows; ++i) {
    const auto path = fmt::format("/{}", std::string(3 + i * 9, static_cast<char>('a' + i)));
    section.rows.push_back({.key = path, .cells = {{.text = path}, number(static_cast<double>(100 - i * 10))}});
  }
  return section;
}

inline View http_view() {
  return {
      .title = "listening on eth0, TCP port 80",
      .clock = "12:34:57",
      .figures = {{"requests/s", "21"}, {"mean", "20.4"}, {"max", "104"}, {"errors", "0.2 %"}},
      .sections = {popular("10 s", "SECTION, LAST 10 s", false, 5), popular("10 m", "SECTION, LAST 10 min", true, 7)},
      .messages_title = "ALERTS",
      .no_messages = "none yet",
      .messages = {{"", "High traffic alert recovered at 21 Nov 12:36:56", Tone::good},
                   {"", "High traffic generated an alert - hits = 2401 triggered at 21 Nov 12:34:56", Tone::bad}}};
}

}  // namespace tidegate::console
