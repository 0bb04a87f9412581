#include "observe/watch_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>

#include "api/json_text.h"
#include "base/text.h"

namespace tidegate {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr WallTime kAt{std::chrono::sys_days{std::chrono::year{2026} / 11 / 21} + 12h};

HttpReport report() {
  HttpReport report{.at = kAt, .window = 10s, .covered = 9500ms};
  report.total = {.requests = 12, .responses = 11, .errors = 1};
  report.in_window = {.requests = 6, .responses = 5, .errors = 1, .request_bytes = 300, .response_bytes = 900};
  report.rate = {.now = 2, .least = 0, .mean = 0.6, .most = 3};
  report.times = {.known = 5, .p50 = 1ms, .p95 = 20ms, .p99 = 1500ms};
  report.sections.push_back({.hits = {.key = "/a\x1b", .count = 6, .error = 2, .certain = true},
                             .responses = 5,
                             .classes = {2, 0, 4, 0, 0, 1}});
  report.clients.push_back({.key = IpAddress::parse("192.0.2.1").value(), .count = 6});
  report.losses = {.gap_bytes = 1200, .tls_connections = 1};
  return report;
}

TEST(WatchReport, tells_totals_first_and_then_the_window) {
  const auto object = watch_report::object("shop", report(), {}, Pseudonyms{});
  const auto text = json_text(object);
  EXPECT_TRUE(text.starts_with(R"({"requests":12,"responses":11,"errors":1,)")) << text;
  EXPECT_THAT(text, HasSubstr(R"("in_window":{"requests":6,"responses":5,"errors":1,)"));
  EXPECT_THAT(text, HasSubstr(R"("least":0,"mean":0.6,"most":3)"));
  EXPECT_EQ(object.at("sections").at(0).at("name"), "/a\\x1b");
  EXPECT_EQ(object.at("sections").at(0).at("error"), 2);
  EXPECT_EQ(object.at("sections").at(0).at("classes").at("5xx"), 1);
  EXPECT_EQ(object.at("sections").at(0).at("classes").at("other"), 2);
  EXPECT_EQ(object.at("clients").at(0).at("name"), "192.0.2.1");
  EXPECT_EQ(object.at("losses").at("gap_bytes"), 1200);
  EXPECT_EQ(object.at("losses").as_object().size(), 9U);
}

TEST(WatchReport, says_null_of_what_is_not_known) {
  const auto object = watch_report::object("shop", HttpReport{.at = kAt}, {}, Pseudonyms{});
  EXPECT_TRUE(object.at("times").at("p50").is_null());
  EXPECT_TRUE(object.at("rate").at("mean").is_null());
  EXPECT_TRUE(object.at("sections").as_array().empty());
}

TEST(WatchReport, is_a_line_of_csv) {
  EXPECT_EQ(watch_report::csv("shop", report()),
            "2026-11-21T12:00:00.000Z,shop,10,6,5,1,2,0.600,3,0.001000,0.020000,1.500000,0,1200,0,0,0,0,1,0,0,0");
  EXPECT_EQ(watch_report::csv("shop", HttpReport{.at = kAt, .window = 10s}),
            "2026-11-21T12:00:00.000Z,shop,10,0,0,0,0,,,,,,0,0,0,0,0,0,0,0,0,");
}

TEST(WatchReport, has_a_column_of_csv_for_each_loss) {
  const auto titles = split(watch_report::kCsvTitles, ',');
  HttpReport every{.at = kAt};
  every.losses = {.dropped_packets = 11,
                  .undecoded_packets = 12,
                  .gap_bytes = 13,
                  .resynchronisations = 14,
                  .evicted_streams = 15,
                  .unanswered = 16,
                  .tls_connections = 17,
                  .http2_connections = 18,
                  .other_connections = 19};
  const auto line = watch_report::csv("shop", every);
  const auto values = split(line, ',');
  ASSERT_EQ(titles.size(), values.size());
  const auto counts = watch_report::loss_counts(every.losses);
  EXPECT_EQ(counts.size(), 9U);
  for (const auto& [kind, count] : counts) {
    const auto title = kind == "dropped_packets" ? "dropped" : kind;
    const auto column = std::ranges::find(titles, title);
    ASSERT_NE(column, titles.end()) << title;
    EXPECT_EQ(values[static_cast<std::size_t>(column - titles.begin())], std::to_string(count)) << title;
    EXPECT_EQ(std::ranges::count(titles, title), 1) << title;
  }
}

TEST(WatchReport, says_what_is_not_in_the_figures_in_words) {
  EXPECT_EQ(watch_report::losses_text({}), "");
  EXPECT_EQ(watch_report::losses_text(report().losses), "1200 bytes missing, 1 TLS connection not parsed");
  EXPECT_EQ(watch_report::losses_text({.dropped_packets = 2, .http2_connections = 3}),
            "2 packets dropped, 3 HTTP/2 connections not parsed");
}

}  // namespace
}  // namespace tidegate
