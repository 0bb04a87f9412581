#include "alert/alert.h"

namespace tidegate {
namespace {

using namespace std::chrono_literals;

constexpr AlertLevel kTwentyASecond{.value = 20};

Now at(std::chrono::seconds second) {
  return {.instant = Instant{second}, .wall = WallTime{std::chrono::seconds{1'700'000'000} + second}};
}

AlertReading requests(std::uint64_t count) { return {.requests = count, .latency = {}}; }
AlertReading errors(std::uint64_t wrong, std::uint64_t of) { return {.responses = of, .errors = wrong, .latency = {}}; }
AlertReading latency(std::optional<Duration> time) { return {.responses = 1, .latency = time}; }

AlertSettings settings(AlertLevel when, Duration over = 2min) {
  AlertSettings s;
  s.name = "a";
  s.when = when;
  s.over = over;
  return s;
}

// A second after the other: "." nothing, "R" raised, "r" recovered.
std::string story(Alert& alert, const std::vector<AlertReading>& readings, std::chrono::seconds from = 0s) {
  std::string text;
  for (const AlertReading& reading : readings) {
    const auto change = alert.step(reading, at(from++));
    text += !change ? '.' : change->raised ? 'R' : 'r';
    EXPECT_TRUE(!change || change->raised == alert.raised());
  }
  return text;
}

std::string story(AlertSettings s, const std::vector<AlertReading>& readings) {
  Alert alert{std::move(s)};
  return story(alert, readings);
}

TEST(Alert, is_raised_at_its_level_and_recovers_below_it_once_each) {
  EXPECT_EQ(story(settings(kTwentyASecond), {requests(0), requests(2399), requests(2400), requests(9999),
                                             requests(2400), requests(2399), requests(2399), requests(2400)}),
            "..R..r.R");
}

TEST(Alert, divides_by_its_whole_window_from_the_first_second_on) {
  // 100 requests in the first second are no 20 a second over two minutes.
  Alert alert{settings(kTwentyASecond)};
  EXPECT_FALSE(alert.step(requests(100), at(0s)));
  EXPECT_DOUBLE_EQ(*alert.value(), 100.0 / 120);
  EXPECT_TRUE(alert.step(requests(2400), at(1s)));
  EXPECT_DOUBLE_EQ(*alert.value(), 20);
}

// The functional test of Traffic Watch: 60 s at 20/s, 20 s at 100/s, 60 s at 20/s and then nothing, over two minutes.
TEST(Alert, follows_the_scenario_of_traffic_watch) {
  const auto sent_by = [](std::int64_t second) {
    const auto in = [&](std::int64_t from, std::int64_t to) { return std::clamp(second, from, to) - from; };
    return 20 * in(0, 60) + 100 * in(60, 80) + 20 * in(80, 140);
  };
  Alert alert{settings(kTwentyASecond)};
  std::vector<std::pair<std::int64_t, bool>> changes;
  for (std::int64_t second = 1; second <= 300; ++second) {
    const auto hits = static_cast<std::uint64_t>(sent_by(second) - sent_by(std::max<std::int64_t>(0, second - 120)));
    if (const auto change = alert.step(requests(hits), at(std::chrono::seconds{second}))) {
      changes.emplace_back(second, change->raised);
      EXPECT_EQ(change->reading.requests, hits);
    }
  }
  // 1200 after a minute, 2400 twelve seconds later; 3200 of 4400 are left at 180 s, and the burst leaves by 100 a
  // second.
  EXPECT_THAT(changes, testing::ElementsAre(std::pair{72, true}, std::pair{189, false}));
  EXPECT_EQ(alert.history().size(), 2U);
}

TEST(Alert, takes_a_total_as_well) {
  EXPECT_EQ(story(settings({.total = true, .value = 5}, 10s), {requests(4), requests(5), requests(4)}), ".Rr");
}

TEST(Alert, knows_at_the_level_from_beyond_it) {
  EXPECT_EQ(story(settings({.or_equal = false, .value = 1}, 1s), {requests(1), requests(2), requests(1)}), ".Rr");
  EXPECT_TRUE(holds({.above = false, .or_equal = true, .value = 3}, 3));
  EXPECT_TRUE(holds({.above = false, .or_equal = false, .value = 3}, 2.9));
  EXPECT_FALSE(holds({.above = false, .or_equal = false, .value = 3}, 3));
  EXPECT_FALSE(holds({.above = false, .or_equal = true, .value = 3}, 3.1));
}

TEST(Alert, may_clear_at_another_level_than_it_is_raised) {
  AlertSettings s = settings({.value = 20}, 1s);
  s.clear = AlertLevel{.above = false, .or_equal = false, .value = 15};
  EXPECT_EQ(
      story(s, {requests(15), requests(20), requests(19), requests(15), requests(14), requests(19), requests(20)}),
      ".R..r.R");
}

TEST(Alert, stays_raised_and_clear_for_the_least_times) {
  AlertSettings s = settings({.value = 1}, 1s);
  s.min_raised = 3s;
  s.min_clear = 2s;
  const auto on = requests(1);
  const auto off = requests(0);
  EXPECT_EQ(story(s, {on, off, off, off, on, on, off, off, off}), "R..r.R..r");
  EXPECT_EQ(story(s, {on, off, off, on, off}), "R...r");
}

TEST(Alert, says_how_long_the_least_time_of_its_state_still_lasts) {
  AlertSettings s = settings({.value = 1}, 1s);
  s.min_raised = 3s;
  s.min_clear = 2500ms;
  Alert alert{s};
  EXPECT_FALSE(alert.waits(at(0s).instant)) << "it was never raised";
  ASSERT_TRUE(alert.step(requests(1), at(1s)));
  EXPECT_EQ(alert.waits(at(1s).instant), 3s);
  EXPECT_EQ(alert.waits(at(3s).instant), 1s);
  EXPECT_FALSE(alert.waits(at(4s).instant));
  ASSERT_TRUE(alert.step(requests(0), at(5s)));
  EXPECT_EQ(alert.waits(at(7s).instant), 500ms);
  EXPECT_FALSE(alert.waits(at(8s).instant));
}

TEST(Alert, sees_no_share_of_errors_where_nothing_was_answered) {
  const AlertLevel five_percent{.quantity = AlertQuantity::errors, .value = 0.05};
  EXPECT_EQ(story(settings(five_percent), {errors(0, 0), errors(4, 100), errors(5, 100), errors(0, 0)}), "..Rr");
  AlertSettings s = settings(five_percent);
  s.clear = AlertLevel{.quantity = AlertQuantity::errors, .above = false, .value = 0.01};
  EXPECT_EQ(story(s, {errors(1, 1), errors(2, 100), errors(0, 0), errors(2, 100)}), "R.r.");
}

TEST(Alert, sees_no_latency_where_nothing_was_answered) {
  const AlertLevel slow{.quantity = AlertQuantity::latency, .value = 0.3};
  EXPECT_EQ(story(settings(slow), {latency(std::nullopt), latency(299ms), latency(300ms), latency(std::nullopt)}),
            "..Rr");
}

TEST(Alert, judges_too_little_only_after_a_whole_window) {
  const AlertLevel quiet{.above = false, .or_equal = false, .value = 1};
  EXPECT_EQ(story(settings(quiet, 3s), {requests(0), requests(0), requests(0), requests(0), requests(3)}), "...Rr");
}

TEST(Alert, keeps_a_bounded_history) {
  Alert alert{settings({.value = 1}, 1s)};
  for (int i = 0; i < 150; ++i) EXPECT_TRUE(alert.step(requests(i % 2 == 0 ? 1 : 0), at(std::chrono::seconds{i})));
  EXPECT_EQ(alert.history().size(), Alert::kMostHistory);
  EXPECT_EQ(alert.history().front().at.instant, at(50s).instant);
  EXPECT_EQ(alert.history().back().at.instant, at(149s).instant);
  EXPECT_FALSE(alert.history().back().raised);
}

}  // namespace
}  // namespace tidegate
