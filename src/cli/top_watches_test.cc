#include "cli/top_watches.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace tidegate::cli {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
namespace json = boost::json;

TopAnswers answers(std::string_view watches) {
  return {.status = {}, .clients = {}, .events = {}, .watches = json::parse(watches).as_array()};
}

constexpr std::string_view kShop = R"([{"watch": "shop", "window": 10, "requests": 2417,
  "in_window": {"requests": 24, "responses": 20, "errors": 1},
  "rate": {"now": 3, "least": 0, "mean": 2.44, "most": 7},
  "times": {"known": 20, "p50": 0.012, "p95": 0.4, "p99": null},
  "sections": [{"name": "/fish", "count": 12}, {"name": "/eel", "count": 3}], "hosts": [],
  "clients": [{"name": "203.0.113.7", "count": 24}],
  "alerts": [{"name": "busy", "when": "requests >= 20/s", "over": 120, "state": "raised"},
             {"name": "slow", "when": "latency p95 >= 300ms", "over": 60, "state": "clear"}],
  "losses": {"dropped_packets": 0, "gap_bytes": 17}}])";

TEST(TopWatches, show_what_is_counted_and_what_is_raised) {
  const auto section = watches_section(answers(kShop));
  ASSERT_THAT(section.rows, SizeIs(1));
  const auto& row = section.rows.front();
  ASSERT_EQ(row.cells.size(), section.columns.size());
  std::vector<std::string> texts;
  texts.reserve(row.cells.size());
  for (const auto& cell : row.cells) texts.push_back(cell.text);
  EXPECT_THAT(texts, ElementsAre("shop", "busy", "3", "2.4", "7", "5.0%", "12.0 ms", "400.0 ms", "–", "2417", "yes"));
  EXPECT_EQ(row.cells[1].tone, console::Tone::bad);
  EXPECT_THAT(row.details,
              ElementsAre("in 10 s: 24 requests, 20 responses", "sections: /fish 12, /eel 3", "clients: 203.0.113.7 24",
                          "alert busy (requests >= 20/s over 2m): raised",
                          "alert slow (latency p95 >= 300ms over 1m): clear", "not in these figures: 17 gap_bytes"));
}

TEST(TopWatches, take_what_is_missing_for_nothing) {
  const auto section = watches_section(answers(R"([{"watch": "shop"}, {}])"));
  ASSERT_THAT(section.rows, SizeIs(2));
  for (const auto& row : section.rows) EXPECT_EQ(row.cells.size(), section.columns.size());
  EXPECT_EQ(section.rows.front().cells[5].text, "–");
  EXPECT_THAT(watches_section(answers("[]")).rows, IsEmpty());
}

}  // namespace
}  // namespace tidegate::cli
