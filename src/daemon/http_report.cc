#include "daemon/http_report.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <charconv>
#include <cmath>

#include "base/units.h"

namespace tidegate::report {

namespace json = boost::json;

namespace {

template <class Number>
Number now_of(const std::atomic<Number>& number) {
  return number.load(std::memory_order_relaxed);
}

std::uint64_t not_negative(const std::atomic<std::int64_t>& gauge) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(now_of(gauge), 0));
}

std::string_view target_state(const Targets& targets, std::size_t index, Instant now) {
  if (targets.addresses(index).empty()) return "unknown";  // a name that has not resolved yet
  return targets.is_up(index, now) ? "up" : "down";
}

json::array targets(const ForwardView& forward, Instant now) {
  json::array list;
  const auto& settings = forward.entry->settings.targets;
  list.reserve(settings.size());
  for (std::size_t i = 0; i < settings.size(); ++i) {
    json::object target{
        {"target", settings[i].to_string()}, {"weight", settings[i].weight}, {"state", "unknown"}, {"open", 0}};
    if (forward.runtime != nullptr && i < forward.runtime->targets.all().size()) {
      target["state"] = target_state(forward.runtime->targets, i, now);
      target["open"] = now_of(forward.runtime->targets.all()[i]->open);
    }
    list.push_back(std::move(target));
  }
  return list;
}

bool is_of(const Accounting::QuotaEntry& quota, std::string_view forward) {
  return std::ranges::find(quota.forwards, forward) != quota.forwards.end();
}

// The moment at which a bucket of that label begins ("2026-11", "2026-11-21", "2026-11-21T14").
WallTime start_of(std::string_view label, const Zone& zone) {
  std::array<unsigned, 4> parts{1970, 1, 1, 0};
  for (unsigned& part : parts) {
    if (label.empty()) break;
    const auto [end, error] = std::from_chars(label.data(), label.data() + label.size(), part);
    label.remove_prefix(std::min(label.size(), static_cast<std::size_t>(end - label.data()) + 1));
  }
  const std::chrono::year_month_day date{std::chrono::year{static_cast<int>(parts[0])}, std::chrono::month{parts[1]},
                                         std::chrono::day{parts[2]}};
  return zone.to_sys(std::chrono::local_days{date} + std::chrono::hours{parts[3]});
}

template <class Counts>
void add_counts(json::object& object, const Counts& counts) {
  object["upload"] = counts.upload;
  object["download"] = counts.download;
  object["connections"] = counts.connections;
  object["sessions"] = counts.sessions;
  object["errors"] = counts.errors;
}

json::value time_or_null(std::optional<WallTime> time) {
  if (!time) return nullptr;
  return json::string{format_rfc3339(*time)};
}

// --- traffic-monitor

void add_bytes(json::object& object, std::uint64_t upload, std::uint64_t download) {
  object["upload"] = upload;
  object["download"] = download;
  object["upload_human"] = human_bytes(upload);
  object["download_human"] = human_bytes(download);
}

// `name`, `name`_human, `name`_exceeded, and `usage_name`.
void add_limit(json::object& stats, const Accounting& books, const std::string& key, const std::string& name,
               const std::string& usage_name, std::uint64_t limit) {
  stats[name] = limit;
  stats[name + "_human"] = limit > 0 ? human_bytes(limit) : "unlimited";
  stats[name + "_exceeded"] = false;
  const auto found = books.quotas().find(key);
  if (limit == 0 || found == books.quotas().end()) return;
  const auto& quota = found->second.quota;  // it may have been raised, or reset
  const auto most = quota.limit();
  const auto left = most - std::min(most, quota.used());
  stats[name] = most;
  stats[name + "_human"] = human_bytes(most);
  stats[name + "_exceeded"] = quota.exceeded();
  stats[usage_name] = json::object{{"used", quota.used()},
                                   {"used_human", human_bytes(quota.used())},
                                   {"remaining", left},
                                   {"remaining_human", human_bytes(left)},
                                   {"percentage", percentage(quota.used(), most)}};
}

std::uint16_t first_target_port(const ForwardSettings& forward) {
  if (forward.targets.empty() || forward.targets.front().is_unix()) return 0;
  const auto port = forward.targets.front().port;
  return port != 0 ? port : forward.listen.first;
}

}  // namespace

json::object forward(const ForwardView& forward, Instant now) {
  const auto& settings = forward.entry->settings;
  const auto totals = forward.books->totals(settings.name);
  json::object object{{"name", settings.name},
                      {"origin", forward.entry->origin == Forwards::Origin::file ? "file" : "api"},
                      {"engine", to_string(settings.engine)},
                      {"counts", bytes_counted(settings.engine)},
                      {"protocol", to_string(settings.protocol)},
                      {"listen", settings.listen.to_string()},
                      {"targets", targets(forward, now)},
                      {"service", nullptr},
                      {"state", forward_state(forward)}};
  if (!settings.service.empty()) object["service"] = settings.service;
  add_counts(object, totals);
  object["refused"] = totals.refused;
  object["dropped"] = totals.dropped;
  const auto* const life = forward.runtime == nullptr ? nullptr : forward.runtime->life.get();
  object["open_connections"] = life == nullptr ? 0 : not_negative(life->open_connections);
  object["open_sessions"] = life == nullptr ? 0 : not_negative(life->open_sessions);
  object["waiting"] = life == nullptr ? 0 : not_negative(life->waiting);
  json::array keys;
  for (const auto& [key, quota] : forward.books->quotas()) {
    if (is_of(quota, settings.name)) keys.emplace_back(key);
  }
  object["quotas"] = std::move(keys);
  return object;
}

std::string_view forward_state(const ForwardView& forward) {
  const auto state = forward_state(*forward.books, forward.entry->settings.name);
  const bool slowed = forward.runtime != nullptr && forward.runtime->life->throttle.limits();
  return state == "open" && slowed ? "throttled" : state;
}

std::string_view forward_state(const Accounting& books, std::string_view forward) {
  std::string_view state = "open";
  for (const auto& [key, entry] : books.quotas()) {
    // A datagram without room reaches it, too.
    if (!(entry.quota.exceeded() || entry.share->reached) || !is_of(entry, forward)) continue;
    const auto action = entry.quota.settings().action;
    if (action == LimitAction::cut) return "cut";
    if (action == LimitAction::reject) state = "rejecting";
    if (action == LimitAction::throttle && state == "open") state = "throttled";
  }
  return state;
}

json::object usage(std::string_view forward, const Usage& usage, QuotaPeriod by, std::size_t last, const Zone& zone) {
  const auto buckets = usage.list(by);
  json::array periods;
  for (std::size_t i = buckets.size() - std::min(last, buckets.size()); i < buckets.size(); ++i) {
    json::object period{{"start", format_rfc3339(start_of(buckets[i].label, zone))}};
    add_counts(period, buckets[i]);
    periods.push_back(std::move(period));
  }
  json::object total;
  add_counts(total, usage.totals());
  return {{"forward", forward}, {"by", to_string(by)}, {"periods", std::move(periods)}, {"total", std::move(total)}};
}

json::object quota(std::string_view key, const Accounting::QuotaEntry& entry) {
  const auto& quota = entry.quota;
  const auto& settings = quota.settings();
  const bool has_periods = settings.every != QuotaPeriod::none;
  json::array forwards;
  for (const auto& forward : entry.forwards) forwards.emplace_back(forward);
  json::array warn;
  for (const auto percent : settings.warn) warn.emplace_back(percent);
  return {{"key", key},
          {"forwards", std::move(forwards)},
          {"bytes", quota.limit()},
          {"every", to_string(settings.every)},
          {"count", to_string(settings.count)},
          {"action", to_string(settings.action)},
          {"period", quota.period().label},
          {"starts", time_or_null(has_periods ? std::optional{quota.period().start} : std::nullopt)},
          {"ends", time_or_null(quota.period().end)},
          {"used", quota.used()},
          {"left", quota.limit() - std::min(quota.limit(), quota.used())},
          {"percentage", percentage(quota.used(), quota.limit())},
          {"exceeded", quota.exceeded()},
          {"warn", std::move(warn)}};
}

json::array clients(const std::vector<ForwardView>& forwards, std::size_t top, const Pseudonyms& names) {
  std::vector<std::pair<std::string_view, ForwardClients::Line>> lines;
  for (const auto& forward : forwards) {
    if (forward.runtime == nullptr) continue;
    for (const auto& line : forward.runtime->life->clients.biggest(top)) {
      lines.emplace_back(forward.entry->settings.name, line);
    }
  }
  const auto moved = [](const auto& line) { return line.second.upload + line.second.download; };
  std::ranges::stable_sort(lines, std::greater{}, moved);
  lines.resize(std::min(lines.size(), top));
  json::array list;
  list.reserve(lines.size());
  for (const auto& [name, line] : lines) {
    list.push_back(json::object{{"forward", name},
                                {"client", names.of(line.address)},
                                {"upload", line.upload},
                                {"download", line.download},
                                {"connections", line.connections},
                                {"open", line.open}});
  }
  return list;
}

json::object event(const EventRow& row) {
  return {{"at", format_rfc3339(row.at)},
          {"service", row.subject},
          {"event", row.kind},
          {"text", row.text},
          {"id", row.id}};
}

json::object proxy_stats(const ForwardView& forward, WallTime now) {
  const auto& settings = forward.entry->settings;
  const auto& books = *forward.books;
  const auto* const usage = books.usage(settings.name);
  json::object total;
  json::object monthly{{"month", period_at(QuotaPeriod::month, books.zone(), now).label}};
  // From the history alone, so that what is told together was counted together.
  add_bytes(total, usage == nullptr ? 0 : usage->totals().upload, usage == nullptr ? 0 : usage->totals().download);
  const auto month = usage == nullptr ? Usage::Month{} : usage->month(now, books.zone());
  add_bytes(monthly, month.upload, month.download);
  json::object stats{{"name", settings.name},
                     {"protocol", to_string(settings.protocol)},
                     {"listen_port", settings.listen.first},
                     {"target_port", first_target_port(settings)},
                     {"total", std::move(total)},
                     {"monthly", std::move(monthly)}};
  add_limit(stats, books, settings.name + "/limit", "limit", "usage", settings.limit);
  if (settings.limit_monthly > 0) {
    add_limit(stats, books, settings.name + "/limit_monthly", "limit_monthly", "usage_monthly", settings.limit_monthly);
  }
  return stats;
}

std::string human_bytes(std::uint64_t bytes) {
  constexpr double kStep = 1024;
  constexpr std::array<std::string_view, 4> kUnits = {"KB", "MB", "GB", "TB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double size = static_cast<double>(bytes) / kStep;
  std::size_t unit = 0;
  for (std::uint64_t rest = bytes / 1024; rest >= 1024 && unit + 1 < kUnits.size(); rest /= 1024, ++unit) size /= kStep;
  return fmt::format("{:.2f} {}", size, kUnits[unit]);
}

double percentage(std::uint64_t used, std::uint64_t limit) {
  if (used >= limit) return 100;
  return std::floor(static_cast<double>(used) / static_cast<double>(limit) * 100 * 100) / 100;
}

}  // namespace tidegate::report
