// See sqlite.h. https://www.sqlite.org/cintro.html, https://www.sqlite.org/rescode.html
#include "store/sqlite.h"

#include <fcntl.h>
#include <sqlite3.h>

#include <cerrno>
#include <utility>

#include "base/fd.h"

namespace tidegate {
namespace {

constexpr int kBusyMilliseconds = 1000;  // a reader never blocks us; another writer (a person's shell) may, this long

int errno_of(sqlite3* connection) {
  switch (sqlite3_errcode(connection) & 0xff) {
    case SQLITE_FULL:
      return ENOSPC;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return EUCLEAN;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return EBUSY;
    default:  // a file that could not be opened, read or written
      return sqlite3_system_errno(connection) == 0 ? EIO : sqlite3_system_errno(connection);
  }
}

}  // namespace

int Value::bind(sqlite3_stmt* statement, int index) const {
  if (const auto* number = std::get_if<std::int64_t>(&value_)) return sqlite3_bind_int64(statement, index, *number);
  const auto text = std::get<std::string_view>(value_);
  // A view without data would bind NULL.
  return sqlite3_bind_text64(statement, index, text.empty() ? "" : text.data(), text.size(), SQLITE_STATIC,
                             SQLITE_UTF8);
}

std::int64_t Row::integer(int column) const { return sqlite3_column_int64(statement_, column); }

std::uint64_t Row::count(int column) const { return static_cast<std::uint64_t>(integer(column)); }

std::string Row::text(int column) const {
  const void* bytes = sqlite3_column_blob(statement_, column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
  return bytes == nullptr ? std::string{} : std::string{static_cast<const char*>(bytes), size};
}

void Database::Close::operator()(sqlite3* connection) const { sqlite3_close_v2(connection); }
void Database::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

Database::Database(std::unique_ptr<sqlite3, Close> connection, std::string path)
    : connection_{std::move(connection)}, path_{std::move(path)} {}

Result<Database> Database::open(const std::string& path) {
  if (!path.empty()) {  // SQLite would make it readable for all; its -wal and -shm take the mode of the file
    const Fd file{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
    if (!file) return system_failure("open " + path);
  }
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(path.empty() ? ":memory:" : path.c_str(), &raw,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  Database database{std::unique_ptr<sqlite3, Close>{raw}, path.empty() ? "the store in memory" : path};
  if (code != SQLITE_OK) return database.failed("open");
  sqlite3_busy_timeout(raw, kBusyMilliseconds);
  return database;
}

std::unexpected<Error> Database::failed(std::string_view doing) const {
  return std::unexpected{
      Error{fmt::format("{} {}: {}", doing, path_, sqlite3_errmsg(connection_.get())), errno_of(connection_.get())}};
}

Result<sqlite3_stmt*> Database::prepared(std::string_view sql) {
  if (const auto found = statements_.find(std::string{sql}); found != statements_.end()) return found->second.get();
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v3(connection_.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  if (code != SQLITE_OK) return failed("read");
  return statements_.emplace(sql, Statement{raw}).first->second.get();
}

Result<> Database::run(std::string_view sql, std::initializer_list<Value> values) {
  return query(sql, values, [](const Row&) {});
}

Result<> Database::query(std::string_view sql, std::initializer_list<Value> values, const EachRow& each) {
  const auto found = prepared(sql);
  if (!found) return std::unexpected{found.error()};
  sqlite3_stmt* statement = *found;
  const auto doing = sqlite3_stmt_readonly(statement) != 0 ? "read" : "write";

  int code = SQLITE_OK;
  int index = 0;
  for (const auto& value : values)
    if (code == SQLITE_OK) code = value.bind(statement, ++index);
  if (code == SQLITE_OK)
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) each(Row{statement});
  Result<> result;
  if (code != SQLITE_DONE) result = failed(doing);
  sqlite3_reset(statement);
  sqlite3_clear_bindings(statement);
  return result;
}

Result<std::int64_t> Database::integer(std::string_view sql, std::initializer_list<Value> values) {
  std::int64_t number = 0;
  bool first = true;
  const auto done = query(sql, values, [&](const Row& row) {
    if (std::exchange(first, false)) number = row.integer(0);
  });
  if (!done) return std::unexpected{done.error()};
  return number;
}

Result<> Database::script(const std::string& sql) {
  if (sqlite3_exec(connection_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) return failed("write");
  return {};
}

Result<> Database::transaction(const std::function<Result<>()>& body) {
  if (auto begun = run("BEGIN IMMEDIATE"); !begun) return begun;
  auto done = body();
  if (done) done = run("COMMIT");
  // After some errors SQLite has rolled back by itself.
  if (!done && sqlite3_get_autocommit(connection_.get()) == 0) {
    if (const auto back = run("ROLLBACK"); !back) done.error().what += "; " + back.error().what;
  }
  return done;
}

// --- Copy

Database::Copy::Copy(std::unique_ptr<sqlite3, Close> into, std::unique_ptr<sqlite3_backup, Finish> copying,
                     std::string path)
    : into_{std::move(into)}, copying_{std::move(copying)}, path_{std::move(path)} {}

void Database::Copy::Finish::operator()(sqlite3_backup* copying) const { sqlite3_backup_finish(copying); }

std::unexpected<Error> Database::Copy::failed(int code) const {
  return std::unexpected{Error{fmt::format("copy to {}: {}", path_, sqlite3_errstr(code)), errno_of(into_.get())}};
}

Result<bool> Database::Copy::step(int pages) {
  const int code = sqlite3_backup_step(copying_.get(), pages);
  if (code == SQLITE_OK || code == SQLITE_BUSY || code == SQLITE_LOCKED) return false;
  if (code != SQLITE_DONE) return failed(code);
  const int finished = sqlite3_backup_finish(copying_.release());  // commits, and so waits for the disk
  if (finished != SQLITE_OK) return failed(finished);
  return true;
}

Result<Database::Copy> Database::copy_to(const std::string& path) {
  auto into = open(path);
  if (!into) return std::unexpected{into.error()};
  sqlite3_backup* const copying = sqlite3_backup_init(into->connection_.get(), "main", connection_.get(), "main");
  if (copying == nullptr) return into->failed("copy to");
  return Copy{std::move(into->connection_), std::unique_ptr<sqlite3_backup, Copy::Finish>{copying}, path};
}

void Database::checkpoint_on_close(bool yes) {
  sqlite3_db_config(connection_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, yes ? 0 : 1, nullptr);
}

}  // namespace tidegate
