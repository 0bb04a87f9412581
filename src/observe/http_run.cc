#include "observe/http_run.h"

#include <fmt/ranges.h>

#include "alert/report.h"
#include "api/json_text.h"
#include "base/log.h"
#include "base/units.h"
#include "console/glyph.h"
#include "console/plain.h"
#include "observe/http_view.h"
#include "observe/watch_report.h"

namespace tidegate {

namespace {

constexpr std::size_t kMostMessages = 100;

}  // namespace

HttpRun::HttpRun(const HttpCommand& command, const Pseudonyms& names, const HttpPrinter& print, std::uint64_t seed)
    : command_{command},
      names_{names},
      printing_{print},
      watch_{command.watch, seed,
             [this](const AlertSettings& alert, const AlertChange& change) { changed(alert, change); }} {}

void HttpRun::act(console::Action action) {
  if (action == console::Action::reset) watch_.reset();
  if (action == console::Action::next_window) chosen_ = (chosen_ + 1) % command_.watch.windows.size();
}

console::View HttpRun::view(Now now) {
  HttpScreen screen{.watched = watched_in_words(command_), .chosen = chosen_, .has_alerts = !watch_.alerts().empty()};
  screen.reports.reserve(command_.watch.windows.size());
  for (const auto window : command_.watch.windows) screen.reports.push_back(watch_.report(now, window, command_.most));
  screen.alerts = messages_;
  auto view = http_view(screen, names_);
  view.trouble = trouble_;
  return view;
}

std::string HttpRun::lines(Now now) {
  auto view = this->view(now);
  view.messages.clear();  // they are printed when they come
  std::string text;
  for (const auto& line : console::plain_lines(view, command_.charset)) text += line + '\n';
  return text;
}

std::string HttpRun::object(Now now) {
  const auto report = watch_.report(now, command_.watch.windows.back(), command_.most);
  if (command_.format == HttpFormat::csv) return watch_report::csv(command_.watch.name, report) + '\n';
  return json_text(watch_report::object(command_.watch.name, report, watch_.alerts(), names_)) + '\n';
}

bool HttpRun::print_figures(Now now) {
  if (command_.format == HttpFormat::text) return printing_.print(lines(now));
  std::string text;
  if (command_.format == HttpFormat::csv && !std::exchange(titled_, true))
    text = fmt::format("{}\n", watch_report::kCsvTitles);
  return printing_.print(text + object(now));
}

void HttpRun::changed(const AlertSettings& alert, const AlertChange& change) {
  const auto text = alert_text(alert, change);
  // Its time stands in the text: without another one in front the whole of it fits into 80 columns.
  keep({.text = text, .tone = change.raised ? console::Tone::bad : console::Tone::good});
  if (alerts_go_ == Alerts::logged) log::info("{}", text);
  if (alerts_go_ == Alerts::printed && !printing_.print(console::as_shown(text, command_.charset) + '\n'))
    unread_ = true;
  if (hand_ != nullptr) hand_->carry_out(command_.watch.name, alert, change);
}

void HttpRun::say(std::string text, WallTime at) {
  log::warn("{}", text);
  keep({.at = format_time_of_day(at), .text = std::move(text), .tone = console::Tone::warning});
}

void HttpRun::keep(console::Message message) {
  messages_.push_front(std::move(message));
  if (messages_.size() > kMostMessages) messages_.pop_back();
}

std::string watched_in_words(const HttpCommand& command) {
  const auto& watch = command.watch;
  std::string words = "any port";
  if (!watch.ports.empty())
    words = fmt::format("port{} {}", watch.ports.size() > 1 ? "s" : "", fmt::join(watch.ports, ", "));
  if (watch.address) words += " of " + watch.address->to_string();
  if (command.savefiles.empty()) return words + " on " + watch.interface;
  const auto& first = command.savefiles.front();
  words += " in " + (first == "-" ? "standard input" : first);
  if (command.savefiles.size() > 1) words += fmt::format(" and {} more", command.savefiles.size() - 1);
  return words;
}

}  // namespace tidegate
