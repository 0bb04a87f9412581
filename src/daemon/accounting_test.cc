#include "daemon/accounting.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "daemon/books_for_tests.h"
#include "tests/support/temporary_directory.h"

namespace tidegate {
namespace {

using namespace std::chrono_literals;
using test::forward;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr WallTime kNovember = std::chrono::sys_days{std::chrono::year{2024} / 11 / 20};
constexpr std::size_t kThreads = 2;

ForwardSettings limited(std::uint64_t limit, std::uint64_t monthly = 0) {
  auto settings = forward("web", 7000, 7001);
  settings.limit = limit;
  settings.limit_monthly = monthly;
  return settings;
}

// The books of one run of the daemon. They end as `kill -9` ends them: what was not saved by then is not in the
// database.
class BooksOfARun {
 public:
  BooksOfARun(const std::string& path, const std::vector<ForwardSettings>& forwards,
              const std::vector<QuotaSettings>& groups = {}, WallTime now = kNovember)
      : books_{Accounting::open(path, kThreads,
                                {.tell =
                                     [this](EventKind kind, const std::string&, const std::string& text) {
                                       told_.push_back(fmt::format("{}: {}", to_string(kind), text));
                                     },
                                 .quota_changed = [](const auto&) {}})
                   .value()} {
    serve(forwards, groups, now);
  }

  void serve(const std::vector<ForwardSettings>& forwards, const std::vector<QuotaSettings>& groups = {},
             WallTime now = kNovember) {
    plans_ = books_->plan(forwards, groups, now).value();
    books_->commit(now);
  }

  // As the data threads do it.
  void carry(std::uint64_t upload, std::uint64_t download, std::size_t thread = 0) {
    auto& cell = *plans_.front().counters[thread];
    cell.upload.add(upload);
    cell.download.add(download);
  }

  [[nodiscard]] Accounting& books() { return *books_; }
  [[nodiscard]] std::uint64_t used(std::string_view key) const {
    return books_->quotas().find(key)->second.quota.used();
  }
  [[nodiscard]] const std::vector<std::string>& told() const { return told_; }

 private:
  std::vector<std::string> told_;
  std::unique_ptr<Accounting> books_;
  std::vector<ForwardPlan> plans_;
};

class AccountingTest : public testing::Test {
 protected:
  test::TemporaryDirectory folder_;
  std::string path_ = folder_.file("store.db");
};

TEST_F(AccountingTest, loses_and_doubles_nothing_when_the_month_changes_under_load) {
  constexpr std::uint64_t kEach = 200'000;
  BooksOfARun run{{}, {limited(0, 1'000'000'000)}};
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (std::size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&run, i] {
      for (std::uint64_t n = 0; n < kEach; ++n) run.carry(3, 2, i);
    });
  }
  // A month goes by with each look, as long as bytes come and a clock of nanoseconds has months (until 2262).
  constexpr std::uint64_t kAll = kThreads * kEach * 5;
  constexpr int kMostMonths = 2500;
  WallTime now = kNovember;
  for (int months = 0;; ++months) {
    run.books().count(now);
    const auto totals = run.books().totals("web");
    if (totals.upload + totals.download == kAll) break;
    if (months < kMostMonths) now += std::chrono::days{31};
  }
  for (auto& thread : threads) thread.join();
  run.books().count(now);

  const Usage& usage = *run.books().usage("web");
  EXPECT_EQ(usage.totals().upload, kThreads * kEach * 3);
  EXPECT_EQ(usage.totals().download, kThreads * kEach * 2);
  const auto month = usage.month(now, run.books().zone());
  EXPECT_EQ(run.used("web/limit_monthly"), month.upload + month.download);
}

TEST_F(AccountingTest, keeps_every_month_of_what_was_carried_while_they_changed) {
  BooksOfARun run{{}, {limited(0, 1'000'000)}};
  for (const unsigned month : {11U, 12U}) {
    run.carry(std::uint64_t{10} * month, month);
    run.books().count(std::chrono::sys_days{std::chrono::year{2024} / std::chrono::month{month} / 28});
  }
  std::vector<std::uint64_t> uploads;
  for (const auto& bucket : run.books().usage("web")->list(QuotaPeriod::month)) uploads.push_back(bucket.upload);
  EXPECT_THAT(uploads, ElementsAre(110, 120));
  EXPECT_EQ(run.used("web/limit_monthly"), 132);
}

TEST_F(AccountingTest, a_clock_that_jumps_back_does_not_open_a_month_again) {
  BooksOfARun run{{}, {limited(0, 100)}};
  const auto december = kNovember + std::chrono::days{20};
  run.books().count(december);
  run.carry(100, 0);
  run.books().count(december);
  const auto share = run.books().share("web/limit_monthly");
  EXPECT_TRUE(share->reached);
  run.books().count(kNovember);
  EXPECT_TRUE(share->reached);
  EXPECT_EQ(share->up->left(), 100);  // what the data threads had is theirs to take; nothing was given anew
  EXPECT_EQ(run.used("web/limit_monthly"), 100);
  run.books().count(december + std::chrono::days{31});
  EXPECT_FALSE(share->reached);
  EXPECT_EQ(run.used("web/limit_monthly"), 0);
}

TEST_F(AccountingTest, what_a_killed_run_did_not_save_counts_in_each_of_its_quotas) {
  auto settings = limited(10'000, 5'000);
  settings.quota = QuotaSettings{.bytes = 2'000, .group = "family"};
  const std::vector<QuotaSettings> groups{{.bytes = 3'000, .group = "family"}};
  const std::vector<std::string> keys{"web/limit", "web/limit_monthly", "web/quota", "group/family"};
  std::uint64_t carried = 0;
  for (int kill = 0; kill < 3; ++kill) {
    BooksOfARun run{path_, {settings}, groups};
    for (const auto& key : keys) EXPECT_EQ(run.used(key), carried) << key << " after " << kill;
    run.carry(70, 30);
    run.carry(7, 3, 1);
    carried += 110;
    if (kill > 0) {  // the first is killed before it saves anything
      run.books().save(kNovember);
      run.carry(1, 1);
      carried += 2;
    }
  }
  const BooksOfARun run{path_, {settings}, groups};
  for (const auto& key : keys) EXPECT_EQ(run.used(key), carried) << key;
}

TEST_F(AccountingTest, a_limit_that_is_new_begins_with_all_that_the_forward_carried) {
  BooksOfARun run{path_, {limited(0)}};
  run.carry(600, 300);
  run.serve({limited(1'000, 2'000)});
  EXPECT_EQ(run.used("web/limit"), 900);
  EXPECT_EQ(run.used("web/limit_monthly"), 900);
  EXPECT_EQ(run.books().share("web/limit")->up->left(), 100);
}

TEST_F(AccountingTest, a_quota_that_left_and_comes_again_has_not_forgotten) {
  BooksOfARun run{path_, {limited(1'000)}};
  run.carry(600, 300);
  run.serve({limited(0)});
  EXPECT_EQ(run.books().quotas().size(), 0);
  run.serve({limited(1'000)});
  EXPECT_EQ(run.used("web/limit"), 900);
}

TEST_F(AccountingTest, says_that_a_period_began_while_it_was_away) {
  {
    BooksOfARun run{path_, {limited(0, 100)}};
    run.carry(100, 0);
    run.books().save(kNovember);
  }
  const BooksOfARun run{path_, {limited(0, 100)}, {}, kNovember + std::chrono::days{20}};
  EXPECT_EQ(run.used("web/limit_monthly"), 0);
  EXPECT_THAT(run.told(), ElementsAre(AllOf(HasSubstr("renewed"), HasSubstr("2024-12 begins"))));
}

TEST_F(AccountingTest, says_that_a_datagram_without_room_has_reached_a_limit) {
  BooksOfARun run{path_, {limited(1'000)}};
  const auto share = run.books().share("web/limit");
  ASSERT_EQ(share->up->take(900), 900);  // as leases do
  run.carry(900, 0);
  run.books().dry("web/limit", 300, {.free = 100}, kNovember);
  EXPECT_TRUE(share->reached);
  EXPECT_THAT(run.told(), ElementsAre(AllOf(HasSubstr("reached"), HasSubstr("300 bytes has no room"))));
  EXPECT_TRUE(run.books().raise("web/limit", 500, kNovember));
  EXPECT_FALSE(share->reached);
}

TEST_F(AccountingTest, does_not_cut_while_a_data_thread_may_hold_what_is_left) {
  BooksOfARun run{path_, {limited(1'000)}};
  const auto share = run.books().share("web/limit");
  ASSERT_EQ(share->up->take(1'000), 1'000);  // 900 by one data thread, and 100 by the other after it was asked
  run.carry(900, 0);
  run.books().dry("web/limit", 1, {.free = 100}, kNovember);
  EXPECT_FALSE(share->reached);
  EXPECT_FALSE(share->dry) << "who finds nothing again asks again";
  run.books().dry("web/limit", 1, {.reserved = 100}, kNovember);
  EXPECT_TRUE(share->reached) << "they are on their way";
}

TEST(Accounting, lets_what_the_kernel_may_pass_follow_what_it_has_counted) {
  auto settings = limited(1000);
  settings.engine = ForwardEngine::kernel;
  BooksOfARun run{"", {settings}};
  const auto share = run.books().share("web/limit");
  ASSERT_NE(share, nullptr);
  EXPECT_FALSE(share->leased);
  EXPECT_EQ(share->up->left(), 1000U);
  run.carry(600, 100, kThreads);  // the kernel's cell is the last
  run.books().count(kNovember);
  EXPECT_EQ(share->up->left(), 300U);
  EXPECT_FALSE(share->closed());
  run.books().over("web/limit");
  EXPECT_TRUE(share->closed()) << "the next packet had no room";
  EXPECT_TRUE(run.books().raise("web/limit", 50, kNovember));
  EXPECT_FALSE(share->closed());
  EXPECT_EQ(share->up->left(), 350U);
  settings.engine = ForwardEngine::user;
  run.serve({settings});
  EXPECT_NE(run.books().share("web/limit"), share) << "from now on it is leased";
  EXPECT_EQ(run.used("web/limit"), 700U);
}

}  // namespace
}  // namespace tidegate
