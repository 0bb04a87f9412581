// See rows.h. Numbers are kept bit by bit, so a counter past 2^63 reads back as it was.
#include "store/rows.h"

#include <algorithm>
#include <limits>

namespace tidegate {

std::int64_t most_rows(QuotaPeriod period) {
  switch (period) {
    case QuotaPeriod::hour:
      return 2160;
    case QuotaPeriod::day:
      return 1098;
    default:
      return 600;
  }
}

Result<> write(Database& database, const TotalsRow& row) {
  const auto& t = row.totals;
  return database.run("REPLACE INTO forward VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                      {row.forward, t.upload, t.download, t.connections, t.sessions, t.errors, t.refused,
                       t.datagrams_up, t.datagrams_down, t.dropped});
}

Result<> write(Database& database, const UsageRow& row) {
  const auto& b = row.bucket;
  return database.run(
      "REPLACE INTO usage VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      {row.forward, to_string(b.period), b.label, b.upload, b.download, b.connections, b.sessions, b.errors});
}

Result<> write(Database& database, const QuotaRow& row) {
  return database.run(
      "REPLACE INTO quota VALUES (?, ?, ?, ?, ?, ?, ?)",
      {row.key, row.period, row.starts.time_since_epoch().count(), row.upload, row.download, row.raised, row.warned});
}

Result<> write(Database& database, const EventRow& row) {
  return database.run("INSERT INTO event (id, at, kind, subject, text) VALUES (nullif(?, 0), ?, ?, ?, ?)",
                      {row.id, row.at.time_since_epoch().count(), row.kind, row.subject, row.text});
}

Result<> write(Database& database, const RuntimeForwardRow& row) {
  return database.run("REPLACE INTO runtime_forward VALUES (?, ?)", {row.name, row.json});
}

Result<> write(Database& database, const ImportRow& row) {
  return database.run("REPLACE INTO import VALUES (?, ?)", {row.source, row.forward});
}

Result<> remove_old_events(Database& database) {
  return database.run("DELETE FROM event WHERE id <= (SELECT max(id) FROM event) - ?", {kMostEvents});
}

Result<> remove_old_usage(Database& database, std::string_view forward, QuotaPeriod period) {
  return database.run(
      "DELETE FROM usage WHERE forward = ?1 AND period = ?2 AND label <= "
      "(SELECT label FROM usage WHERE forward = ?1 AND period = ?2 ORDER BY label DESC LIMIT 1 OFFSET ?3)",
      {forward, to_string(period), most_rows(period)});
}

Result<> erase_runtime_forward(Database& database, std::string_view name) {
  return database.run("DELETE FROM runtime_forward WHERE name = ?", {name});
}

Result<std::vector<TotalsRow>> read_totals(Database& database) {
  std::vector<TotalsRow> rows;
  const auto done = database.query(
      "SELECT name, upload, download, connections, sessions, errors, refused, datagrams_up, datagrams_down, dropped "
      "FROM forward",
      {}, [&](const Row& row) {
        rows.push_back({.forward = row.text(0),
                        .totals = {.upload = row.count(1),
                                   .download = row.count(2),
                                   .connections = row.count(3),
                                   .sessions = row.count(4),
                                   .errors = row.count(5),
                                   .refused = row.count(6),
                                   .datagrams_up = row.count(7),
                                   .datagrams_down = row.count(8),
                                   .dropped = row.count(9)}});
      });
  if (!done) return std::unexpected{done.error()};
  return rows;
}

Result<std::vector<UsageBucket>> read_usage(Database& database, std::string_view forward, QuotaPeriod period,
                                            std::size_t most) {
  std::vector<UsageBucket> buckets;
  const auto done = database.query(
      "SELECT label, upload, download, connections, sessions, errors FROM usage "
      "WHERE forward = ? AND period = ? ORDER BY label DESC LIMIT ?",
      {forward, to_string(period), most}, [&](const Row& row) {
        buckets.push_back({.period = period,
                           .label = row.text(0),
                           .upload = row.count(1),
                           .download = row.count(2),
                           .connections = row.count(3),
                           .sessions = row.count(4),
                           .errors = row.count(5)});
      });
  if (!done) return std::unexpected{done.error()};
  std::ranges::reverse(buckets);
  return buckets;
}

Result<std::optional<QuotaRow>> read_quota(Database& database, std::string_view key) {
  std::optional<QuotaRow> found;
  const auto done =
      database.query("SELECT key, period, starts, upload, download, raised, warned FROM quota WHERE key = ?", {key},
                     [&](const Row& row) {
                       found = QuotaRow{.key = row.text(0),
                                        .period = row.text(1),
                                        .starts = WallTime{WallTime::duration{row.integer(2)}},
                                        .upload = row.count(3),
                                        .download = row.count(4),
                                        .raised = row.count(5),
                                        .warned = static_cast<unsigned>(row.integer(6))};
                     });
  if (!done) return std::unexpected{done.error()};
  return found;
}

Result<std::vector<EventRow>> read_events(Database& database, const EventQuery& query) {
  std::vector<EventRow> events;
  const auto each = [&](const Row& row) {
    events.push_back({.id = row.integer(0),
                      .at = WallTime{WallTime::duration{row.integer(1)}},
                      .kind = row.text(2),
                      .subject = row.text(3),
                      .text = row.text(4)});
  };
  const auto before = query.before.value_or(std::numeric_limits<std::int64_t>::max());
  const auto done =
      query.subject.empty()
          ? database.query(
                "SELECT id, at, kind, subject, text FROM event WHERE id < ? AND id > ? ORDER BY id DESC LIMIT ?",
                {before, query.after, query.most}, each)
          : database.query(
                "SELECT id, at, kind, subject, text FROM event WHERE subject = ? AND id < ? AND id > ? "
                "ORDER BY id DESC LIMIT ?",
                {query.subject, before, query.after, query.most}, each);
  if (!done) return std::unexpected{done.error()};
  std::ranges::reverse(events);
  return events;
}

Result<std::vector<RuntimeForwardRow>> read_runtime_forwards(Database& database) {
  std::vector<RuntimeForwardRow> rows;
  const auto done = database.query("SELECT name, json FROM runtime_forward ORDER BY name", {},
                                   [&](const Row& row) { rows.push_back({.name = row.text(0), .json = row.text(1)}); });
  if (!done) return std::unexpected{done.error()};
  return rows;
}

Result<bool> has_import(Database& database, const ImportRow& row) {
  const auto count =
      database.integer("SELECT count(*) FROM import WHERE source = ? AND forward = ?", {row.source, row.forward});
  if (!count) return std::unexpected{count.error()};
  return *count != 0;
}

}  // namespace tidegate
