#include "daemon/answers.h"

#include <boost/json.hpp>

#include "api/http_server.h"
#include "api/json_text.h"
#include "base/text.h"
#include "base/units.h"
#include "daemon/orders.h"
#include "daemon/report.h"
#include "observe/clock.h"
#include "observe/tally_report.h"
#include "observe/watch_report.h"

namespace tidegate::answers {

namespace json = boost::json;

namespace {

ForwardView view_of(Forwards& forwards, const Forwards::Entry& entry) {
  return {&entry, forwards.runtime(entry.settings.name), forwards.accounting()};
}

// There is nothing of that kind and name; the name of one of these may be meant.
template <class Known, class Settings>
HttpError no_such(std::string_view kind, std::string_view name, const std::vector<Known>& there, Settings settings_of) {
  std::vector<std::string_view> names;
  names.reserve(there.size());
  for (const auto& known : there) names.emplace_back(settings_of(known).name);
  return HttpError{404, fmt::format("there is no {} \"{}\"{}", kind, printable(name), did_you_mean(name, names))};
}

// Where there is an entry, there are books.
const Forwards::Entry& forward_named(Daemon& daemon, std::string_view name) {
  const auto* const entry = daemon.forwards().find(name);
  if (entry != nullptr) return *entry;
  throw no_such("forward", name, daemon.forwards().all(), [](const auto& known) -> auto& { return known.settings; });
}

// Of the API, so that it may be changed.
void check_is_of_api(const Forwards::Entry& entry) {
  if (entry.origin == Forwards::Origin::api) return;
  throw HttpError{409, fmt::format("forward \"{}\" stands in the configuration file: change it there, and reload",
                                   entry.settings.name)};
}

json::object object_in(const std::string& text) {
  boost::system::error_code error;
  auto value = json::parse(text, error);
  if (error) throw HttpError{400, "this is not JSON: " + error.message()};
  if (!value.is_object()) throw HttpError{400, "a JSON object is wanted"};
  return std::move(value.as_object());
}

void check(const Result<>& done) {
  if (!done) throw HttpError{400, done.error().what};
}

std::pair<Accounting*, Accounting::Quotas::const_iterator> quota_named(Daemon& daemon, std::string_view key) {
  auto* const books = daemon.forwards().accounting();
  if (books != nullptr) {
    if (const auto found = books->quotas().find(key); found != books->quotas().end()) return {books, found};
  }
  throw HttpError{404, fmt::format("there is no quota \"{}\"", printable(key))};
}

std::uint64_t bytes_in(const json::value& value) {
  if (value.is_uint64()) return value.get_uint64();
  if (value.is_int64() && value.get_int64() >= 0) return static_cast<std::uint64_t>(value.get_int64());
  if (!value.is_string()) throw HttpError{400, "bytes: a number of bytes is wanted, or a size such as \"10GB\""};
  const auto bytes = parse_bytes(std::string_view{value.get_string()});
  if (!bytes) throw HttpError{400, "bytes: " + bytes.error().what};
  return *bytes;
}

json::object figures_of(Daemon& daemon, Watch& watch, Duration window, std::size_t top) {
  const auto report = watch.report(system_now(), window, top);
  return watch_report::object(watch.settings().name, report, watch.alerts(), daemon.names());
}

// The window in words, which the watch is to remember.
Duration window_in(std::string_view text, const WatchSettings& watch) {
  if (text.empty()) return watch.windows.front();
  const auto window = parse_duration(text);
  if (!window) throw HttpError{400, "window: " + window.error().what};
  const auto longest = std::ranges::max(watch.windows);
  if (*window < std::chrono::seconds{1} || *window > longest || *window % std::chrono::seconds{1} != Duration::zero()) {
    throw HttpError{400, fmt::format("window: {} is not from 1s to {} in whole seconds", printable(text),
                                     config_duration(longest))};
  }
  return *window;
}

json::object counts_of(Daemon& daemon, const Observers::Tallying& tallying, std::size_t top) {
  auto report = tallying.tally.report();
  report.shorten(top, top);
  const auto& names = tallying.names ? *tallying.names : daemon.names();
  return tally_report::object(tallying.settings.name, report, names);
}

}  // namespace

std::vector<ForwardView> forward_views(Daemon& daemon) {
  auto& forwards = daemon.forwards();
  if (forwards.accounting() != nullptr) forwards.count(system_now().wall);
  std::vector<ForwardView> views;
  views.reserve(forwards.all().size());
  for (const auto& entry : forwards.all()) views.push_back(view_of(forwards, entry));
  return views;
}

json::object services(Daemon& daemon) {
  const auto now = system_now();
  json::array list;
  list.reserve(daemon.services().size());
  for (const auto& service : daemon.services()) list.push_back(report::service(*service, now));
  return {{"services", std::move(list)}};
}

json::object service(Daemon& daemon, std::string_view name) {
  const auto service = service_named(daemon, name);
  if (!service) throw HttpError{404, service.error().what};
  return report::service(**service, system_now());
}

json::object forwards(Daemon& daemon) {
  const auto now = system_now();
  json::array list;
  for (const auto& view : forward_views(daemon)) list.push_back(report::forward(view, now.instant));
  return {{"forwards", std::move(list)}};
}

json::object forward(Daemon& daemon, std::string_view name) {
  const auto& entry = forward_named(daemon, name);
  const auto now = system_now();
  daemon.forwards().count(now.wall);
  return report::forward(view_of(daemon.forwards(), entry), now.instant);
}

json::object add_forward(Daemon& daemon, const std::string& settings) {
  const auto object = object_in(settings);
  const auto* const given = object.if_contains("name");
  const std::string name{given != nullptr && given->is_string() ? std::string_view{given->get_string()} : ""};
  if (const auto* const there = daemon.forwards().find(name)) {
    const bool of_file = there->origin == Forwards::Origin::file;
    throw HttpError{409, fmt::format("there is a forward \"{}\" already, {}", name,
                                     of_file ? "in the configuration file" : "which was added at run time")};
  }
  check(daemon.forwards().add(settings));
  return forward(daemon, name);
}

json::object change_forward(Daemon& daemon, std::string_view name, const std::string& settings) {
  check_is_of_api(forward_named(daemon, name));
  auto object = object_in(settings);
  if (object.contains("name")) {
    check(daemon.forwards().change(name, settings));
  } else {
    object["name"] = name;
    check(daemon.forwards().change(name, json_text(object)));
  }
  return forward(daemon, name);
}

void remove_forward(Daemon& daemon, std::string_view name) {
  check_is_of_api(forward_named(daemon, name));
  check(daemon.forwards().remove(name));
}

json::object usage(Daemon& daemon, std::string_view name, std::string_view by, std::size_t last) {
  const auto& forward = forward_named(daemon, name).settings.name;
  QuotaPeriod period = QuotaPeriod::hour;
  if (by == to_string(QuotaPeriod::day)) {
    period = QuotaPeriod::day;
  } else if (by == to_string(QuotaPeriod::month)) {
    period = QuotaPeriod::month;
  } else if (!by.empty() && by != to_string(QuotaPeriod::hour)) {
    throw HttpError{400, fmt::format("by: \"{}\" is none of hour, day and month", printable(by))};
  }
  auto& books = *daemon.forwards().accounting();
  daemon.forwards().count(system_now().wall);
  const Usage nothing;
  const auto* const carried = books.usage(forward);
  auto object = report::usage(forward, carried != nullptr ? *carried : nothing, period, last, books.zone());
  object["counts"] = bytes_counted(forward_named(daemon, name).settings.engine);
  return object;
}

json::object clients(Daemon& daemon, std::string_view name, std::size_t top) {
  std::vector<ForwardView> views;
  if (name.empty()) {
    views = forward_views(daemon);
  } else {
    views.push_back(view_of(daemon.forwards(), forward_named(daemon, name)));
  }
  return {{"clients", report::clients(views, top, daemon.names())}};
}

json::object quotas(Daemon& daemon) {
  json::array list;
  if (auto* const books = daemon.forwards().accounting()) {
    books->count(system_now().wall);
    for (const auto& [key, entry] : books->quotas()) list.push_back(report::quota(key, entry));
  }
  return {{"quotas", std::move(list)}};
}

json::object quota(Daemon& daemon, std::string_view key) {
  const auto [books, found] = quota_named(daemon, key);
  books->count(system_now().wall);
  return report::quota(found->first, found->second);
}

json::object reset_quota(Daemon& daemon, std::string_view key) {
  const auto [books, found] = quota_named(daemon, key);
  if (!books->reset(key, system_now().wall)) throw HttpError{500, "the quota has gone meanwhile"};
  return report::quota(found->first, found->second);
}

json::object raise_quota(Daemon& daemon, std::string_view key, const json::value& bytes) {
  const auto [books, found] = quota_named(daemon, key);
  const auto more = bytes_in(bytes);
  if (more == 0) throw HttpError{400, "bytes: more than 0 is wanted"};
  if (!books->raise(key, more, system_now().wall)) throw HttpError{500, "the quota has gone meanwhile"};
  return report::quota(found->first, found->second);
}

json::object watches(Daemon& daemon) {
  json::array list;
  list.reserve(daemon.observers().watches().size());
  for (const auto& watching : daemon.observers().watches()) {
    auto& watch = watching->watch;
    list.push_back(figures_of(daemon, watch, watch.settings().windows.front(), kListTop));
  }
  return {{"watches", std::move(list)}};
}

json::object watch(Daemon& daemon, std::string_view name, std::string_view window, std::size_t top) {
  auto* const watching = daemon.observers().watch(name);
  if (watching == nullptr) throw no_such("watch", name, daemon.config().watches, std::identity{});
  return figures_of(daemon, watching->watch, window_in(window, watching->watch.settings()), top);
}

json::object tallies(Daemon& daemon) {
  json::array list;
  list.reserve(daemon.observers().tallies().size());
  for (const auto& tallying : daemon.observers().tallies()) list.push_back(counts_of(daemon, *tallying, kListTop));
  return {{"tallies", std::move(list)}};
}

json::object tally(Daemon& daemon, std::string_view name, std::size_t top) {
  const auto* const tallying = daemon.observers().tally(name);
  if (tallying == nullptr) throw no_such("tally", name, daemon.config().tallies, std::identity{});
  return counts_of(daemon, *tallying, top);
}

json::object events(Daemon& daemon, std::string_view service, std::size_t last) {
  json::array list;
  if (auto* const books = daemon.forwards().accounting()) {
    books->save(system_now().wall);  // so that what has just happened is among them
    const auto rows = books->store().events({.most = last, .subject = service, .before = {}});
    if (!rows) throw HttpError{500, rows.error().what};
    for (const auto& row : *rows) list.push_back(report::event(row));
  } else {
    for (const auto& event : daemon.history().last(last, std::string{service})) list.push_back(report::event(event));
  }
  return {{"events", std::move(list)}};
}

}  // namespace tidegate::answers
