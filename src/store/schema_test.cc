#include "store/schema.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>

#include "tests/support/temporary_directory.h"

namespace tidegate {
namespace {

using test::file_bytes;
using test::TemporaryDirectory;
using testing::HasSubstr;

constexpr std::array kThreeSteps = {"CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (5)",
                                    "CREATE TABLE b (y INTEGER) STRICT; INSERT INTO b SELECT x * 2 FROM a",
                                    "DROP TABLE a"};

Database in_memory() {
  auto database = Database::open("");
  EXPECT_TRUE(database) << database.error().what;
  return std::move(*database);
}

TEST(Schema, of_any_older_version_is_brought_to_the_newest) {
  for (std::size_t from = 0; from <= kThreeSteps.size(); ++from) {
    auto database = in_memory();
    ASSERT_TRUE(migrate(database, std::span{kThreeSteps}.first(from)));
    const auto migrated = migrate(database, kThreeSteps);
    ASSERT_TRUE(migrated) << migrated.error().what;
    EXPECT_EQ(database.integer("PRAGMA user_version"), 3) << from;
    EXPECT_EQ(database.integer("SELECT y FROM b"), 10) << from;
    EXPECT_EQ(database.integer("SELECT count(*) FROM sqlite_schema"), 1) << from;
  }
}

TEST(Schema, stays_as_it_was_where_a_step_fails) {
  auto database = in_memory();
  ASSERT_TRUE(migrate(database, std::span{kThreeSteps}.first(1)));
  constexpr std::array kBad = {kThreeSteps[0], kThreeSteps[1], "DROP TABLE no_such"};
  const auto migrated = migrate(database, kBad);
  ASSERT_FALSE(migrated);
  EXPECT_THAT(migrated.error().what, HasSubstr("no_such"));
  EXPECT_EQ(database.integer("PRAGMA user_version"), 1);
  EXPECT_EQ(database.integer("SELECT count(*) FROM sqlite_schema WHERE name = 'b'"), 0);
}

TEST(OpenDatabase, makes_a_file_that_only_its_owner_may_read) {
  const TemporaryDirectory folder;
  const auto opened = open_database(folder.file("store.db"));
  ASSERT_TRUE(opened) << opened.error().what;
  EXPECT_TRUE(opened->fresh);
  for (const auto* name : {"store.db", "store.db-wal", "store.db-shm"}) {
    struct stat status{};
    ASSERT_EQ(::stat(folder.file(name).c_str(), &status), 0) << name;
    EXPECT_EQ(status.st_mode & 0777, 0600U) << name;
  }
}

TEST(OpenDatabase, commits_to_the_disk_each_time) {
  const TemporaryDirectory folder;
  auto opened = open_database(folder.file("store.db"));
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->database.integer("PRAGMA synchronous"), 2);  // FULL
}

TEST(OpenDatabase, of_a_newer_version_leaves_it_untouched) {
  const TemporaryDirectory folder;
  const auto path = folder.file("store.db");
  {
    auto opened = open_database(path);
    ASSERT_TRUE(opened);
    ASSERT_TRUE(
        opened->database.script("PRAGMA user_version = 77; CREATE TABLE later (x); INSERT INTO later VALUES (1)"));
  }
  const auto before = file_bytes(path);
  const auto opened = open_database(path);
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().what, HasSubstr("of version 77, and this tidegate knows versions up to 1"));
  EXPECT_NE(opened.error().code, EUCLEAN);
  EXPECT_EQ(file_bytes(path), before);
}

TEST(OpenDatabase, of_another_program_leaves_it_untouched) {
  const TemporaryDirectory folder;
  const auto path = folder.file("store.db");
  {
    auto other = Database::open(path);
    ASSERT_TRUE(other);
    ASSERT_TRUE(other->script("CREATE TABLE recipes (name)"));
  }
  const auto before = file_bytes(path);
  const auto opened = open_database(path);
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().what, HasSubstr("not tidegate's"));
  EXPECT_EQ(file_bytes(path), before);
}

TEST(Database, names_the_file_and_the_fault_in_its_errors) {
  const TemporaryDirectory folder;
  const auto none = Database::open(folder.file("no/such/folder"));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().what, "open " + folder.file("no/such/folder") + ": No such file or directory");
  auto text = Database::open(folder.write("text", std::string(5000, 'x')));
  ASSERT_TRUE(text);
  const auto read = text->integer("PRAGMA user_version");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, EUCLEAN);
  EXPECT_EQ(read.error().what, "read " + folder.file("text") + ": file is not a database");
}

TEST(Database, keeps_numbers_and_texts_as_they_were) {
  auto database = in_memory();
  ASSERT_TRUE(database.script("CREATE TABLE t (n INTEGER NOT NULL, s TEXT NOT NULL) STRICT"));
  const std::string text{"a\0\n☃", 6};
  constexpr std::uint64_t kLargest = ~std::uint64_t{0};
  ASSERT_TRUE(database.run("INSERT INTO t VALUES (?, ?)", {kLargest, text}));
  ASSERT_TRUE(database.run("INSERT INTO t VALUES (?, ?)", {-3, std::string_view{}}));
  std::vector<std::pair<std::uint64_t, std::string>> rows;
  ASSERT_TRUE(database.query("SELECT n, s FROM t ORDER BY rowid", {},
                             [&](const Row& row) { rows.emplace_back(row.count(0), row.text(1)); }));
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0], (std::pair{kLargest, text}));
  EXPECT_EQ(rows[1].second, "");
}

TEST(Database, rolls_a_failed_transaction_back) {
  auto database = in_memory();
  ASSERT_TRUE(database.script("CREATE TABLE t (n INTEGER) STRICT"));
  const auto done = database.transaction([&]() -> Result<> {
    EXPECT_TRUE(database.run("INSERT INTO t VALUES (1)"));
    return failure("no further");
  });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().what, "no further");
  EXPECT_EQ(database.integer("SELECT count(*) FROM t"), 0);
  EXPECT_TRUE(database.transaction([&] { return database.run("INSERT INTO t VALUES (2)"); }));
  EXPECT_EQ(database.integer("SELECT n FROM t"), 2);
}

}  // namespace
}  // namespace tidegate
