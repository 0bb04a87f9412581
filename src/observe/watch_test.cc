// A watch is driven by the time of its packets alone: figures, alerts and losses come out the same every time.
#include "observe/watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>
#include <limits>
#include <tuple>

#include "observe/saved_traffic_for_tests.h"

namespace tidegate {
namespace {

using namespace std::chrono_literals;
using test::Conversation;
using test::kTrafficBegins;
using test::SavedTraffic;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

WatchSettings shop() { return {.name = "shop", .ports = {80}}; }

AlertSettings busy(double requests_per_second, Duration over) {
  AlertSettings alert{.name = "busy", .over = over};
  alert.when.value = requests_per_second;
  return alert;
}

Now moment(Duration since_begin) {
  const auto at = kTrafficBegins + since_begin;
  return {.instant = Instant{at.time_since_epoch()}, .wall = at};
}

// A watch, and what its alerts did: the second since the traffic began, and whether it was raised.
class Watched {
 public:
  explicit Watched(const WatchSettings& settings, std::uint64_t seed = 0)
      : watch{settings, seed, [this](const AlertSettings&, const AlertChange& change) {
                changes.emplace_back(std::chrono::duration<double>(change.at.wall - kTrafficBegins).count(),
                                     change.raised);
                hits.push_back(change.reading.requests);
              }} {}
  Watched(const WatchSettings& settings, const SavedTraffic& traffic, std::uint64_t seed = 0)
      : Watched{settings, seed} {
    play(traffic);
  }

  void play(const SavedTraffic& traffic) {
    traffic.play([this](const Sample& sample, const Frame& frame) { watch.see(sample, frame); });
  }
  [[nodiscard]] HttpReport report(Duration window = 10s) { return watch.report(watch.latest(), window); }

  Watch watch;
  std::vector<std::pair<double, bool>> changes;
  std::vector<std::uint64_t> hits;
};

template <class Key>
std::vector<std::pair<Key, std::uint64_t>> counts(const std::vector<Ranked<Key>>& entries) {
  std::vector<std::pair<Key, std::uint64_t>> counts;
  counts.reserve(entries.size());
  for (const auto& entry : entries) counts.emplace_back(entry.key, entry.count);
  return counts;
}

TEST(Watch, counts_what_was_asked_and_answered_by_the_packets_time) {
  SavedTraffic traffic;
  Conversation one{traffic, 40'000};
  Conversation other{traffic, 40'001, "192.0.2.2"};
  one.exchange("/fish/cod", 200, 20ms);
  one.exchange("/fish/eel", 404, 20ms);
  other.exchange("/sea/", 503, 20ms);
  traffic.pass(940ms);  // to the next second
  traffic.tick();
  Watched shop_watch{shop(), traffic};
  const auto report = shop_watch.report();
  EXPECT_EQ(report.at, kTrafficBegins + 1s);
  EXPECT_EQ(report.covered, 1s);
  EXPECT_EQ(report.total.requests, 3U);
  EXPECT_EQ(report.total.responses, 3U);
  EXPECT_EQ(report.total.errors, 1U);
  EXPECT_EQ(report.rate.now, 3U);
  EXPECT_EQ(report.times.known, 3U);
  EXPECT_NEAR(std::chrono::duration<double>(report.times.p50.value()).count(), 0.020, 0.020 * report.time_error);
  ASSERT_EQ(report.sections.size(), 2U);
  EXPECT_EQ(report.sections[0].hits.key, "/fish");
  EXPECT_EQ(report.sections[0].hits.count, 2U);
  EXPECT_THAT(counts(report.clients), ElementsAre(Pair(IpAddress::parse("192.0.2.1").value(), 2),
                                                  Pair(IpAddress::parse("192.0.2.2").value(), 1)));
  EXPECT_THAT(counts(report.hosts), ElementsAre(Pair("shop.example", 3)));
  EXPECT_EQ(report.losses, HttpLosses{});
}

TEST(Watch, says_the_same_of_the_same_packets) {
  const auto traffic = test::functional_test_of_traffic_watch();
  auto settings = shop();
  settings.alerts = {busy(20, 1min)};
  Watched first{settings, traffic};
  Watched second{settings, traffic};
  EXPECT_EQ(first.report(10min), second.report(10min));
  EXPECT_EQ(first.changes, second.changes);
}

TEST(Watch, follows_the_functional_test_of_traffic_watch_to_the_second) {
  const auto traffic = test::functional_test_of_traffic_watch();
  auto settings = shop();
  settings.alerts = {busy(20, 1min)};  // as its runner starts it
  const auto began = std::clock();
  Watched one{settings, traffic};
  EXPECT_LT(std::clock() - began, CLOCKS_PER_SEC) << "of the processor's time";
  // 20 a second fill the minute at its very end, and are too few when one of the last minute's seconds was silent.
  EXPECT_THAT(one.changes, ElementsAre(Pair(60, true), Pair(141, false)));
  EXPECT_THAT(one.hits, ElementsAre(1200, 1180));
  EXPECT_EQ(one.report().total.requests, 4400U);
  EXPECT_EQ(one.report().total.responses, 4400U);

  settings.alerts = {busy(20, 2min)};  // its default period
  Watched two{settings, traffic};
  EXPECT_THAT(two.changes, ElementsAre(Pair(72, true), Pair(189, false)));
  settings.alerts.front().when = {.total = true, .value = 4000};
  Watched total{settings, traffic};
  EXPECT_THAT(total.changes, ElementsAre(Pair(120, true), Pair(141, false)));
  EXPECT_THAT(total.hits, ElementsAre(4000, 3980));
}

TEST(Watch, steps_its_alerts_where_time_passes_without_packets) {
  auto settings = shop();
  settings.alerts = {busy(1, 5s)};
  Watched watched{settings};
  SavedTraffic traffic;
  Conversation one{traffic, 40'000};
  for (int i = 0; i < 10; ++i) one.exchange("/a/b");
  watched.play(traffic);
  EXPECT_THAT(watched.changes, IsEmpty());
  watched.watch.advance(moment(999ms));
  EXPECT_THAT(watched.changes, IsEmpty());
  watched.watch.advance(moment(1s));
  EXPECT_THAT(watched.changes, ElementsAre(Pair(1, true)));
  watched.watch.advance(moment(20s));
  EXPECT_THAT(watched.changes, ElementsAre(Pair(1, true), Pair(6, false)));
}

TEST(Watch, recovers_at_the_right_second_of_a_silence_of_years_at_once) {
  auto settings = shop();
  settings.alerts = {busy(1, 5s)};
  settings.alerts.front().min_raised = 1min;
  SavedTraffic traffic;
  Conversation one{traffic, 40'000};
  for (int i = 0; i < 10; ++i) one.exchange("/a/b");
  traffic.pass(std::chrono::years{20});
  one.exchange("/a/b");
  const auto began = std::clock();
  Watched watched{settings, traffic};
  EXPECT_LT(std::clock() - began, CLOCKS_PER_SEC);
  EXPECT_THAT(watched.changes, ElementsAre(Pair(1, true), Pair(61, false)));
}

// Rules whose least times end before, within and after any silence, and in the midst of a second.
std::vector<AlertSettings> rules_with_least_times() {
  std::vector<AlertSettings> rules;
  for (const auto least : std::initializer_list<Duration>{0s, 1500ms, 7s, 70s, 1h, 5000s, 30 * 24h}) {
    auto high = busy(1, 10s);
    high.min_raised = least;
    high.min_clear = 20s;
    auto low = busy(0.05, 1min);
    low.when.above = low.when.or_equal = false;
    low.min_raised = 3s;
    low.min_clear = least;
    auto slow = busy(0.001, 5s);
    slow.when.quantity = AlertQuantity::latency;
    slow.clear = AlertLevel{.quantity = AlertQuantity::latency, .above = false, .value = 0.0001};
    slow.min_raised = least;
    rules.insert(rules.end(), {high, low, slow});
  }
  for (std::size_t i = 0; i < rules.size(); ++i) rules[i].name = std::to_string(i);
  return rules;
}

// Every change of every rule: its name, the second since the traffic began, whether it was raised.
using Story = std::vector<std::tuple<std::string, double, bool>>;

// Requests, a silence, requests once more, and another silence; then a packet. With `every_second` the watch is told of
// each second that passes.
Story story_of(const WatchSettings& settings, Duration first_silence, Duration last_silence, bool every_second) {
  Story story;
  Watch watch{settings, 0, [&](const AlertSettings& alert, const AlertChange& change) {
                story.emplace_back(alert.name, std::chrono::duration<double>(change.at.wall - kTrafficBegins).count(),
                                   change.raised);
              }};
  SavedTraffic traffic;
  Conversation one{traffic, 40'000};
  for (const auto silence : {first_silence, last_silence}) {
    for (int i = 0; i < 30; ++i) one.exchange("/a/b", 200, 20ms);
    traffic.pass(silence);
  }
  traffic.tick();
  traffic.play([&](const Sample& sample, const Frame& frame) {
    while (every_second && watch.latest().instant > Instant{} && sample.at.instant - watch.latest().instant > 1s)
      watch.advance({.instant = watch.latest().instant + 1s, .wall = watch.latest().wall + 1s});
    watch.see(sample, frame);
  });
  return story;
}

TEST(Watch, does_in_a_silence_what_it_does_when_it_is_told_of_every_second) {
  auto settings = shop();
  settings.alerts = rules_with_least_times();
  for (const Duration silence : std::initializer_list<Duration>{3s, 12300ms, 75s, 61min, 3h}) {
    const auto at_once = story_of(settings, 90s, silence, false);
    EXPECT_EQ(at_once, story_of(settings, 90s, silence, true)) << silence / 1s;
    EXPECT_EQ(story_of(settings, silence, 4s, false), story_of(settings, silence, 4s, true)) << silence / 1s;
    EXPECT_GE(at_once.size(), settings.alerts.size());
  }
}

TEST(Watch, ends_a_silence_of_a_century_whatever_the_least_times_are) {
  auto settings = shop();
  settings.alerts = {busy(1, 1h)};
  settings.alerts.front().when.value = 0.001;
  settings.alerts.front().min_raised = std::chrono::years{70};
  const auto story = story_of(settings, 1s, std::chrono::years{100}, false);
  constexpr double kRaised = 1;
  constexpr double kRecovered = kRaised + std::chrono::duration<double>(std::chrono::years{70}).count();
  EXPECT_THAT(story, ElementsAre(std::tuple{"busy", kRaised, true}, std::tuple{"busy", kRecovered, false}));
}

TEST(Watch, takes_a_time_before_the_latest_for_the_latest) {
  SavedTraffic traffic;
  Conversation one{traffic, 40'000};
  one.exchange("/a/b");
  traffic.pass(-10s);
  one.exchange("/a/b");
  Watched watched{shop(), traffic};
  EXPECT_EQ(watched.watch.latest().wall, kTrafficBegins + 1ms);
  const auto before = watched.watch.latest();
  watched.watch.advance(moment(-5s));
  EXPECT_EQ(watched.watch.latest().wall, before.wall);
  EXPECT_EQ(watched.report().in_window.requests, 2U);
}

TEST(Watch, counts_what_it_does_not_parse) {
  SavedTraffic traffic;
  Conversation tls{traffic, 40'000};
  tls.client(std::string_view{"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03", 10});
  Conversation http2{traffic, 40'001};
  http2.client("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  Conversation mail{traffic, 40'002};
  mail.client("EHLO shop.example\r\n");
  Conversation plain{traffic, 40'003};
  plain.exchange("/a/b");
  Watched watched{shop(), traffic};
  watched.watch.finish();
  watched.watch.set_lost(7, 3);
  const auto losses = watched.report().losses;
  EXPECT_EQ(losses.tls_connections, 1U);
  EXPECT_EQ(losses.http2_connections, 1U);
  EXPECT_EQ(losses.other_connections, 1U);
  EXPECT_EQ(losses.dropped_packets, 7U);
  EXPECT_EQ(losses.undecoded_packets, 3U);
  EXPECT_EQ(watched.report().total.requests, 1U);
}

TEST(Watch, counts_what_is_open_when_no_packet_comes_any_more) {
  SavedTraffic traffic;
  Conversation one{traffic, 40'000};
  one.request("/a/b");
  Conversation other{traffic, 40'001};
  other.request("/a/b");
  other.server("HTTP/1.1 200 x\r\nContent-Length: 100\r\n\r\nonly this");
  Watched watched{shop(), traffic};
  EXPECT_EQ(watched.report().total.responses, 0U);
  watched.watch.finish();
  EXPECT_EQ(watched.report().total.responses, 1U);
  EXPECT_EQ(watched.report().total.incomplete, 1U);
  EXPECT_EQ(watched.report().losses.unanswered, 1U);
}

TEST(Watch, watches_its_servers_alone) {
  SavedTraffic traffic;
  Conversation other_port{traffic, 40'000, "192.0.2.1", 8080};
  other_port.exchange("/a/b");
  Conversation port{traffic, 40'001};
  port.exchange("/a/b");
  EXPECT_EQ(Watched(shop(), traffic).report().total.requests, 1U);
  auto both = shop();
  both.ports = {80, 8080};
  EXPECT_EQ(Watched(both, traffic).report().total.requests, 2U);
  auto any = shop();
  any.ports.clear();
  EXPECT_EQ(Watched(any, traffic).report().total.requests, 2U);
  any.address = IpAddress::parse("192.0.2.11").value();
  EXPECT_EQ(Watched(any, traffic).report().total.requests, 0U);
}

TEST(Watch, counts_from_zero_after_a_reset_and_its_alerts_go_on) {
  auto settings = shop();
  settings.alerts = {busy(1, 5s)};
  SavedTraffic traffic;
  Conversation one{traffic, 40'000};
  for (int i = 0; i < 10; ++i) one.exchange("/a/b");
  Watched watched{settings, traffic};
  watched.watch.advance(moment(1s));
  watched.watch.set_lost(5, 2);
  watched.watch.reset();
  EXPECT_EQ(watched.report().total, HttpCounts{});
  EXPECT_EQ(watched.report().losses, HttpLosses{});
  watched.watch.set_lost(6, 2);
  EXPECT_EQ(watched.report().losses.dropped_packets, 1U);
  EXPECT_EQ(watched.report().losses.undecoded_packets, 0U);
  watched.watch.advance(moment(2s));
  EXPECT_THAT(watched.changes, ElementsAre(Pair(1, true), Pair(2, false))) << "what it had counted is gone";
  SavedTraffic later;
  later.pass(3s);
  Conversation another{later, 40'001};
  another.exchange("/a/b");
  watched.play(later);
  EXPECT_EQ(watched.report().total.requests, 1U);
}

TEST(CaptureOfAWatch, is_of_its_ports_and_whole) {
  auto settings = shop();
  settings.ports = {80, 8080};
  const auto capture = capture_of(settings);
  EXPECT_TRUE(capture.whole_packets);
  EXPECT_EQ(capture.ports.size(), 2U);
  EXPECT_TRUE(capture.filter.empty());
  settings.ports.clear();
  EXPECT_TRUE(check_filter(capture_of(settings).filter));
}

}  // namespace
}  // namespace tidegate
