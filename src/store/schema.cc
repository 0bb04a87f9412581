// See schema.h. https://www.sqlite.org/pragma.html, https://www.sqlite.org/wal.html
#include "store/schema.h"

#include <array>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "store/backup.h"
#include "store/files.h"

namespace tidegate {
namespace {

constexpr std::int64_t kApplication = 0x54694761;  // "TiGa", in the file's header

constexpr std::array kSteps = {R"sql(
CREATE TABLE forward (
  name TEXT PRIMARY KEY,
  upload INTEGER NOT NULL, download INTEGER NOT NULL, connections INTEGER NOT NULL, sessions INTEGER NOT NULL,
  errors INTEGER NOT NULL, refused INTEGER NOT NULL, datagrams_up INTEGER NOT NULL, datagrams_down INTEGER NOT NULL,
  dropped INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE usage (
  forward TEXT NOT NULL, period TEXT NOT NULL, label TEXT NOT NULL,
  upload INTEGER NOT NULL, download INTEGER NOT NULL, connections INTEGER NOT NULL, sessions INTEGER NOT NULL,
  errors INTEGER NOT NULL,
  PRIMARY KEY (forward, period, label)
) STRICT, WITHOUT ROWID;

CREATE TABLE quota (
  key TEXT PRIMARY KEY, period TEXT NOT NULL, starts INTEGER NOT NULL,
  upload INTEGER NOT NULL, download INTEGER NOT NULL, raised INTEGER NOT NULL, warned INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE event (
  id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL,
  kind TEXT NOT NULL, subject TEXT NOT NULL, text TEXT NOT NULL
) STRICT;
CREATE INDEX event_by_subject ON event (subject, id);

CREATE TABLE runtime_forward (name TEXT PRIMARY KEY, json TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE import (
  source TEXT NOT NULL, forward TEXT NOT NULL, PRIMARY KEY (source, forward)
) STRICT, WITHOUT ROWID;
)sql"};

// Tidegate's, or empty and about to be.
Result<> check_owner(Database& database) {
  const auto application = database.integer("PRAGMA application_id");
  if (!application) return std::unexpected{application.error()};
  const auto tables = database.integer("SELECT count(*) FROM sqlite_schema");
  if (!tables) return std::unexpected{tables.error()};
  if (*application == kApplication || (*application == 0 && *tables == 0)) return {};
  return failure("open {}: it is a database, but not tidegate's; it is left as it was", database.path());
}

Result<> check_version(Database& database, std::size_t newest) {
  const auto version = database.integer("PRAGMA user_version");
  if (!version) return std::unexpected{version.error()};
  if (*version >= 0 && std::cmp_less_equal(*version, newest)) return {};
  return failure("open {}: the store is of version {}, and this tidegate knows versions up to {}; it is left as it was",
                 database.path(), *version, newest);
}

Result<> check_health(Database& database) {
  std::string found;
  const auto asked = database.query("PRAGMA quick_check(1)", {}, [&](const Row& row) { found = row.text(0); });
  if (!asked) return std::unexpected{asked.error()};
  if (found == "ok") return {};
  return std::unexpected{Error{fmt::format("check {}: {}", database.path(), found), EUCLEAN}};
}

// A commit is on disk when it returns (synchronous = FULL): with NORMAL a power loss takes back what was written since
// the last checkpoint, which at a transaction a second may be minutes.
Result<> prepare(Database& database) {
  database.checkpoint_on_close(true);
  return database.script(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 8388608;"
      "PRAGMA foreign_keys = ON;");
}

Result<OpenedDatabase> open_once(const std::string& path) {
  auto database = Database::open(path);
  if (!database) return std::unexpected{database.error()};
  database->checkpoint_on_close(false);  // until it is known to be ours
  auto done = check_owner(*database);
  if (done) done = check_version(*database, kSteps.size());
  if (done) done = check_health(*database);
  if (done) done = prepare(*database);
  bool fresh = false;
  if (done) {
    const auto version = database->integer("PRAGMA user_version");
    if (!version) return std::unexpected{version.error()};
    fresh = *version == 0;
    done = migrate(*database, kSteps);
  }
  if (!done) return std::unexpected{done.error()};
  return OpenedDatabase{.database = std::move(*database), .fresh = fresh};
}

}  // namespace

Result<> migrate(Database& database, std::span<const char* const> steps) {
  return database.transaction([&]() -> Result<> {
    if (auto known = check_version(database, steps.size()); !known) return known;
    const auto version = database.integer("PRAGMA user_version");
    if (!version) return std::unexpected{version.error()};
    if (std::cmp_equal(*version, steps.size())) return {};
    for (const auto* step : steps.subspan(static_cast<std::size_t>(*version)))
      if (auto done = database.script(step); !done) return done;
    return database.script(
        fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {};", kApplication, steps.size()));
  });
}

Result<OpenedDatabase> open_database(const std::string& path) {
  if (path.empty()) return open_once(path);
  std::string damaged_as;
  std::string damage;
  if (std::filesystem::exists(path)) {
    auto opened = open_once(path);
    if (opened || opened.error().code != EUCLEAN) return opened;
    auto aside = set_aside(path, {"-wal", "-shm"});
    if (!aside) return std::unexpected{aside.error()};
    damaged_as = std::move(*aside);
    damage = opened.error().what;
  }
  auto restored = restore_backup(path);
  if (!restored) return std::unexpected{restored.error()};
  auto opened = open_once(path);
  if (*restored && !opened && opened.error().code == EUCLEAN) {  // no use either, and still there as the backup
    restored->reset();
    damage += (damage.empty() ? "" : "; ") + opened.error().what;
    if (const auto aside = set_aside(path, {"-wal", "-shm"}); !aside) return std::unexpected{aside.error()};
    opened = open_once(path);
  }
  if (!opened) return opened;
  opened->damaged_as = std::move(damaged_as);
  opened->damage = std::move(damage);
  opened->restored = *restored;
  return opened;
}

}  // namespace tidegate
