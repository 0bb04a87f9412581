#include "cli/top_board.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <functional>
#include <ranges>

#include "base/units.h"
#include "cli/fields.h"
#include "cli/forward_view.h"
#include "cli/print.h"
#include "cli/top_watches.h"

namespace tidegate::cli {

namespace json = boost::json;
using console::Cell;
using console::Row;
using console::Section;
using console::Tone;

namespace {

constexpr std::size_t kTrend = 12;       // rates in a row's sparkline
constexpr std::size_t kLongTrend = 200;  // and in that of all together, as far as the screen is wide
constexpr std::size_t kMostMessages = 100;

struct Window {
  std::string_view name;
  Duration length;
};
constexpr std::array kWindows = {Window{"rates of now", Duration::zero()},
                                 Window{"rates of 10 s", std::chrono::seconds{10}},
                                 Window{"rates of 1 min", std::chrono::minutes{1}}};

struct Toned {
  std::string_view word;
  Tone tone;
};
constexpr std::array kStates = {Toned{"awake", Tone::good},     Toned{"asleep", Tone::faint},
                                Toned{"waking", Tone::warning}, Toned{"stopping", Tone::warning},
                                Toned{"failed", Tone::bad},     Toned{"cut", Tone::bad},
                                Toned{"rejecting", Tone::bad},  Toned{"throttled", Tone::warning}};
constexpr std::array kEvents = {
    Toned{"start failed", Tone::bad},  Toned{"stop failed", Tone::bad},      Toned{"gone", Tone::warning},
    Toned{"quota reached", Tone::bad}, Toned{"quota warned", Tone::warning}, Toned{"target down", Tone::bad},
    Toned{"target up", Tone::good},    Toned{"trouble", Tone::bad},          Toned{"ready", Tone::good},
    Toned{"stored", Tone::warning},    Toned{"alert raised", Tone::bad},     Toned{"alert recovered", Tone::good},
    Toned{"held", Tone::good}};

template <std::size_t kSize>
Tone tone_of(const std::array<Toned, kSize>& tones, std::string_view word) {
  const auto found = std::ranges::find(tones, word, &Toned::word);
  return found == tones.end() ? Tone::plain : found->tone;
}

Cell count_cell(double count) { return {.text = fmt::format("{:.0f}", count), .value = count}; }

Cell bytes_cell(double bytes) {
  return {.text = format_bytes(static_cast<std::uint64_t>(std::max(bytes, 0.0))), .value = bytes};
}

std::string rate_text(std::optional<double> rate) {
  return rate ? format_rate(static_cast<std::uint64_t>(std::max(*rate, 0.0))) : "–";
}

// Nothing that moves is seen at once, and so is what does.
Cell rate_cell(std::optional<double> rate) {
  return {.text = rate_text(rate), .value = rate, .tone = rate && *rate > 0 ? Tone::plain : Tone::faint};
}

Cell duration_cell(const json::object& object, std::string_view name) {
  return {.text = duration_of(object, name), .value = number_of(object, name)};
}

Cell state_cell(const json::object& object) {
  const auto state = text_of(object, "state");
  return {.text = state, .tone = tone_of(kStates, state)};
}

// "203.0.113.7:50311 udp/8211", or who else woke it.
std::string woken_by(const json::object& service) {
  const auto* const packet = service.if_contains("woken_by");
  if (packet == nullptr || !packet->is_object()) return text_of(service, "cause");
  const auto destination = text_of(packet->get_object(), "destination");
  return fmt::format("{} {}/{}", text_of(packet->get_object(), "source"), text_of(packet->get_object(), "protocol"),
                     destination.substr(destination.rfind(':') + 1));
}

std::string trouble_of(const json::object& service) {
  auto text = text_of(service, "error");
  if (!text.empty() && number_of(service, "retry_in_seconds"))
    text += ", again in " + duration_of(service, "retry_in_seconds");
  return text;
}

std::vector<std::string> service_details(const json::object& service) {
  std::vector<std::string> lines{
      fmt::format("{} since {}", text_of(service, "state"), local_time(text_of(service, "since")))};
  if (const auto* const value = service.if_contains("woken_by"); value != nullptr && value->is_object()) {
    const auto& packet = value->get_object();
    lines.push_back(fmt::format("woken by {} {} → {}, {} bytes, sensor {}, class {}, at {}",
                                text_of(packet, "protocol"), text_of(packet, "source"), text_of(packet, "destination"),
                                count_of(packet, "bytes"), text_of(packet, "sensor"), text_of(packet, "class"),
                                local_time(text_of(packet, "at"))));
  } else if (const auto cause = text_of(service, "cause"); !cause.empty()) {
    lines.push_back("woken by " + cause);
  }
  if (auto trouble = trouble_of(service); !trouble.empty()) lines.push_back(std::move(trouble));
  return lines;
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

}  // namespace

void TopBoard::take(TopAnswers answers, Now now) {
  answers_ = std::move(answers);
  now_ = now;
  trouble_.clear();
  for (auto& [key, flow] : flows_) flow.there = false;
  Moved all;
  const auto add = [&](const Moved& moved) {
    all.in += moved.in;
    all.out += moved.out;
  };
  for (const json::object& service : objects_of(answers_.status, "services"))
    add(count(key_of("service", service), number(service, "bytes_in"), number(service, "bytes_out")));
  for (const json::object& forward : objects_of(answers_.status, "forwards")) {
    const auto moved = count(key_of("forward", forward), number(forward, "upload"), number(forward, "download"));
    if (text_of(forward, "service").empty()) add(moved);  // else the service has counted it
  }
  for (const json::object& client : objects_in(answers_.clients))
    count(key_of("client", client), number(client, "upload"), number(client, "download"));
  const auto& before = flow(std::string{kAll});
  count(std::string{kAll}, before.sum_in + all.in, before.sum_out + all.out);
  std::erase_if(flows_, [](const auto& entry) { return !entry.second.there; });
}

TopBoard::Moved TopBoard::count(const std::string& key, double in, double out) {
  const auto [entry, fresh] = flows_.try_emplace(key);
  auto& flow = entry->second;
  const Moved moved{fresh ? 0 : std::max(in - flow.sum_in, 0.0), fresh ? 0 : std::max(out - flow.sum_out, 0.0)};
  flow.in.add(now_.instant, in);
  flow.out.add(now_.instant, out);
  if (in < flow.sum_in || out < flow.sum_out) flow.base_in = flow.base_out = 0;  // the daemon has begun anew
  flow.sum_in = in;
  flow.sum_out = out;
  flow.there = true;
  return moved;
}

const TopBoard::Flow& TopBoard::flow(const std::string& key) const {
  static const Flow still;
  const auto found = flows_.find(key);
  return found == flows_.end() ? still : found->second;
}

void TopBoard::reset() {
  for (auto& [key, flow] : flows_) {
    flow.base_in = flow.sum_in;
    flow.base_out = flow.sum_out;
  }
}

void TopBoard::next_window() { window_ = (window_ + 1) % kWindows.size(); }

// The five columns that services, forwards and clients have in common.
void TopBoard::add_flow(std::vector<Cell>& cells, const Flow& flow) const {
  const auto window = kWindows[window_].length;
  const auto in = flow.in.rate(window);
  const auto out = flow.out.rate(window);
  auto trend = flow.in.trend(kTrend);
  const auto back = flow.out.trend(kTrend);
  for (std::size_t i = 0; i < trend.size(); ++i) trend[i] += back[i];
  cells.push_back(rate_cell(in));
  cells.push_back(rate_cell(out));
  cells.push_back({.value = in && out ? std::optional{*in + *out} : std::nullopt, .trend = std::move(trend)});
  cells.push_back(bytes_cell(flow.sum_in - flow.base_in));
  cells.push_back(bytes_cell(flow.sum_out - flow.base_out));
}

Section TopBoard::services() const {
  Section section{.name = "services",
                  .columns = {{.title = "SERVICE", .weight = 1, .min_width = 12},
                              {.title = "STATE"},
                              {.title = "SINCE", .right = true, .rank = 4},
                              {.title = "SLEEPS IN", .right = true, .rank = 3},
                              {.title = "WOKEN BY", .weight = 2, .min_width = 15, .rank = 5},
                              {.title = "CLIENTS", .right = true, .rank = 1},
                              {.title = "IN/s", .right = true},
                              {.title = "OUT/s", .right = true},
                              {.title = "RATE", .right = true, .rank = 2},
                              {.title = "IN", .right = true, .rank = 6},
                              {.title = "OUT", .right = true, .rank = 6},
                              {.title = "TROUBLE", .weight = 3, .min_width = 10, .rank = 7}},
                  .empty = "no service is configured"};
  for (const json::object& service : objects_of(answers_.status, "services")) {
    Row row{.key = text_of(service, "name"), .details = service_details(service)};
    row.cells = {{.text = row.key},
                 state_cell(service),
                 duration_cell(service, "for_seconds"),
                 duration_cell(service, "sleeps_in_seconds"),
                 {.text = woken_by(service)},
                 count_cell(number(service, "clients"))};
    add_flow(row.cells, flow(key_of("service", service)));
    row.cells.push_back({.text = trouble_of(service), .tone = Tone::bad});
    section.rows.push_back(std::move(row));
  }
  return section;
}

Section TopBoard::forwards() const {
  Section section{.name = "forwards",
                  .columns = {{.title = "FORWARD", .weight = 1, .min_width = 12},
                              {.title = "STATE"},
                              {.title = "LISTENS ON", .weight = 2, .min_width = 10, .rank = 4},
                              {.title = "OPEN", .right = true},
                              {.title = "WAITING", .right = true, .rank = 5},
                              {.title = "IN/s", .right = true},
                              {.title = "OUT/s", .right = true},
                              {.title = "RATE", .right = true, .rank = 2},
                              {.title = "IN", .right = true, .rank = 1},
                              {.title = "OUT", .right = true, .rank = 1},
                              {.title = "REFUSED", .right = true, .rank = 6},
                              {.title = "ERRORS", .right = true, .rank = 6}},
                  .empty = "no forward is configured"};
  for (const json::object& forward : objects_of(answers_.status, "forwards")) {
    Row row{.key = text_of(forward, "name"), .details = forward_lines(forward)};
    const double waiting = number(forward, "waiting");
    const double errors = number(forward, "errors");
    row.cells = {{.text = row.key},
                 state_cell(forward),
                 {.text = fmt::format("{} {}", text_of(forward, "protocol"), text_of(forward, "listen"))},
                 count_cell(open_of(forward)),
                 count_cell(waiting)};
    add_flow(row.cells, flow(key_of("forward", forward)));
    row.cells.push_back(count_cell(number(forward, "refused")));
    row.cells.push_back(count_cell(errors));
    row.cells[4].tone = waiting > 0 ? Tone::warning : Tone::faint;
    row.cells.back().tone = errors > 0 ? Tone::warning : Tone::faint;
    section.rows.push_back(std::move(row));
  }
  return section;
}

Section TopBoard::clients() const {
  Section section{.name = "clients",
                  .columns = {{.title = "CLIENT", .weight = 1, .min_width = 15},
                              {.title = "FORWARD", .weight = 2, .min_width = 8, .rank = 1},
                              {.title = "OPEN", .right = true},
                              {.title = "CONNECTIONS", .right = true, .rank = 4},
                              {.title = "IN/s", .right = true},
                              {.title = "OUT/s", .right = true},
                              {.title = "RATE", .right = true, .rank = 2},
                              {.title = "IN", .right = true, .rank = 3},
                              {.title = "OUT", .right = true, .rank = 3}},
                  .empty = "no client yet"};
  section.rows.reserve(answers_.clients.size());
  for (const json::object& client : objects_in(answers_.clients)) {
    Row row{.key = key_of("client", client)};
    row.cells = {{.text = text_of(client, "client")},
                 {.text = text_of(client, "forward")},
                 count_cell(number(client, "open")),
                 count_cell(number(client, "connections"))};
    add_flow(row.cells, flow(row.key));
    section.rows.push_back(std::move(row));
  }
  return section;
}

std::vector<console::Message> TopBoard::events() const {
  std::vector<console::Message> messages;
  messages.reserve(std::min(answers_.events.size(), kMostMessages));
  const auto today = format_date_time(now_.wall).substr(0, 10);
  const auto all = objects_in(answers_.events);
  for (const json::object& event : all | std::views::reverse | std::views::take(kMostMessages)) {
    const auto kind = text_of(event, "event");
    const auto text = text_of(event, "text");
    const auto at = local_time(text_of(event, "at"));
    messages.push_back(
        {.at = at.starts_with(today) ? at.substr(today.size() + 1) : at,
         .text = fmt::format("{} {}{}{}", text_of(event, "service"), kind, text.empty() ? "" : ": ", text),
         .tone = tone_of(kEvents, kind)});
  }
  return messages;
}

std::string TopBoard::losses() const {
  std::vector<std::string> words;
  for (const json::object& sensor : objects_of(answers_.status, "sensors")) {
    const auto* const listening = sensor.if_contains("listening");
    if (listening != nullptr && listening->is_bool() && !listening->get_bool())
      words.push_back(fmt::format("{} is not listening: {}", text_of(sensor, "name"), text_of(sensor, "trouble")));
    const auto dropped = number(sensor, "dropped_kernel") + number(sensor, "dropped_interface");
    if (dropped > 0)
      words.push_back(fmt::format("{}: {:.0f} packets dropped unseen", text_of(sensor, "name"), dropped));
  }
  return fmt::format("{}", fmt::join(words, "; "));
}

void TopBoard::add_figures(console::View& view) const {
  const auto& all = flow(std::string{kAll});
  const auto window = kWindows[window_].length;
  std::size_t services = 0;
  std::size_t awake = 0;
  double open = 0;
  for (const json::object& service : objects_of(answers_.status, "services")) {
    ++services;
    if (text_of(service, "state") == "awake") ++awake;
  }
  for (const json::object& forward : objects_of(answers_.status, "forwards")) open += open_of(forward);
  view.figures = {{.name = "in", .value = rate_text(all.in.rate(window))},
                  {.name = "out", .value = rate_text(all.out.rate(window))},
                  {.name = "awake", .value = fmt::format("{} of {}", awake, services)},
                  {.name = "open", .value = fmt::format("{:.0f}", open)}};
  view.sparklines = {{"in", rate_text(all.in.rate(Duration::zero())), all.in.trend(kLongTrend)},
                     {"out", rate_text(all.out.rate(Duration::zero())), all.out.trend(kLongTrend)}};
}

console::View TopBoard::view() const {
  console::View view{.title = "tidegate top · " + daemon_,
                     .clock = format_time_of_day(now_.wall),
                     .losses = losses(),
                     .messages_title = "EVENTS",
                     .no_messages = "nothing has happened yet",
                     .messages = events(),
                     .trouble = trouble_,
                     .window = std::string{kWindows[window_].name},
                     .can_reset = true};
  add_figures(view);
  for (auto section : {services(), forwards(), clients()}) view.sections.push_back(std::move(section));
  if (!answers_.watches.empty()) view.sections.push_back(watches_section(answers_));
  return view;
}

json::object TopBoard::object() const {
  const auto with_rates = [&](std::string_view kind, const Objects& objects) {
    json::array list;
    for (const json::object& object : objects) {
      auto copy = object;
      const auto& moved = flow(key_of(kind, object));
      const auto rate = [](std::optional<double> value) { return value ? json::value(*value) : json::value(nullptr); };
      copy["in_per_second"] = rate(moved.in.rate(Duration::zero()));
      copy["out_per_second"] = rate(moved.out.rate(Duration::zero()));
      list.push_back(std::move(copy));
    }
    return list;
  };
  json::object all = answers_.status;
  all["at"] = format_rfc3339(now_.wall);
  all["services"] = with_rates("service", objects_of(answers_.status, "services"));
  all["forwards"] = with_rates("forward", objects_of(answers_.status, "forwards"));
  all["clients"] = with_rates("client", objects_in(answers_.clients));
  all["events"] = answers_.events;
  all["watches"] = answers_.watches;
  return all;
}

std::vector<std::string> TopBoard::csv() const {
  std::vector<std::string> lines;
  const auto at = format_rfc3339(now_.wall);
  const auto add = [&](std::string_view kind, const json::object& object, const std::string& name,
                       std::string_view state, double clients) {
    const auto& moved = flow(key_of(kind, object));
    const auto rate = [](std::optional<double> value) { return value ? fmt::format("{:.0f}", *value) : std::string{}; };
    lines.push_back(fmt::format("{},{},{},{},{:.0f},{:.0f},{:.0f},{},{}", at, kind, csv_field(name), state, clients,
                                moved.sum_in, moved.sum_out, rate(moved.in.rate(Duration::zero())),
                                rate(moved.out.rate(Duration::zero()))));
  };
  for (const json::object& service : objects_of(answers_.status, "services"))
    add("service", service, text_of(service, "name"), text_of(service, "state"), number(service, "clients"));
  for (const json::object& forward : objects_of(answers_.status, "forwards"))
    add("forward", forward, text_of(forward, "name"), text_of(forward, "state"), open_of(forward));
  for (const json::object& client : objects_in(answers_.clients)) {
    add("client", client, fmt::format("{} {}", text_of(client, "client"), text_of(client, "forward")), "",
        number(client, "open"));
  }
  return lines;
}

}  // namespace tidegate::cli
