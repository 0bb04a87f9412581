#include "meter/rate_limit.h"

#include <gtest/gtest.h>

#include <future>
#include <random>
#include <vector>

namespace tidegate {
namespace {

using namespace std::chrono_literals;

constexpr Instant at(Duration time) { return Instant{time}; }
constexpr Duration kUptime = std::chrono::days{365 * 10};

TEST(RateLimit, limits_nothing_unless_it_is_told_to) {
  RateLimit limit;
  EXPECT_FALSE(limit.limits());
  EXPECT_EQ(limit.take(1'000'000, at(0s)), 1'000'000U);
  EXPECT_EQ(limit.next(1'000'000, at(3s)), at(3s));
  limit.set(10, 1s, 10);
  EXPECT_TRUE(limit.limits());
  limit.set(0, 1s, 10);
  EXPECT_FALSE(limit.limits());
  limit.give_back(5);
  EXPECT_EQ(limit.take(7, at(0s)), 7U);
}

TEST(RateLimit, gives_a_burst_and_then_the_rate) {
  RateLimit limit{10, 1s, 5};
  EXPECT_EQ(limit.take(7, at(kUptime)), 5U);
  EXPECT_EQ(limit.take(1, at(kUptime + 99ms)), 0U);
  EXPECT_EQ(limit.take(1, at(kUptime + 100ms)), 1U);
  EXPECT_EQ(limit.take(9, at(kUptime + 350ms)), 2U);
  EXPECT_EQ(limit.take(9, at(kUptime + 400ms)), 1U);
  EXPECT_EQ(limit.take(9, at(kUptime + 1h)), 5U);
}

TEST(RateLimit, a_burst_is_at_least_one) {
  RateLimit limit{1, 1s, 0};
  EXPECT_EQ(limit.take(3, at(1s)), 1U);
  EXPECT_EQ(limit.take(3, at(2s)), 1U);
}

TEST(RateLimit, says_exactly_when_there_is_enough) {
  RateLimit limit{3, 1s, 3};
  EXPECT_EQ(limit.next(3, at(5s)), at(5s));
  EXPECT_EQ(limit.take(3, at(5s)), 3U);
  EXPECT_EQ(limit.next(1, at(5s)), at(5'333'333'334ns));  // a third of a second, rounded up
  EXPECT_EQ(limit.take(1, at(5'333'333'333ns)), 0U);
  EXPECT_EQ(limit.take(1, at(5'333'333'334ns)), 1U);
  EXPECT_EQ(limit.next(100, at(6s)), limit.next(3, at(6s)));  // more than a burst is never there at once
}

TEST(RateLimit, takes_back_what_was_not_used) {
  RateLimit limit{1000, 1s, 1000};
  EXPECT_EQ(limit.take(1000, at(1s)), 1000U);
  limit.give_back(400);
  EXPECT_EQ(limit.take(1000, at(1s)), 400U);
  limit.give_back(1'000'000);  // never fuller than full
  EXPECT_EQ(limit.take(5000, at(1s)), 1000U);
}

TEST(RateLimit, a_new_rate_begins_with_a_full_bucket_and_the_same_again_changes_nothing) {
  RateLimit limit{1, 1min, 60};
  EXPECT_EQ(limit.take(60, at(1s)), 60U);
  limit.set(1, 1min, 60);
  EXPECT_EQ(limit.take(60, at(1s)), 0U);
  limit.set(1'000'000, 1s, 50);
  EXPECT_EQ(limit.take(60, at(1s)), 50U);
  limit.give_back(50);
  limit.set(10, 1s, 5);
  limit.give_back(5);  // taken before the change: the bucket is full already
  EXPECT_EQ(limit.take(60, at(0s)), 5U);
}

TEST(RateLimit, keeps_the_rate_from_one_a_minute_to_20_GB_a_second_through_years_of_uptime) {
  struct Case {
    std::uint64_t units;
    Duration within;
    std::uint64_t burst;
    std::uint64_t want;
    Duration step;
  };
  for (const Case& each :
       {Case{1, 1min, 1, 1, 700ms}, Case{1, std::chrono::days{365}, 1, 1, 1h}, Case{7, 1s, 3, 2, 13ms},
        Case{20'000'000'000, 1s, 2'000'000'000, 1500, 70ns}, Case{19'700'000'001, 1s, 65'536, 65'536, 400ns}}) {
    RateLimit limit{each.units, each.within, each.burst};
    Instant now = at(kUptime);
    std::uint64_t taken = limit.take(each.burst, now);
    ASSERT_EQ(taken, each.burst);
    constexpr int kSteps = 20'000;
    for (int i = 0; i < kSteps; ++i) {
      now += each.step;
      taken += limit.take(each.want, now);
    }
    const double due = static_cast<double>(each.units) * std::chrono::duration<double>{now - at(kUptime)}.count() /
                       std::chrono::duration<double>{each.within}.count();
    const auto after_burst = static_cast<double>(taken - each.burst);
    EXPECT_LE(after_burst, due + 1e-6) << each.units;
    EXPECT_GE(after_burst, due * 0.999 - static_cast<double>(each.want) - 1) << each.units;
  }
}

TEST(RateLimit, waiting_until_next_is_always_enough_and_a_nanosecond_less_is_not) {
  std::mt19937_64 random{3};
  for (int round = 0; round < 2000; ++round) {
    const std::uint64_t burst = 1 + random() % 100'000;
    RateLimit limit{1 + random() % 1'000'000,
                    Duration{1'000'000 + static_cast<std::int64_t>(random() % 60'000'000'000)}, burst};
    Instant now = at(kUptime);
    EXPECT_EQ(limit.take(burst, now), burst);
    const std::uint64_t want = 1 + random() % burst;
    now = limit.next(want, now);
    ASSERT_LT(limit.take(want, now - 1ns), want);
  }
  for (int round = 0; round < 2000; ++round) {
    const std::uint64_t burst = 1 + random() % 100'000;
    RateLimit limit{1 + random() % 20'000'000'000, 1s, burst};
    Instant now = at(kUptime);
    for (int i = 0; i < 10; ++i) {
      const std::uint64_t want = 1 + random() % burst;
      now = limit.next(want, now);
      ASSERT_EQ(limit.take(want, now), want);
    }
  }
}

TEST(RateLimit, threads_together_never_get_more_than_the_rate_and_a_burst) {
  constexpr std::uint64_t kRate = 1'000'000'000;
  constexpr std::uint64_t kBurst = 100'000;
  constexpr std::int64_t kSteps = 100'000;
  RateLimit limit{kRate, 1s, kBurst};
  std::atomic<std::int64_t> clock{0};  // all threads drive it, and each may use a time that has passed
  const auto draw = [&](unsigned seed) {
    std::mt19937 random{seed};
    std::uint64_t taken = 0;
    for (std::int64_t i = 0; i < kSteps; ++i) {
      const std::uint64_t got = limit.take(1 + random() % 3000, at(Duration{clock.fetch_add(100)}));
      const std::uint64_t unused = got > 0 && random() % 4 == 0 ? random() % got : 0;
      limit.give_back(unused);
      taken += got - unused;
    }
    return taken;
  };
  std::vector<std::future<std::uint64_t>> threads;
  threads.reserve(4);
  for (unsigned seed = 0; seed < 4; ++seed) threads.push_back(std::async(std::launch::async, draw, seed));
  std::uint64_t taken = 0;
  for (auto& thread : threads) taken += thread.get();
  const auto due = static_cast<std::uint64_t>(clock.load());  // one unit a nanosecond
  EXPECT_LE(taken, due + kBurst);
  EXPECT_GE(taken, due * 9 / 10);
}

TEST(RateLimit, a_change_while_threads_draw_leaves_no_debt_of_the_old_rate) {
  RateLimit limit{1, 1h, 100};
  std::atomic<bool> stop{false};
  const auto draw = [&] {
    std::uint64_t most = 0;
    while (!stop) {
      most = std::max(most, limit.take(1000, at(1s)));
      limit.give_back(1);
    }
    return most;
  };
  std::vector<std::future<std::uint64_t>> threads;
  threads.reserve(4);
  for (int i = 0; i < 3; ++i) threads.push_back(std::async(std::launch::async, draw));
  for (int i = 0; i < 20'000; ++i) {
    limit.set(1, 1h, 100);            // a burst is a debt of four days
    limit.set(1'000'000, 1s, 1'000);  // a burst is a debt of a millisecond
  }
  stop = true;
  for (auto& thread : threads) EXPECT_LE(thread.get(), 1000U);
  EXPECT_LE(limit.next(1000, at(1s)), at(1s + 1ms));
}

}  // namespace
}  // namespace tidegate
