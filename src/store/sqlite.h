// SQLite in three small classes: a database with the statements it has prepared, a value to bind, a row to read. Errors
// say what was done to which file; their code is ENOSPC (disk full), EUCLEAN (damaged, or no database), EBUSY, the
// system's, or EIO.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>

#include "base/error.h"

struct sqlite3;
struct sqlite3_stmt;
struct sqlite3_backup;

namespace tidegate {

// What takes the place of a `?`: a number (64 bits, kept bit by bit) or a text that outlives the call.
class Value {
 public:
  template <std::integral Number>
  Value(Number number) : value_{static_cast<std::int64_t>(number)} {}
  Value(std::string_view text) : value_{text} {}
  Value(const std::string& text) : value_{std::string_view{text}} {}

  // SQLite's result code.
  [[nodiscard]] int bind(sqlite3_stmt* statement, int index) const;

 private:
  std::variant<std::int64_t, std::string_view> value_;
};

// One row of an answer; columns count from 0.
class Row {
 public:
  explicit Row(sqlite3_stmt* statement) : statement_{statement} {}
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] std::uint64_t count(int column) const;  // a number that was bound unsigned
  [[nodiscard]] std::string text(int column) const;

 private:
  sqlite3_stmt* statement_;
};

class Database {
 public:
  struct Close {
    void operator()(sqlite3* connection) const;
  };
  using EachRow = std::function<void(const Row&)>;

  // Opens the file, made (0600) where it is missing; an empty path is a database in memory. Reads nothing of it yet.
  [[nodiscard]] static Result<Database> open(const std::string& path);

  // One statement, prepared once and kept, so its text must be one of a fixed few.
  [[nodiscard]] Result<> run(std::string_view sql, std::initializer_list<Value> values = {});
  [[nodiscard]] Result<> query(std::string_view sql, std::initializer_list<Value> values, const EachRow& each);

  // The first column of the first row, 0 where there is none.
  [[nodiscard]] Result<std::int64_t> integer(std::string_view sql, std::initializer_list<Value> values = {});

  // Several statements at once, not kept.
  [[nodiscard]] Result<> script(const std::string& sql);

  // Body between BEGIN IMMEDIATE and COMMIT; its error, or COMMIT's, rolls everything back.
  [[nodiscard]] Result<> transaction(const std::function<Result<>()>& body);

  // A copy in progress of all of this database, as it is when the last step is done. Lives no longer than this.
  class Copy {
   public:
    // Copies up to `pages` more pages; true: all of it is there and on disk.
    [[nodiscard]] Result<bool> step(int pages);

   private:
    friend class Database;
    struct Finish {
      void operator()(sqlite3_backup* copying) const;
    };
    Copy(std::unique_ptr<sqlite3, Close> into, std::unique_ptr<sqlite3_backup, Finish> copying, std::string path);
    [[nodiscard]] std::unexpected<Error> failed(int code) const;

    std::unique_ptr<sqlite3, Close> into_;
    std::unique_ptr<sqlite3_backup, Finish> copying_;  // goes before what it writes into
    std::string path_;
  };

  // Begins one to the file `path`, which is made (0600) or written over.
  [[nodiscard]] Result<Copy> copy_to(const std::string& path);

  // Whether the last connection to close moves the log into the database file (SQLite does, by default).
  void checkpoint_on_close(bool yes);

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

  Database(std::unique_ptr<sqlite3, Close> connection, std::string path);
  [[nodiscard]] Result<sqlite3_stmt*> prepared(std::string_view sql);
  [[nodiscard]] std::unexpected<Error> failed(std::string_view doing) const;

  std::unique_ptr<sqlite3, Close> connection_;
  std::string path_;                                       // as errors name it
  std::unordered_map<std::string, Statement> statements_;  // by their text
};

}  // namespace tidegate
