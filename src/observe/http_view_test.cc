#include "observe/http_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <ctime>
#include <random>

#include "console/golden_for_tests.h"
#include "observe/http_run.h"
#include "observe/saved_traffic_for_tests.h"

namespace tidegate {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

HttpReport of_window(Duration window, std::size_t sections) {
  HttpReport report{.window = window};
  for (std::size_t i = 0; i < sections; ++i)
    report.sections.push_back({.hits = {.key = "/" + std::to_string(i), .count = 100 - i}});
  return report;
}

HttpScreen screen() { return {.watched = "port 80 on eth0", .reports = {of_window(10s, 3), of_window(10min, 7)}}; }

std::vector<std::string> names_of(const console::View& view) {
  std::vector<std::string> names;
  names.reserve(view.sections.size());
  for (const auto& section : view.sections) names.push_back(section.name);
  return names;
}

TEST(HttpView, begins_with_the_screen_of_traffic_watch) {
  const auto view = http_view(screen(), Pseudonyms{});
  EXPECT_EQ(view.title, "HTTP on port 80 on eth0");
  EXPECT_EQ(view.figures.front().name, "requests in the last second");
  EXPECT_THAT(names_of(view),
              ElementsAre("last 10s", "last 10m", "sections", "hosts", "clients", "statuses", "methods"));
  EXPECT_EQ(view.sections[0].columns[0].title, "MOST POPULAR SECTIONS, 10s");
  EXPECT_THAT(view.sections[0].rows, SizeIs(3));
  EXPECT_THAT(view.sections[1].rows, SizeIs(5)) << "five each";
  EXPECT_TRUE(view.sections[1].beside);
}

TEST(HttpView, tells_more_of_the_window_that_is_chosen) {
  auto shown = screen();
  EXPECT_EQ(http_view(shown, Pseudonyms{}).window, "figures of 10s");
  EXPECT_THAT(http_view(shown, Pseudonyms{}).sections[2].rows, SizeIs(3));
  shown.chosen = 1;
  EXPECT_EQ(http_view(shown, Pseudonyms{}).window, "figures of 10m");
  EXPECT_THAT(http_view(shown, Pseudonyms{}).sections[2].rows, SizeIs(7));
}

TEST(HttpView, has_one_list_of_sections_where_there_is_one_window) {
  auto shown = screen();
  shown.reports.pop_back();
  const auto view = http_view(shown, Pseudonyms{});
  EXPECT_THAT(names_of(view), ElementsAre("last 10s", "sections", "hosts", "clients", "statuses", "methods"));
  EXPECT_EQ(view.window, "");
}

TEST(HttpView, marks_what_is_a_bound) {
  auto shown = screen();
  shown.reports[0].sections[0].hits.error = 30;
  const auto view = http_view(shown, Pseudonyms{});
  EXPECT_EQ(view.sections[0].rows[0].cells[1].text, "≤100");
  EXPECT_THAT(view.sections[0].rows[0].details, ElementsAre("at the least 70: memory is bounded"));
  EXPECT_THAT(view.sections[2].rows[0].details, Contains("hits: at the least 70: memory is bounded"));
}

TEST(HttpView, shows_alerts_only_where_there_are_rules) {
  auto shown = screen();
  EXPECT_EQ(http_view(shown, Pseudonyms{}).messages_title, "");
  shown.has_alerts = true;
  shown.alerts.push_front({.text = "High traffic alert recovered"});
  EXPECT_EQ(http_view(shown, Pseudonyms{}).messages_title, "ALERTS");
  EXPECT_THAT(http_view(shown, Pseudonyms{}).messages, SizeIs(1));
  EXPECT_EQ(http_view(shown, Pseudonyms{}).messages_behind, 2U) << "behind the most popular sections";
}

TEST(HttpView, says_what_is_missing_and_hides_who_it_was) {
  auto shown = screen();
  EXPECT_THAT(http_view(shown, Pseudonyms{}).losses, IsEmpty());
  shown.reports[0].losses.dropped_packets = 3;
  shown.reports[0].clients.push_back({.key = IpAddress::parse("127.0.0.1").value(), .count = 1});
  constexpr std::uint8_t kKey[] = {'f', 'o', 'o'};
  const auto view = http_view(shown, Pseudonyms::make(Privacy::hash, kKey).value());
  EXPECT_EQ(view.losses, "3 packets dropped");
  EXPECT_EQ(view.sections[4].rows[0].cells[0].text, "2da25a664b49c9b5");
  EXPECT_EQ(view.sections[4].rows[0].key, "2da25a664b49c9b5");
}

TEST(HttpView, tells_of_a_section_how_many_statuses_are_of_no_class) {
  auto shown = screen();
  EXPECT_THAT(http_view(shown, Pseudonyms{}).sections[2].rows[0].details, SizeIs(1));
  shown.reports[0].sections[0].classes[0] = 3;
  EXPECT_THAT(http_view(shown, Pseudonyms{}).sections[2].rows[0].details, Contains("3 of a status of 600 or more"));
}

// What `tidegate demo load` asks for: the profile of Traffic Watch's generator, of five sections at random.
class DemoLoad {
 public:
  explicit DemoLoad(test::SavedTraffic& traffic) : traffic_{traffic} {}

  void run(int rate, std::chrono::seconds time) {
    constexpr std::array kSections = {"foo", "bar", "baz", "spiffy", "zoom"};
    for (auto left = rate * time.count(); left > 0; --left) {
      const auto next = traffic_.at + Duration{1s} / rate;
      const auto* const section = kSections.at(random_() % kSections.size());
      const auto target = fmt::format("/{}/index.html{}", section, left);
      generator_.client(fmt::format("GET {} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", target));
      traffic_.pass(150us + 1us * (random_() % 400));
      generator_.answer(200, "Hello, your path is: " + target.substr(1));
      traffic_.at = next;
    }
  }

 private:
  test::SavedTraffic& traffic_;
  test::Conversation generator_{traffic_, 40'000, "127.0.0.1", 5000};
  std::minstd_rand random_;
};

// The recordings that the README shows: of the program's own view, from packets on.
TEST(HttpView, is_a_screen_with_the_seeds_sentences_whole) {
  ::setenv("TZ", "UTC", 1);
  ::tzset();
  HttpCommand command;
  command.watch.name = "http";
  command.watch.interface = "lo";
  command.watch.ports = {5000};
  command.watch.alerts = {{.name = "alert-1", .when = {.value = 20}}};
  const Pseudonyms names;
  const HttpPrinter print = [](std::string_view) { return true; };
  HttpRun run{command, names, print, 0};

  test::SavedTraffic traffic;
  DemoLoad load{traffic};
  load.run(20, 60s);
  load.run(100, 20s);
  load.run(20, 60s);
  traffic.pass(1min);
  load.run(20, 60s);  // once more
  load.run(100, 6s);
  traffic.play([&](const Sample& sample, const Frame& frame) { run.watch().see(sample, frame); });
  const Now now{.instant = Instant{traffic.at.time_since_epoch()}, .wall = traffic.at};
  run.watch().advance(now);

  const auto view = run.view(now);
  expect_screen("http_80x24", view, {}, {80, 24});
  expect_screen("http_80x10", view, {}, {80, 10});
  const auto text = console::text_of(console::lay_out(view, {}, {80, 24}, console::Charset::utf8).grid);
  EXPECT_THAT(text, HasSubstr("\nHigh traffic generated an alert - hits = 2400 triggered at 21 Nov 12:01:12\n"));
  EXPECT_THAT(text, HasSubstr("\nHigh traffic alert recovered at 21 Nov 12:03:09\n"));
}

}  // namespace
}  // namespace tidegate
