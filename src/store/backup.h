// The copy of the database that stands in for it when it is found damaged or missing: PATH.backup, made anew each hour
// in small steps, and complete at every moment (a new one takes the old one's place by rename(2)).
#pragma once

#include <optional>
#include <string>

#include "base/error.h"
#include "base/time.h"
#include "store/sqlite.h"

namespace tidegate {

class Backup {
 public:
  static constexpr Duration kEvery = std::chrono::hours{1};
  static constexpr int kPages = 256;  // a step: a megabyte of SQLite's pages of 4 KiB

  // Of the database at `path`, which outlives this. Control thread.
  Backup(Database& database, std::string path) : database_{database}, path_{std::move(path)} {}

  // One step, to be called each second: goes on with the copy that is under way, or begins one where the last is older
  // than kEvery (the first call always). After an error it is tried again when the next one is due. A clock that is set
  // back starts one at once.
  [[nodiscard]] Result<> step(WallTime now);

 private:
  [[nodiscard]] Result<> finish();

  Database& database_;
  const std::string path_;
  std::optional<WallTime> begun_;
  std::optional<Database::Copy> copy_;  // under way
};

// The backup of the database at `path`, and the file that a step writes.
[[nodiscard]] std::string backup_of(const std::string& path);

// Puts a copy of the backup at `path`, where nothing lies. Gives when the backup was made; none: there is no backup.
[[nodiscard]] Result<std::optional<WallTime>> restore_backup(const std::string& path);

}  // namespace tidegate
