#include "daemon/http_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "api/json_text.h"
#include "daemon/books_for_tests.h"

namespace tidegate {
namespace {

using test::Books;
using test::kDecember;

TEST(HttpReport, answers_stats_as_in_the_documentation_of_traffic_monitor) {
  ForwardSettings service1 = test::forward("service1", 10001, 10000);
  service1.limit = 100ULL << 30;
  Books books{{service1}};
  books.carry("service1", 512ULL << 20, 1ULL << 30, kDecember - std::chrono::days{20});
  books.carry("service1", 512ULL << 20, 1ULL << 30, kDecember);

  EXPECT_EQ(
      json_text(report::proxy_stats(books.view("service1"), kDecember)),
      R"({"name":"service1","protocol":"tcp","listen_port":10001,"target_port":10000,)"
      R"("total":{"upload":1073741824,"download":2147483648,"upload_human":"1.00 GB","download_human":"2.00 GB"},)"
      R"("monthly":{"month":"2024-12","upload":536870912,"download":1073741824,)"
      R"("upload_human":"512.00 MB","download_human":"1.00 GB"},)"
      R"("limit":107374182400,"limit_human":"100.00 GB","limit_exceeded":false,)"
      R"("usage":{"used":3221225472,"used_human":"3.00 GB","remaining":104152956928,)"
      R"("remaining_human":"97.00 GB","percentage":3}})");
}

TEST(HttpReport, tells_the_monthly_limit_where_there_is_one) {
  ForwardSettings limited = test::forward("limited", 10001, 10000);
  limited.limit_monthly = 3000;
  Books books{{limited}};
  books.carry("limited", 500, 500, kDecember);
  const auto stats = report::proxy_stats(books.view("limited"), kDecember);
  EXPECT_EQ(stats.at("limit"), 0);
  EXPECT_EQ(stats.at("limit_human"), "unlimited");
  EXPECT_FALSE(stats.contains("usage"));
  EXPECT_EQ(stats.at("limit_monthly"), 3000);
  EXPECT_EQ(stats.at("limit_monthly_human"), "2.93 KB");
  EXPECT_EQ(json_text(stats.at("usage_monthly")),
            R"({"used":1000,"used_human":"1000 B","remaining":2000,"remaining_human":"1.95 KB","percentage":33.33})");

  books.carry("limited", 2500, 0, kDecember);
  const auto after = report::proxy_stats(books.view("limited"), kDecember);
  EXPECT_EQ(after.at("limit_monthly_exceeded"), true);
  EXPECT_DOUBLE_EQ(after.at("usage_monthly").at("percentage").as_double(), 100);
  EXPECT_EQ(after.at("usage_monthly").at("remaining"), 0);
  EXPECT_EQ(report::forward_state(books.books(), "limited"), "cut");
}

TEST(HttpReport, has_no_usage_without_a_limit) {
  Books books{{test::forward("free", 1, 2)}};
  const auto stats = report::proxy_stats(books.view("free"), kDecember);
  EXPECT_FALSE(stats.contains("usage"));
  EXPECT_FALSE(stats.contains("limit_monthly"));
  EXPECT_EQ(stats.at("total").at("upload_human"), "0 B");
}

TEST(HttpReport, names_the_port_of_the_listener_where_the_target_has_the_same) {
  auto range = test::forward("range", 10000, 0);
  range.listen.last = 10099;
  Books books{{range}};
  EXPECT_EQ(report::proxy_stats(books.view("range"), kDecember).at("target_port"), 10000);
}

TEST(HttpReport, writes_sizes_as_traffic_monitor_does) {
  EXPECT_EQ(report::human_bytes(0), "0 B");
  EXPECT_EQ(report::human_bytes(1023), "1023 B");
  EXPECT_EQ(report::human_bytes(1024), "1.00 KB");
  EXPECT_EQ(report::human_bytes(1536), "1.50 KB");
  EXPECT_EQ(report::human_bytes((1 << 20) - 1), "1024.00 KB");
  EXPECT_EQ(report::human_bytes(5ULL << 40), "5.00 TB");
  EXPECT_EQ(report::human_bytes(5000ULL << 40), "5000.00 TB");
}

TEST(HttpReport, cuts_percentages_and_stops_at_a_hundred) {
  EXPECT_DOUBLE_EQ(report::percentage(2, 3), 66.66);
  EXPECT_DOUBLE_EQ(report::percentage(4, 3), 100);
  EXPECT_DOUBLE_EQ(report::percentage(0, 3), 0);
  EXPECT_DOUBLE_EQ(report::percentage(0, 0), 100);
}

TEST(HttpReport, tells_a_forward_with_its_targets_and_numbers) {
  ForwardSettings web = test::forward("web", 10001, 10000);
  web.service = "shop";
  web.limit = 1000;
  web.limit_action = LimitAction::reject;
  Books books{{web}};
  books.carry("web", 600, 400, kDecember);
  const auto forward = report::forward(books.view("web"), test::kStart);
  EXPECT_EQ(json_text(forward),
            R"({"name":"web","origin":"file","engine":"user","counts":"payload","protocol":"tcp","listen":"*:10001",)"
            R"("targets":[{"target":"127.0.0.1:10000","weight":1,"state":"up","open":0}],"service":"shop",)"
            R"("state":"rejecting","upload":600,"download":400,"connections":0,"sessions":0,"errors":0,"refused":0,)"
            R"("dropped":0,"open_connections":0,"open_sessions":0,"waiting":0,"quotas":["web/limit"]})");
}

TEST(HttpReport, says_unknown_of_targets_that_are_not_served) {
  Books books{{test::forward("web", 10001, 10000)}};
  auto view = books.view("web");
  view.runtime = nullptr;
  EXPECT_EQ(report::forward(view, test::kStart).at("targets").at(0).at("state"), "unknown");
}

TEST(HttpReport, tells_usage_by_hour_day_and_month_with_the_moment_each_begins) {
  Books books{{test::forward("web", 10001, 10000)}};
  books.carry("web", 1, 2, kDecember);
  books.carry("web", 10, 20, kDecember + std::chrono::hours{1});
  const auto& usage = *books.books().usage("web");
  const Zone utc;
  EXPECT_EQ(
      json_text(report::usage("web", usage, QuotaPeriod::hour, 10, utc)),
      R"({"forward":"web","by":"hour","periods":[)"
      R"({"start":"2024-12-10T12:00:00.000Z","upload":1,"download":2,"connections":0,"sessions":0,"errors":0},)"
      R"({"start":"2024-12-10T13:00:00.000Z","upload":10,"download":20,"connections":0,"sessions":0,"errors":0}],)"
      R"("total":{"upload":11,"download":22,"connections":0,"sessions":0,"errors":0}})");
  EXPECT_EQ(report::usage("web", usage, QuotaPeriod::hour, 1, utc).at("periods").as_array().size(), 1U);
  EXPECT_EQ(report::usage("web", usage, QuotaPeriod::day, 10, utc).at("periods").at(0).at("start"),
            "2024-12-10T00:00:00.000Z");
  EXPECT_EQ(report::usage("web", usage, QuotaPeriod::month, 10, utc).at("periods").at(0).at("start"),
            "2024-12-01T00:00:00.000Z");
}

TEST(HttpReport, tells_a_quota_and_its_period) {
  ForwardSettings web = test::forward("web", 10001, 10000);
  web.limit = 300;
  web.limit_monthly = 1000;
  Books books{{web}};
  books.carry("web", 100, 0, kDecember);
  EXPECT_EQ(
      json_text(report::quota("web/limit_monthly", books.books().quotas().at("web/limit_monthly"))),
      R"({"key":"web/limit_monthly","forwards":["web"],"bytes":1000,"every":"month","count":"sum","action":"cut",)"
      R"("period":"2024-12","starts":"2024-12-01T00:00:00.000Z","ends":"2025-01-01T00:00:00.000Z","used":100,)"
      R"("left":900,"percentage":10,"exceeded":false,"warn":[]})");
  const auto forever = report::quota("web/limit", books.books().quotas().at("web/limit"));
  EXPECT_TRUE(forever.at("starts").is_null());
  EXPECT_TRUE(forever.at("ends").is_null());
}

TEST(HttpReport, lists_the_clients_of_several_forwards_biggest_first) {
  Books books{{test::forward("a", 1, 2), test::forward("b", 3, 4)}};
  const auto move = [&](const char* forward, const char* address, std::uint64_t bytes) {
    auto* const client = books.runtime(forward).acquire_client(IpAddress::parse(address).value());
    client->upload += bytes;
  };
  move("a", "192.0.2.1", 10);
  move("a", "192.0.2.2", 30);
  move("b", "2001:db8::1", 20);
  const auto list = report::clients({books.view("a"), books.view("b")}, 2, Pseudonyms{});
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(json_text(list.at(0)),
            R"({"forward":"a","client":"192.0.2.2","upload":30,"download":0,"connections":0,"open":1})");
  EXPECT_EQ(list.at(1).at("client"), "2001:db8::1");
}

}  // namespace
}  // namespace tidegate
