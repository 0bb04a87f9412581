#include "observe/http_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tidegate {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::ElementsAre;
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

}  // namespace
}  // namespace tidegate
