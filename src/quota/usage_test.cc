#include "quota/usage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "quota/period.h"

namespace tidegate {
namespace {

using namespace std::chrono_literals;
using std::chrono::sys_days;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

const WallTime kNovember = sys_days{2026y / 11 / 21} + 14h + 30min;
const WallTime kDecember = sys_days{2026y / 12 / 1} + 0h;
constexpr QuotaPeriod kKinds[] = {QuotaPeriod::hour, QuotaPeriod::day, QuotaPeriod::month};

ForwardTotals bytes(std::uint64_t upload, std::uint64_t download) {
  ForwardTotals delta;
  delta.upload = upload;
  delta.download = download;
  return delta;
}

UsageBucket bucket(QuotaPeriod period, std::string label, std::uint64_t upload, std::uint64_t download = 0) {
  return {.period = period, .label = std::move(label), .upload = upload, .download = download};
}

UsageBucket sum(const std::vector<UsageBucket>& buckets) {
  UsageBucket sum;
  for (const auto& each : buckets) {
    sum.upload += each.upload;
    sum.download += each.download;
    sum.connections += each.connections;
    sum.sessions += each.sessions;
    sum.errors += each.errors;
  }
  return sum;
}

TEST(Usage, adds_to_the_hour_the_day_the_month_and_the_totals) {
  Usage usage;
  const ForwardTotals delta{
      .upload = 1, .download = 2, .connections = 3, .sessions = 4, .errors = 5, .refused = 6, .dropped = 7};
  usage.add(delta, kNovember, {});
  usage.add(delta, kNovember + 1h, {});
  const auto expected = [](QuotaPeriod period, std::string label, std::uint64_t times) {
    return UsageBucket{period, std::move(label), times, 2 * times, 3 * times, 4 * times, 5 * times};
  };
  EXPECT_THAT(usage.list(QuotaPeriod::hour), ElementsAre(expected(QuotaPeriod::hour, "2026-11-21T14", 1),
                                                         expected(QuotaPeriod::hour, "2026-11-21T15", 1)));
  EXPECT_THAT(usage.list(QuotaPeriod::day), ElementsAre(expected(QuotaPeriod::day, "2026-11-21", 2)));
  EXPECT_THAT(usage.list(QuotaPeriod::month), ElementsAre(expected(QuotaPeriod::month, "2026-11", 2)));
  EXPECT_EQ(usage.totals().refused, 12U);
  EXPECT_EQ(usage.totals().errors, 10U);
}

TEST(Usage, names_its_buckets_by_local_time) {
  Usage usage;
  usage.add(bytes(1, 0), sys_days{2026y / 10 / 31} + 23h, Zone::from_rule("CET-1").value());
  EXPECT_THAT(usage.list(QuotaPeriod::hour), ElementsAre(bucket(QuotaPeriod::hour, "2026-11-01T00", 1)));
  EXPECT_THAT(usage.list(QuotaPeriod::month), ElementsAre(bucket(QuotaPeriod::month, "2026-11", 1)));
}

TEST(Usage, nothing_carried_opens_no_bucket) {
  Usage usage;
  usage.add({}, kNovember, {});
  ForwardTotals refused;
  refused.refused = 1;
  usage.add(refused, kNovember, {});
  EXPECT_THAT(usage.list(QuotaPeriod::hour), IsEmpty());
  EXPECT_THAT(usage.changed(), IsEmpty());
  EXPECT_EQ(usage.totals(), refused);
}

TEST(Usage, a_clock_that_jumps_back_adds_to_the_newest_buckets) {
  Usage usage;
  usage.add(bytes(1, 0), kDecember, {});
  usage.add(bytes(2, 0), kNovember, {});
  EXPECT_THAT(usage.list(QuotaPeriod::hour), ElementsAre(bucket(QuotaPeriod::hour, "2026-12-01T00", 3)));
  EXPECT_THAT(usage.list(QuotaPeriod::month), ElementsAre(bucket(QuotaPeriod::month, "2026-12", 3)));
  EXPECT_EQ(usage.month(kNovember, {}), (Usage::Month{.upload = 3}));
}

TEST(Usage, a_start_before_the_saved_buckets_adds_to_the_newest_of_them) {
  Usage usage{bytes(5, 0),
              {bucket(QuotaPeriod::hour, "2026-12-01T00", 5), bucket(QuotaPeriod::day, "2026-12-01", 5),
               bucket(QuotaPeriod::month, "2026-12", 5)}};
  usage.add(bytes(1, 0), kNovember, {});
  EXPECT_THAT(usage.list(QuotaPeriod::hour), ElementsAre(bucket(QuotaPeriod::hour, "2026-12-01T00", 6)));
  EXPECT_EQ(usage.totals(), bytes(6, 0));
}

TEST(Usage, knows_the_present_month_and_a_new_one_is_empty) {
  Usage usage;
  EXPECT_EQ(usage.month(kNovember, {}), Usage::Month{});
  usage.add(bytes(3, 4), kNovember, {});
  EXPECT_EQ(usage.month(kDecember - 1ns, {}), (Usage::Month{.upload = 3, .download = 4}));
  EXPECT_EQ(usage.month(kDecember, {}), Usage::Month{});
}

TEST(Usage, gives_what_changed_once) {
  Usage usage;
  usage.add(bytes(1, 0), kNovember, {});
  EXPECT_THAT(usage.changed(), SizeIs(3));
  EXPECT_THAT(usage.changed(), IsEmpty());
  usage.add(bytes(1, 0), kNovember + 1h, {});
  EXPECT_THAT(usage.changed(),
              ElementsAre(bucket(QuotaPeriod::hour, "2026-11-21T15", 1), bucket(QuotaPeriod::day, "2026-11-21", 2),
                          bucket(QuotaPeriod::month, "2026-11", 2)));
}

TEST(Usage, gives_again_what_could_not_be_saved_as_it_is_by_then) {
  Usage usage;
  usage.add(bytes(1, 0), kNovember, {});
  const auto lost = usage.changed();
  usage.add(bytes(1, 0), kNovember + 1h, {});
  usage.not_saved(lost);
  EXPECT_THAT(usage.changed(),
              ElementsAre(bucket(QuotaPeriod::hour, "2026-11-21T15", 1), bucket(QuotaPeriod::hour, "2026-11-21T14", 1),
                          bucket(QuotaPeriod::day, "2026-11-21", 2), bucket(QuotaPeriod::month, "2026-11", 2)));
  usage.not_saved(std::vector{bucket(QuotaPeriod::hour, "1999-01-01T00", 1)});
  EXPECT_THAT(usage.changed(), IsEmpty());
}

TEST(Usage, goes_on_with_what_was_saved_in_any_order) {
  Usage usage{bytes(6, 0),
              {bucket(QuotaPeriod::day, "2026-11-21", 4), bucket(QuotaPeriod::day, "2026-11-20", 1),
               bucket(QuotaPeriod::day, "2026-11-21", 5), bucket(QuotaPeriod::month, "2026-11", 6)}};
  usage.add(bytes(1, 0), kNovember, {});
  EXPECT_THAT(usage.list(QuotaPeriod::day),
              ElementsAre(bucket(QuotaPeriod::day, "2026-11-20", 1), bucket(QuotaPeriod::day, "2026-11-21", 6)));
  EXPECT_EQ(usage.month(kNovember, {}), (Usage::Month{.upload = 7}));
  EXPECT_EQ(usage.totals(), bytes(7, 0));
}

TEST(Usage, keeps_so_many_and_lets_the_oldest_leave) {
  Usage usage;
  WallTime now = kNovember;
  for (std::size_t i = 0; i < Usage::kHours + 5; ++i, now += 1h) usage.add(bytes(1, 0), now, {});
  const auto hours = usage.list(QuotaPeriod::hour);
  ASSERT_THAT(hours, SizeIs(Usage::kHours));
  EXPECT_EQ(hours.front().label, "2026-11-21T19");
  EXPECT_EQ(hours.back().label, period_at(QuotaPeriod::hour, {}, now - 1h).label);
  EXPECT_EQ(sum(usage.changed()).upload, 2 * (Usage::kHours + 5) + Usage::kHours);
  EXPECT_THAT(usage.changed(), IsEmpty());
}

TEST(Usage, no_random_course_of_traffic_and_clocks_loses_or_doubles_anything) {
  const Zone zone = Zone::from_rule("CET-1CEST,M3.5.0,M10.5.0/3").value();
  for (unsigned seed = 0; seed < 20; ++seed) {
    std::mt19937 random{seed};
    Usage usage;
    WallTime now = sys_days{2026y / 3 / 20} + 0h;
    ForwardTotals expected;
    std::map<std::pair<QuotaPeriod, std::string>, UsageBucket> store;
    for (int i = 0; i < 2000; ++i) {
      const auto dice = random() % 100;
      if (dice < 70) now += std::chrono::seconds{random() % 3};
      if (dice >= 70 && dice < 96) now += std::chrono::minutes{random() % 60};
      if (dice >= 96 && dice < 98) now += std::chrono::hours{random() % 72};
      if (dice >= 98) now -= std::chrono::hours{random() % 200};
      const ForwardTotals delta{.upload = random() % 1000,
                                .download = random() % 1000,
                                .connections = random() % 2,
                                .sessions = random() % 2,
                                .errors = random() % 2};
      expected += delta;
      usage.add(delta, now, zone);
      if (random() % 10 == 0) {
        auto changed = usage.changed();
        if (random() % 3 == 0) {
          usage.not_saved(changed);
        } else {
          for (const auto& each : changed) store[{each.period, each.label}] = each;
        }
      }
      if (random() % 200 == 0) {  // a restart, with all saved
        for (const auto& each : usage.changed()) store[{each.period, each.label}] = each;
        std::vector<UsageBucket> saved;
        saved.reserve(store.size());
        for (const auto& [key, each] : store) saved.push_back(each);
        std::ranges::shuffle(saved, random);
        usage = Usage{usage.totals(), saved};
      }
    }
    ASSERT_EQ(usage.totals(), expected);
    const UsageBucket all{.upload = expected.upload,
                          .download = expected.download,
                          .connections = expected.connections,
                          .sessions = expected.sessions,
                          .errors = expected.errors};
    for (const auto& each : usage.changed()) store[{each.period, each.label}] = each;
    for (const QuotaPeriod kind : kKinds) {
      const auto buckets = usage.list(kind);
      ASSERT_LT(buckets.size(), Usage::kHours);
      ASSERT_EQ(sum(buckets), all);
      ASSERT_TRUE(std::ranges::is_sorted(buckets, {}, &UsageBucket::label));
      for (const auto& each : buckets) ASSERT_EQ(store.at({kind, each.label}), each);
    }
  }
}

}  // namespace
}  // namespace tidegate
