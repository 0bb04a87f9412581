// See store.h.
#include "store/store.h"

#include <algorithm>
#include <array>
#include <bit>

#include "base/units.h"
#include "store/files.h"
#include "store/schema.h"

namespace tidegate {
namespace {

using Totals = CounterFile::Totals;

// Both only ever grow, so of each number the larger is the newer.
ForwardTotals newer(const ForwardTotals& a, const ForwardTotals& b) {
  using Numbers = std::array<std::uint64_t, sizeof(ForwardTotals) / sizeof(std::uint64_t)>;
  auto numbers = std::bit_cast<Numbers>(a);
  std::ranges::transform(numbers, std::bit_cast<Numbers>(b), numbers.begin(), std::ranges::max);
  return std::bit_cast<ForwardTotals>(numbers);
}

Result<Totals> recorded_totals(Database& database) {
  auto rows = read_totals(database);
  if (!rows) return std::unexpected{rows.error()};
  Totals totals;
  for (auto& row : *rows) totals.emplace(std::move(row.forward), row.totals);
  return totals;
}

// What the counter file held, with a damaged one out of the way.
struct Counted {
  Totals totals;
  bool missing = false;
  bool damaged = false;
};

Result<Counted> read_counters(const std::string& path, std::vector<std::string>& notes) {
  const auto contents = CounterFile::read(path);
  if (contents && !*contents) return Counted{.missing = true};
  if (contents && (*contents)->damaged == 0) return Counted{.totals = (*contents)->totals};
  if (!contents && contents.error().code != 0) return std::unexpected{contents.error()};

  const auto kept = set_aside(path);
  if (!kept) return std::unexpected{kept.error()};
  const auto damage = contents
                          ? fmt::format("read {}: {} of its entries are damaged or cut off", path, (*contents)->damaged)
                          : contents.error().what;
  notes.push_back(fmt::format("{}; it is kept as {}, and the totals of the database are taken", damage, *kept));
  return Counted{.totals = contents ? (*contents)->totals : Totals{}, .damaged = true};
}

// What every forward has counted, from both. A damaged counter file is believed only where the database knows nothing.
Totals merged(const Totals& recorded, const Counted& counted, const std::string& path,
              std::vector<std::string>& notes) {
  auto totals = recorded;
  std::size_t behind = 0;
  for (const auto& [name, of_file] : counted.totals) {
    const auto [at, is_new] = totals.emplace(name, of_file);
    if (is_new || counted.damaged) continue;
    at->second = newer(at->second, of_file);
    if (at->second != of_file) ++behind;
  }
  if (counted.missing && !recorded.empty())
    notes.push_back(fmt::format("{} was missing; the totals of the database, written each second, are taken", path));
  if (behind != 0)
    notes.push_back(
        fmt::format("{} was behind the database for {} of its forwards (as after a power loss); the "
                    "larger numbers are taken",
                    path, behind));
  return totals;
}

void note_replaced_database(const std::string& path, const OpenedDatabase& opened, const Counted& counted,
                            std::vector<std::string>& notes) {
  const auto rest =
      opened.restored
          ? fmt::format("its backup of {} is taken; what was counted since is added from {}.counters",
                        format_date_time(*opened.restored), path)
          : fmt::format("totals are taken from {}.counters ({} forwards); usage, quota states and events begin anew",
                        path, counted.totals.size());
  if (!opened.damaged_as.empty())
    notes.push_back(fmt::format("{}; it is kept as {}, and {}", opened.damage, opened.damaged_as, rest));
  else if (opened.restored || (opened.fresh && !counted.totals.empty()))
    notes.push_back(fmt::format("{} was missing; {}", path, rest));
}

std::string in_memory_note(const Error& error, std::string_view who) {
  return fmt::format("{}; until the next start {} counted in memory, and in the database each second", error.what, who);
}

template <class Rows>
Result<> write_all(Database& database, const Rows& rows) {
  for (const auto& row : rows)
    if (auto written = write(database, row); !written) return written;
  return {};
}

// A database made now has no usage to be in step with: what the counters hold is of the past, not of this hour.
Result<> record(Database& database, const Totals& totals) {
  return database.transaction([&]() -> Result<> {
    for (const auto& [name, of_name] : totals)
      if (auto written = write(database, TotalsRow{name, of_name}); !written) return written;
    return {};
  });
}

// The counters for this run, beginning with what both files say.
Result<CounterFile> reopen_counters(const std::string& path, std::size_t data_threads, OpenedDatabase& opened,
                                    Totals& recorded, std::vector<std::string>& notes) {
  const auto counters_path = path + ".counters";
  const auto counted = read_counters(counters_path, notes);
  if (!counted) return std::unexpected{counted.error()};
  note_replaced_database(path, opened, *counted, notes);
  const auto bases = merged(recorded, *counted, counters_path, notes);
  if (opened.fresh) {
    if (const auto written = record(opened.database, bases); !written) return std::unexpected{written.error()};
    recorded = bases;
  }
  auto counters = CounterFile::create(counters_path, data_threads, bases);
  if (counters) return counters;
  notes.push_back(in_memory_note(counters.error(), "all forwards are"));
  return CounterFile::in_memory(data_threads, bases);
}

}  // namespace

ForwardTotals Account::now() const {
  auto sum = base;
  for (const auto& cell : cells) sum += totals(cell);
  return sum;
}

Store::Store(Fd lock, Database database, Totals recorded, CounterFile counters, CounterFile spare)
    : lock_{std::move(lock)},
      database_{std::move(database)},
      recorded_{std::move(recorded)},
      counters_{std::move(counters)},
      spare_{std::move(spare)} {}

Result<std::unique_ptr<Store>> Store::open(const std::string& path, std::size_t data_threads) {
  auto spare = CounterFile::in_memory(data_threads, {});
  if (!spare) return std::unexpected{spare.error()};
  Fd lock;
  if (!path.empty()) {
    if (const auto made = make_folder_of(path); !made) return std::unexpected{made.error()};
    auto locked = lock_beside(path);
    if (!locked) return std::unexpected{locked.error()};
    lock = std::move(*locked);
  }
  auto opened = open_database(path);
  if (!opened) return std::unexpected{opened.error()};
  auto recorded = recorded_totals(opened->database);
  if (!recorded) return std::unexpected{recorded.error()};

  std::vector<std::string> notes;
  auto counters = path.empty() ? CounterFile::in_memory(data_threads, {})
                               : reopen_counters(path, data_threads, *opened, *recorded, notes);
  if (!counters) return std::unexpected{counters.error()};
  std::unique_ptr<Store> store{new Store{std::move(lock), std::move(opened->database), std::move(*recorded),
                                         std::move(*counters), std::move(*spare)}};
  store->notes_ = std::move(notes);
  if (!path.empty()) store->backup_.emplace(store->database_, path);
  return store;
}

Result<Account> Store::account(std::string_view forward) {
  const auto at = recorded_.find(forward);
  const auto recorded = at == recorded_.end() ? ForwardTotals{} : at->second;
  auto entry = counters_.find(forward);
  if (!entry) entry = spare_.find(forward);
  if (!entry) {
    auto added = counters_.add(forward, recorded);
    if (!added && added.error().code != 0) {
      notes_.push_back(in_memory_note(added.error(), fmt::format("{} is", forward)));
      added = spare_.add(forward, recorded);
    }
    if (!added) return std::unexpected{added.error()};
    entry = *added;
  }
  return Account{.base = entry->base, .recorded = recorded, .cells = entry->cells};
}

bool Store::knows(std::string_view forward) const {
  return recorded_.contains(forward) || counters_.find(forward) || spare_.find(forward);
}

Result<> Store::save(const Batch& batch) {
  if (batch.empty()) return {};
  auto done = database_.transaction([&]() -> Result<> {
    auto written = write_all(database_, batch.totals);
    if (written) written = write_all(database_, batch.usage);
    if (written) written = write_all(database_, batch.quotas);
    if (written) written = write_all(database_, batch.imports);
    if (written) written = write_all(database_, batch.events);
    if (written && !batch.events.empty()) written = remove_old_events(database_);
    for (const auto& [forward, bucket] : batch.usage)
      if (written && is_new(forward, bucket)) written = remove_old_usage(database_, forward, bucket.period);
    return written;
  });
  if (!done) return done;
  for (const auto& [forward, totals] : batch.totals) recorded_.insert_or_assign(forward, totals);
  for (const auto& [forward, bucket] : batch.usage) last_label_[{forward, bucket.period}] = bucket.label;
  return {};
}

bool Store::is_new(const std::string& forward, const UsageBucket& bucket) const {
  const auto last = last_label_.find({forward, bucket.period});
  return last == last_label_.end() || last->second != bucket.label;
}

Result<> Store::back_up(WallTime now) { return backup_ ? backup_->step(now) : Result<>{}; }

Result<std::vector<UsageBucket>> Store::usage(std::string_view forward, QuotaPeriod period, std::size_t most) {
  return read_usage(database_, forward, period, most);
}

Result<std::vector<EventRow>> Store::events(const EventQuery& query) { return read_events(database_, query); }

Result<std::optional<QuotaRow>> Store::quota(std::string_view key) { return read_quota(database_, key); }

Result<std::vector<RuntimeForwardRow>> Store::runtime_forwards() { return read_runtime_forwards(database_); }

Result<> Store::put_runtime_forward(const RuntimeForwardRow& row) { return write(database_, row); }

Result<> Store::remove_runtime_forward(std::string_view name) { return erase_runtime_forward(database_, name); }

Result<bool> Store::imported(const ImportRow& row) { return has_import(database_, row); }

}  // namespace tidegate
