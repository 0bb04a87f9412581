// What goes wrong with the store's files, with real files and real faults: kill -9, damage, a full disk.
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "store/store.h"
#include "store/store_for_tests.h"
#include "tests/support/temporary_directory.h"

namespace tidegate {
namespace {

using test::account;
using test::open_store;
using test::save_totals;
using test::TemporaryDirectory;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::size_t kThreads = 2;

// A page that the child writes and the parent reads.
struct Progress {
  std::atomic<std::uint64_t> counted[kThreads];
  std::atomic<std::uint64_t> saves;
  std::atomic<bool> failed;
};

// The child: two data threads count as fast as they can and tell after each, the control thread saves.
[[noreturn]] void count_until_killed(const std::string& path, Progress& progress) {
  const auto store = open_store(path, kThreads);
  const auto web = account(*store, "web");
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (std::size_t i = 0; i < kThreads; ++i)
    threads.emplace_back([&, i] {
      for (std::uint64_t n = 1;; ++n) {
        web.cells[i].upload.add(1);
        progress.counted[i].store(n, std::memory_order_release);
      }
    });
  for (;;) {
    if (!save_totals(*store, {"web"})) progress.failed = true;
    ++progress.saves;
  }
}

TEST(StoreFailure, kill_9_loses_no_byte_ten_times) {
  const TemporaryDirectory folder;
  const auto path = folder.file("store.db");
  void* page = ::mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(page, MAP_FAILED);
  auto& progress = *new (page) Progress{};
  std::mt19937 random{20'261'121};
  std::uint64_t before = 0;

  for (int round = 0; round < 10; ++round) {
    for (auto& counted : progress.counted) counted = 0;
    progress.saves = 0;
    const auto child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) count_until_killed(path, progress);
    const auto moment = std::uniform_int_distribution<std::uint64_t>{1, 3'000'000}(random);
    while (progress.counted[0] < moment || progress.counted[1] == 0 || progress.saves < 2) {
      ASSERT_EQ(::waitpid(child, nullptr, WNOHANG), 0) << "it ended by itself";
      ::sched_yield();
    }
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);

    const auto told = before + progress.counted[0] + progress.counted[1];
    const auto store = open_store(path, kThreads);
    EXPECT_THAT(store->take_notes(), IsEmpty());
    const auto web = account(*store, "web");
    EXPECT_GE(web.base.upload, told);
    EXPECT_LE(web.base.upload, told + kThreads);  // counted, and not yet told
    EXPECT_GT(web.recorded.upload, before);
    EXPECT_LE(web.recorded.upload, web.base.upload);
    EXPECT_FALSE(progress.failed);
    before = web.base.upload;
  }
  ::munmap(page, sizeof(Progress));
}

// A store in which "web" has counted 1000 and the database knows it, and then 5 more.
void make_store(const std::string& path) {
  const auto store = open_store(path);
  const auto web = account(*store, "web");
  web.cells[0].upload.add(1000);
  Batch batch{.totals = {{"web", web.now()}}};
  for (int i = 0; i < 2000; ++i)
    batch.events.push_back({.kind = "woke", .subject = "web", .text = std::string(50, 'x')});
  const auto saved = store->save(batch);
  ASSERT_TRUE(saved) << saved.error().what;
  web.cells[0].upload.add(5);
}

void overwrite(const std::string& path, std::streamoff at, std::size_t bytes) {
  std::fstream stream{path, std::ios::in | std::ios::out | std::ios::binary};
  stream.seekp(at);
  stream << std::string(bytes, '\xa5');
}

TEST(StoreFailure, a_damaged_database_is_kept_aside_and_the_counters_are_believed) {
  const std::function<void(const std::string&)> damages[] = {
      [](const std::string& path) { overwrite(path, 0, 100); },
      [](const std::string& path) { overwrite(path, 4096, 40'000); },
      [](const std::string& path) { std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2); },
      [](const std::string& path) {
        std::ofstream{path, std::ios::trunc} << "this is no database, and long enough to tell";
      },
  };
  for (std::size_t i = 0; i < std::size(damages); ++i) {
    const TemporaryDirectory folder;
    const auto path = folder.file("store.db");
    make_store(path);
    damages[i](path);
    const auto damaged = test::file_bytes(path);
    {
      const auto store = open_store(path);
      EXPECT_THAT(store->take_notes(), ElementsAre(AllOf(HasSubstr("kept as " + path + ".damaged-1"),
                                                         HasSubstr("taken from " + path + ".counters (1 forwards)"))))
          << i;
      const auto web = account(*store, "web");
      EXPECT_EQ(web.base.upload, 1005U) << i;
      EXPECT_EQ(web.recorded, web.base) << i;  // none of it is of this hour
      EXPECT_THAT(*store->events({}), IsEmpty()) << i;
    }
    EXPECT_EQ(test::file_bytes(path + ".damaged-1"), damaged) << i;
    EXPECT_THAT(open_store(path)->take_notes(), IsEmpty()) << i;
  }
}

// The usage of the hour in which all was counted, as the store at `path` knows it after it was backed up and then lost.
void lose_after_backup(const std::string& path, const std::function<void(const std::string&)>& lose) {
  constexpr WallTime kNow{std::chrono::hours{24 * 365 * 50}};
  {
    const auto store = open_store(path);
    const auto web = account(*store, "web");
    web.cells[0].upload.add(1000);
    const UsageBucket hour{.period = QuotaPeriod::hour, .label = "2019-12-20 00", .upload = 1000};
    Batch batch{.totals = {{"web", web.now()}}, .usage = {{"web", hour}}};
    batch.quotas.push_back({.key = "web/quota", .period = "2019-12", .upload = 1000});
    const auto saved = store->save(batch);
    ASSERT_TRUE(saved) << saved.error().what;
    for (int i = 0; i < 100 && !std::filesystem::exists(backup_of(path)); ++i) {
      const auto backed = store->back_up(kNow);
      ASSERT_TRUE(backed) << backed.error().what;
    }
    ASSERT_TRUE(std::filesystem::exists(backup_of(path)));
    web.cells[0].upload.add(5);
    const auto again = store->save({.totals = {{"web", web.now()}}});
    ASSERT_TRUE(again) << again.error().what;
  }
  lose(path);
}

TEST(StoreFailure, a_damaged_or_missing_database_is_replaced_by_its_backup_and_what_was_counted_since) {
  for (const bool damaged : {true, false}) {
    const TemporaryDirectory folder;
    const auto path = folder.file("store.db");
    lose_after_backup(path, [&](const std::string& at) {
      damaged ? overwrite(at, 0, 100) : static_cast<void>(std::filesystem::remove(at));
    });
    const auto store = open_store(path);
    EXPECT_THAT(store->take_notes(),
                ElementsAre(AllOf(HasSubstr(damaged ? "kept as " + path + ".damaged-1" : path + " was missing"),
                                  HasSubstr("its backup of "))));
    const auto web = account(*store, "web");
    EXPECT_EQ(web.base.upload, 1005U);
    EXPECT_EQ(web.recorded.upload, 1000U);  // what came since is still to be given to an hour
    EXPECT_EQ(store->usage("web", QuotaPeriod::hour, 10)->at(0).upload, 1000U);
    EXPECT_EQ((*store->quota("web/quota"))->upload, 1000U);
  }
}

TEST(StoreFailure, where_the_backup_is_damaged_too_the_counters_are_believed) {
  const TemporaryDirectory folder;
  const auto path = folder.file("store.db");
  lose_after_backup(path, [&](const std::string& at) {
    overwrite(at, 0, 100);
    overwrite(backup_of(at), 0, 100);
  });
  const auto store = open_store(path);
  EXPECT_THAT(store->take_notes(), ElementsAre(HasSubstr("taken from " + path + ".counters (1 forwards)")));
  EXPECT_EQ(account(*store, "web").base.upload, 1005U);
}

TEST(StoreFailure, a_backup_is_made_anew_each_hour_and_one_broken_off_is_begun_again) {
  const TemporaryDirectory folder;
  const auto path = folder.file("store.db");
  make_store(path);
  const auto store = open_store(path);
  WallTime now{std::chrono::hours{24 * 365 * 50}};
  std::ofstream{backup_of(path) + ".new"} << "half of one";
  const auto step_until_made = [&] {
    for (int i = 0; i < 100 && !std::filesystem::exists(backup_of(path)); ++i) ASSERT_TRUE(store->back_up(now));
  };
  step_until_made();
  ASSERT_TRUE(std::filesystem::remove(backup_of(path)));
  now += std::chrono::minutes{59};
  ASSERT_TRUE(store->back_up(now));
  EXPECT_FALSE(std::filesystem::exists(backup_of(path) + ".new"));
  now += std::chrono::minutes{1};
  step_until_made();
  EXPECT_TRUE(std::filesystem::exists(backup_of(path)));
}

TEST(StoreFailure, a_missing_database_begins_with_the_counters) {
  const TemporaryDirectory folder;
  const auto path = folder.file("store.db");
  make_store(path);
  std::filesystem::remove(path);
  const auto store = open_store(path);
  EXPECT_THAT(store->take_notes(), ElementsAre(HasSubstr(path + " was missing; totals are taken from")));
  EXPECT_EQ(account(*store, "web").base.upload, 1005U);
}

TEST(StoreFailure, a_missing_counter_file_begins_with_the_database) {
  const TemporaryDirectory folder;
  const auto path = folder.file("store.db");
  make_store(path);
  std::filesystem::remove(path + ".counters");
  const auto store = open_store(path);
  EXPECT_THAT(store->take_notes(), ElementsAre(HasSubstr(path + ".counters was missing")));
  EXPECT_EQ(account(*store, "web").base.upload, 1000U);
}

TEST(StoreFailure, a_damaged_counter_file_is_kept_aside_and_the_database_believed) {
  const TemporaryDirectory folder;
  const auto path = folder.file("store.db");
  for (int number = 1; number <= 3; ++number) {
    if (number == 1) make_store(path);
    switch (number) {
      case 1:
        overwrite(path + ".counters", 0, 8);
        break;
      case 2:
        overwrite(path + ".counters", 4096 + 20, 1000);
        break;
      default:
        std::filesystem::resize_file(path + ".counters", 4096 + 300);
    }
    const auto store = open_store(path);
    EXPECT_THAT(store->take_notes(),
                ElementsAre(HasSubstr(fmt::format("kept as {}.counters.damaged-{}", path, number))));
    EXPECT_EQ(account(*store, "web").base.upload, 1000U);
  }
}

TEST(StoreFailure, counters_behind_the_database_are_told_and_not_believed) {
  const TemporaryDirectory folder;
  const auto path = folder.file("store.db");
  make_store(path);
  std::filesystem::copy_file(path + ".counters", path + ".old");
  {
    const auto store = open_store(path);
    account(*store, "web").cells[0].upload.add(10);
    account(*store, "web").cells[0].errors.add(1);
    ASSERT_TRUE(save_totals(*store, {"web"}));
  }
  std::filesystem::rename(path + ".old", path + ".counters");
  const auto store = open_store(path);
  EXPECT_THAT(store->take_notes(), ElementsAre(HasSubstr("was behind the database for 1 of its forwards")));
  EXPECT_EQ(account(*store, "web").base, (ForwardTotals{.upload = 1015, .errors = 1}));
}

TEST(StoreFailure, a_newer_database_leaves_everything_as_it_was) {
  const TemporaryDirectory folder;
  const auto path = folder.file("store.db");
  make_store(path);
  {
    auto database = Database::open(path);
    ASSERT_TRUE(database && database->script("PRAGMA user_version = 99"));
  }
  const auto counters = test::file_bytes(path + ".counters");
  const auto store = Store::open(path, 1);
  ASSERT_FALSE(store);
  EXPECT_THAT(store.error().what, HasSubstr("of version 99"));
  EXPECT_EQ(test::file_bytes(path + ".counters"), counters);
  EXPECT_FALSE(std::filesystem::exists(path + ".damaged-1"));
}

// A file system of a few pages, in a mount namespace of this process alone.
class SmallDisk {
 public:
  // Empty where it is mounted, else the reason why not.
  std::string mount() {
    if (::unshare(CLONE_NEWNS) != 0) return fmt::format("no mount namespace: {}", std::strerror(errno));
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", folder_.file(".").c_str(), "tmpfs", 0, "size=1m") != 0)
      return fmt::format("mount a tmpfs: {}", std::strerror(errno));
    mounted_ = true;
    return {};
  }
  SmallDisk() = default;
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() {
    if (mounted_) ::umount2(folder_.file(".").c_str(), MNT_DETACH);
  }

  [[nodiscard]] std::string file(std::string_view name) const { return folder_.file(name); }

  void fill() const {
    std::ofstream stream{file("filler"), std::ios::binary};
    while (stream << std::string(512, 'x') << std::flush) continue;
  }
  void make_room() const { std::filesystem::remove(file("filler")); }

 private:
  TemporaryDirectory folder_;
  bool mounted_ = false;
};

TEST(StoreFailure, a_full_disk_stops_neither_counting_nor_later_saving) {
  SmallDisk disk;
  if (const auto reason = disk.mount(); !reason.empty()) GTEST_SKIP() << reason;
  const auto path = disk.file("store.db");
  constexpr int kForwards = 200;
  const auto name = [](int i) { return fmt::format("forward {}", i); };
  {
    const auto store = open_store(path);
    ASSERT_TRUE(save_totals(*store, {name(0)}));
    disk.fill();

    Batch batch{.usage = {{name(0), {.period = QuotaPeriod::hour, .label = "2026-11-21T14", .upload = 1}}}};
    for (int i = 0; i < kForwards; ++i) {
      const auto one = account(*store, name(i));
      one.cells[0].upload.add(7);  // no SIGBUS
      batch.totals.push_back({name(i), one.now()});
      batch.events.push_back({.kind = "woke", .subject = name(i), .text = std::string(1000, 'x')});
    }
    const auto notes = store->take_notes();
    ASSERT_FALSE(notes.empty());
    EXPECT_THAT(notes.front(), AllOf(HasSubstr("No space left on device"), HasSubstr("counted in memory")));

    for (int attempt = 0; attempt < 3; ++attempt) {
      const auto saved = store->save(batch);
      ASSERT_FALSE(saved);
      EXPECT_THAT(saved.error().what, HasSubstr(path));
      EXPECT_EQ(saved.error().code, ENOSPC);
    }
    disk.make_room();
    const auto saved = store->save(batch);
    ASSERT_TRUE(saved) << saved.error().what;
  }
  const auto store = open_store(path);
  EXPECT_THAT(store->take_notes(), IsEmpty());
  for (int i = 0; i < kForwards; ++i) ASSERT_EQ(account(*store, name(i)).base.upload, 7U) << i;
  EXPECT_EQ(store->events({.most = 1000})->size(), 200U);
}

TEST(StoreFailure, a_disk_that_is_full_at_the_start_leaves_the_counters_in_memory) {
  SmallDisk disk;
  if (const auto reason = disk.mount(); !reason.empty()) GTEST_SKIP() << reason;
  const auto path = disk.file("store.db");
  make_store(path);
  auto kept_open = Database::open(path);  // with its -wal and -shm there, a full disk is found at the counters
  ASSERT_TRUE(kept_open && kept_open->integer("SELECT count(*) FROM forward"));
  disk.fill();
  {
    const auto store = open_store(path);
    EXPECT_THAT(store->take_notes(),
                ElementsAre(AllOf(HasSubstr("No space left"), HasSubstr("all forwards are counted in memory"))));
    const auto web = account(*store, "web");
    EXPECT_EQ(web.now().upload, 1005U);
    web.cells[0].upload.add(1);
    disk.make_room();
    ASSERT_TRUE(save_totals(*store, {"web"}));
  }
  const auto store = open_store(path);
  EXPECT_EQ(account(*store, "web").base.upload, 1006U);
}

}  // namespace
}  // namespace tidegate
