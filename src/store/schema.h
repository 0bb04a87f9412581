// The database's schema by version, and the opening of a file that may be old, new, foreign or damaged.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/error.h"
#include "base/time.h"
#include "store/sqlite.h"

namespace tidegate {

// Brings the database from its version (PRAGMA user_version) to the last one, in one transaction: step i, as SQL, leads
// from version i to i + 1. The error: it is of a
// version beyond the steps, and nothing was changed.
[[nodiscard]] Result<> migrate(Database& database, std::span<const char* const> steps);

struct OpenedDatabase {
  Database database;
  bool fresh = false;                // it was made now
  std::string damaged_as;            // where the damaged one was put, whose place it takes; empty: none was
  std::string damage;                // what was found
  std::optional<WallTime> restored;  // when the backup was made that it was before
};

// The database at `path` (empty: in memory), checked and of the newest version. A damaged one is set aside with its
// -wal and -shm. Where there is none then, its backup takes its place, or, where that is missing or damaged as well, a
// fresh one. A newer one, and one that is not tidegate's, is an error and left as it was.
[[nodiscard]] Result<OpenedDatabase> open_database(const std::string& path);

}  // namespace tidegate
