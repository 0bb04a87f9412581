// The rows of the store's tables as plain values, and the SQL that writes and reads them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "model/counters.h"
#include "model/usage.h"
#include "store/sqlite.h"

namespace tidegate {

struct TotalsRow {
  std::string forward;
  ForwardTotals totals;
};

struct UsageRow {
  std::string forward;
  UsageBucket bucket;  // all of the hour, day or month so far
};

// How far a quota is used in its period.
struct QuotaRow {
  std::string key;     // of the quota: the forward's or the group's, as the caller names it
  std::string period;  // label
  WallTime starts;     // of the period
  std::uint64_t upload = 0;
  std::uint64_t download = 0;
  std::uint64_t raised = 0;  // bytes added to its limit for this period
  unsigned warned = 0;       // the highest percentage that was warned of
  bool operator==(const QuotaRow&) const = default;
};

struct EventRow {
  std::int64_t id = 0;  // ascending; 0 in a row to be written: the next one
  WallTime at;
  std::string kind;
  std::string subject;  // the service's or forward's name
  std::string text;
  bool operator==(const EventRow&) const = default;
};

// A forward that was added at run time, as JSON text.
struct RuntimeForwardRow {
  std::string name;
  std::string json;
  bool operator==(const RuntimeForwardRow&) const = default;
};

// A forward whose numbers were taken over from another program's state file.
struct ImportRow {
  std::string source;  // path of that file
  std::string forward;
};

// What changed since the last save.
struct Batch {
  std::vector<TotalsRow> totals;
  std::vector<UsageRow> usage;
  std::vector<QuotaRow> quotas;
  std::vector<EventRow> events;
  std::vector<ImportRow> imports;

  [[nodiscard]] bool empty() const {
    return totals.empty() && usage.empty() && quotas.empty() && events.empty() && imports.empty();
  }
};

struct EventQuery {
  std::size_t most = 100;
  std::string_view subject;            // empty: any
  std::optional<std::int64_t> before;  // only events with a smaller id
  std::int64_t after = 0;              // only events with a greater id
};

inline constexpr std::int64_t kMostEvents = 100'000;  // the oldest leave past these

// How many usage rows of a period a forward keeps: 90 days of hours, 3 years of days, 50 of months.
[[nodiscard]] std::int64_t most_rows(QuotaPeriod period);

// A statement each; several belong in a transaction of the caller's.
[[nodiscard]] Result<> write(Database& database, const TotalsRow& row);
[[nodiscard]] Result<> write(Database& database, const UsageRow& row);
[[nodiscard]] Result<> write(Database& database, const QuotaRow& row);
[[nodiscard]] Result<> write(Database& database, const EventRow& row);
[[nodiscard]] Result<> write(Database& database, const RuntimeForwardRow& row);
[[nodiscard]] Result<> write(Database& database, const ImportRow& row);
[[nodiscard]] Result<> remove_old_events(Database& database);
[[nodiscard]] Result<> remove_old_usage(Database& database, std::string_view forward, QuotaPeriod period);
[[nodiscard]] Result<> erase_runtime_forward(Database& database, std::string_view name);

// As Store's functions of these names say.
[[nodiscard]] Result<std::vector<TotalsRow>> read_totals(Database& database);
[[nodiscard]] Result<std::vector<UsageBucket>> read_usage(Database& database, std::string_view forward,
                                                          QuotaPeriod period, std::size_t most);
[[nodiscard]] Result<std::optional<QuotaRow>> read_quota(Database& database, std::string_view key);
[[nodiscard]] Result<std::vector<EventRow>> read_events(Database& database, const EventQuery& query);
[[nodiscard]] Result<std::vector<RuntimeForwardRow>> read_runtime_forwards(Database& database);
[[nodiscard]] Result<bool> has_import(Database& database, const ImportRow& row);

}  // namespace tidegate
