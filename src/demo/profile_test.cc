#include "demo/profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

namespace tidegate::demo {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Instant kBegin{std::chrono::hours{1}};

LoadProfile profile(std::string_view text) {
  auto parsed = LoadProfile::parse(text);
  EXPECT_TRUE(parsed) << parsed.error().what;
  return parsed.value_or(LoadProfile{});
}

TEST(Profile, is_read_and_written_alike) {
  for (const auto* const text : {"20/s:1m,100/s:20s,20/s:1m", "max:10s", "1/s:250ms,max:1h30m"})
    EXPECT_EQ(profile(text).to_string(), text);
  EXPECT_EQ(profile(" 20/s : 60s , 100/s:20s,20/s:60"), LoadProfile::standard());
  EXPECT_EQ(LoadProfile::standard().length(), seconds{140});
}

TEST(Profile, that_is_wrong_is_quoted) {
  for (const auto* const text : {"", "20/s", "20:60s", "/s:1s", "0/s:1s", "-1/s:1s", "2000000/s:1s", "20/s:soon",
                                 "20/s:0", "max:25h", "max:13h,max:13h", "20/s:1s,", "20 /s:1s x"}) {
    EXPECT_FALSE(LoadProfile::parse(text)) << text;
  }
  EXPECT_EQ(LoadProfile::parse("1/s:1s,2:3").error().what,
            "\"2:3\" is not a rate for a time (try 20/s:60s or max:10s)");
}

// The requests of each second, when nobody is ever late.
std::map<std::int64_t, int> by_second(Schedule schedule) {
  std::map<std::int64_t, int> counts;
  while (const auto next = schedule.next(kBegin)) {
    ++counts[std::chrono::floor<seconds>(next->due - kBegin).count()];
    schedule.advance();
  }
  return counts;
}

TEST(Schedule, has_each_second_the_rate_of_its_stage) {
  EXPECT_THAT(by_second({profile("3/s:2s,5/s:1s,1/s:1s"), kBegin}),
              testing::ElementsAre(std::pair{0, 3}, std::pair{1, 3}, std::pair{2, 5}, std::pair{3, 1}));
}

TEST(Schedule, of_the_original_has_4400_requests) {
  EXPECT_EQ(Schedule(LoadProfile::standard(), kBegin).left(), 4400U);
}

TEST(Schedule, begins_at_once_and_goes_evenly_by_the_millisecond) {
  Schedule schedule{profile("3/s:1s"), kBegin};
  for (const auto at : {0, 333, 666}) {
    EXPECT_EQ(schedule.next(kBegin)->due, kBegin + milliseconds{at});
    schedule.advance();
  }
  EXPECT_FALSE(schedule.next(kBegin));
}

TEST(Schedule, forgets_nothing_when_it_is_late) {
  Schedule schedule{profile("1/s:2s,1/s:1s"), kBegin};
  const auto late = kBegin + seconds{100};
  for (const auto due : {0, 1, 2}) {
    ASSERT_TRUE(schedule.next(late));
    EXPECT_EQ(schedule.next(late)->due, kBegin + seconds{due});
    schedule.advance();
  }
  EXPECT_FALSE(schedule.next(late));
}

TEST(Schedule, asks_at_any_time_of_a_stage_without_a_rate_and_leaves_it_by_time) {
  Schedule schedule{profile("1/s:1s,max:1s,1/s:1s"), kBegin};
  schedule.advance();
  EXPECT_EQ(schedule.next(kBegin)->due, kBegin + seconds{1}) << "not before its time";
  const auto within = kBegin + milliseconds{1500};
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(schedule.next(within)->due, within);
    EXPECT_FALSE(schedule.next(within)->paced);
    schedule.advance();
  }
  EXPECT_EQ(schedule.next(kBegin + seconds{2})->due, kBegin + seconds{2});
  EXPECT_TRUE(schedule.next(kBegin + seconds{2})->paced);
}

TEST(Schedule, passes_over_a_stage_too_short_for_its_rate) {
  Schedule schedule{profile("1/s:500ms,1/s:1s"), kBegin};
  EXPECT_EQ(schedule.next(kBegin)->due, kBegin + milliseconds{500});
}

TEST(Schedule, has_nothing_left_when_it_is_abandoned) {
  Schedule schedule{profile("10/s:1s"), kBegin};
  schedule.advance();
  EXPECT_EQ(schedule.left(), 9U);
  schedule.abandon();
  EXPECT_EQ(schedule.left(), 0U);
  EXPECT_FALSE(schedule.next(kBegin));
}

}  // namespace
}  // namespace tidegate::demo
