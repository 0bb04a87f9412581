// What outlives the daemon: totals, usage, quota states, events and the forwards added at run time, in SQLite (written
// every second and at exit, in one transaction that survives a power loss), and beside it the mapped counters that the
// data threads write and that survive `kill -9` to the byte (counter_file.h). Control thread only, but for the cells.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "model/counters.h"
#include "store/backup.h"
#include "store/counter_file.h"
#include "store/rows.h"
#include "store/sqlite.h"

namespace tidegate {

// Where one forward is counted. What it has counted for all time is `base` plus its cells.
struct Account {
  ForwardTotals base;                // before this run
  ForwardTotals recorded;            // what the database holds, never more than now(): the rest is in no usage row yet
  std::span<ForwardCounters> cells;  // one a data thread, at this address for the life of the Store

  [[nodiscard]] ForwardTotals now() const;
};

class Store {
 public:
  // Opens or makes the database PATH and the counters PATH.counters, holding PATH.lock; the folder is made (0700) where
  // it is missing. An empty path keeps everything in memory. A damaged file is set aside as FILE.damaged-N; for
  // the database its PATH.backup is taken, and of each count the larger of what the two files say, with a note. The
  // error: another process has it, it is of a newer version (and left as it was), it is no database of tidegate's, or
  // the system refuses.
  [[nodiscard]] static Result<std::unique_ptr<Store>> open(const std::string& path, std::size_t data_threads);

  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  ~Store() = default;

  // Sentences that must be told as events: what was damaged, what was believed instead, what is counted in memory only.
  // Empties the list; ask after open() and after account().
  [[nodiscard]] std::vector<std::string> take_notes() { return std::exchange(notes_, {}); }

  // The forward's account; the same one each time, so a forward removed and added again counts on. Where the file has
  // no room (disk full) it is in memory only, and a note says so. The error: the name is empty or longer than 64 bytes.
  // A new forward that begins with imported numbers: save() its totals first.
  [[nodiscard]] Result<Account> account(std::string_view forward);

  // Whether anything was ever counted for it, in either file.
  [[nodiscard]] bool knows(std::string_view forward) const;

  // Writes all of the batch or nothing. Every row but an event replaces its predecessor, so after an error (its code
  // ENOSPC where the disk is full) the caller keeps the batch, goes on adding to it, and saves it later.
  [[nodiscard]] Result<> save(const Batch& batch);

  // Makes PATH.backup anew each hour, a small step with each call; to be called each second. The error: that one cannot
  // be made; it is tried again an hour later.
  [[nodiscard]] Result<> back_up(WallTime now);

  // Each gives the newest `most`, oldest first.
  [[nodiscard]] Result<std::vector<UsageBucket>> usage(std::string_view forward, QuotaPeriod period, std::size_t most);
  [[nodiscard]] Result<std::vector<EventRow>> events(const EventQuery& query);

  [[nodiscard]] Result<std::optional<QuotaRow>> quota(std::string_view key);

  [[nodiscard]] Result<std::vector<RuntimeForwardRow>> runtime_forwards();  // by name
  [[nodiscard]] Result<> put_runtime_forward(const RuntimeForwardRow& row);
  [[nodiscard]] Result<> remove_runtime_forward(std::string_view name);  // no error where there is none

  // Whether a Batch with this row was saved.
  [[nodiscard]] Result<bool> imported(const ImportRow& row);

 private:
  using Totals = CounterFile::Totals;

  Store(Fd lock, Database database, Totals recorded, CounterFile counters, CounterFile spare);
  [[nodiscard]] bool is_new(const std::string& forward, const UsageBucket& bucket) const;

  Fd lock_;  // PATH.lock, for as long as the rest is open
  Database database_;
  std::optional<Backup> backup_;  // of a database in a file
  Totals recorded_;               // what the database holds
  CounterFile counters_;
  CounterFile spare_;  // in memory, for those for which counters_ has no room
  std::map<std::pair<std::string, QuotaPeriod>, std::string> last_label_;  // of usage, as saved: a new one prunes
  std::vector<std::string> notes_;
};

}  // namespace tidegate
