#include "meter/http_figures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tidegate {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr Duration kTenSeconds = seconds{10};

Now at(double time) {
  const Duration since{std::llround(time * 1e9)};
  return {Instant{since}, WallTime{since}};
}

Ranked<std::string> entry(std::string key, std::uint64_t count) { return {std::move(key), count, 0, true}; }
Ranked<std::uint16_t> entry(std::uint16_t key, std::uint64_t count) { return {key, count, 0, true}; }

void request(HttpFigures& figures, double time, std::string_view section, std::string_view client = "203.0.113.7",
             std::string_view host = "example.net", std::string_view method = "GET") {
  figures.on_request({.at = at(time),
                      .client = {*IpAddress::parse(client), 40'000},
                      .server = {*IpAddress::parse("192.0.2.10"), 80},
                      .method = method,
                      .target = section,
                      .host = host,
                      .section = section});
}

HttpExchange answer(double time, std::string_view section, std::uint16_t status,
                    std::optional<Duration> first_byte = milliseconds{5}) {
  return {.at = at(time),
          .client = {*IpAddress::parse("203.0.113.7"), 40'000},
          .server = {*IpAddress::parse("192.0.2.10"), 80},
          .method = "GET",
          .host = "example.net",
          .section = section,
          .status = status,
          .request_bytes = 100,
          .response_bytes = 1'000,
          .first_byte = first_byte};
}

bool near(std::optional<Duration> shown, Duration truth) {
  if (!shown) return false;
  const auto off = std::abs(static_cast<double>((*shown - truth).count()));
  return off <= DurationHistogram::kRelativeError * static_cast<double>(truth.count());
}

TEST(HttpFigures, say_nothing_before_anything_was_seen) {
  HttpFigures figures{{}};
  const auto report = figures.report(at(5), kTenSeconds);
  EXPECT_EQ(report.total, HttpCounts{});
  EXPECT_EQ(report.covered, Duration::zero());
  EXPECT_FALSE(report.rate.mean);
  EXPECT_FALSE(report.times.p50);
  EXPECT_THAT(report.sections, IsEmpty());
  EXPECT_EQ(figures.reading(kTenSeconds), AlertReading{});
}

TEST(HttpFigures, count_all_since_the_beginning_and_the_window_apart) {
  HttpFigures figures{{}};
  request(figures, 100, "/old");
  figures.on_exchange(answer(100.1, "/old", 200));
  request(figures, 130, "/new");
  figures.on_exchange(answer(130.1, "/new", 503));
  const auto report = figures.report(at(131), kTenSeconds);
  EXPECT_EQ(report.total,
            (HttpCounts{.requests = 2, .responses = 2, .errors = 1, .request_bytes = 200, .response_bytes = 2'000}));
  EXPECT_EQ(report.in_window,
            (HttpCounts{.requests = 1, .responses = 1, .errors = 1, .request_bytes = 100, .response_bytes = 1'000}));
  EXPECT_EQ(report.total, figures.total());
  EXPECT_EQ(report.window, kTenSeconds);
  EXPECT_EQ(report.covered, kTenSeconds);
  EXPECT_EQ(report.at, at(131).wall);
}

TEST(HttpFigures, rank_sections_hosts_clients_methods_and_statuses) {
  HttpFigures figures{{}};
  request(figures, 100, "/b", "203.0.113.9", "b.example", "POST");
  request(figures, 100, "/a", "203.0.113.7", "a.example");
  request(figures, 101, "/a", "2001:db8::7", "a.example");
  request(figures, 102, "/c", "203.0.113.7", "");
  for (const auto status : {404, 200, 200, 404, 301}) {
    figures.on_exchange(answer(102, "/a", static_cast<std::uint16_t>(status)));
  }
  const auto report = figures.report(at(102.2), kTenSeconds);
  ASSERT_THAT(report.sections, SizeIs(3));
  EXPECT_EQ(report.sections[0].hits, entry("/a", 2));
  EXPECT_EQ(report.sections[1].hits, entry("/b", 1));
  EXPECT_EQ(report.sections[2].hits, entry("/c", 1));
  EXPECT_THAT(report.hosts, ElementsAre(entry("a.example", 2), entry("", 1), entry("b.example", 1)));
  ASSERT_THAT(report.clients, SizeIs(3));
  EXPECT_EQ(report.clients[0].key, *IpAddress::parse("203.0.113.7"));
  EXPECT_EQ(report.clients[0].count, 2U);
  EXPECT_THAT(report.methods, ElementsAre(entry("GET", 3), entry("POST", 1)));
  EXPECT_THAT(report.statuses, ElementsAre(entry(200, 2), entry(404, 2), entry(301, 1)));
}

TEST(HttpFigures, count_a_host_as_one_in_whatever_case_it_is_written) {
  HttpFigures figures{{}};
  for (const auto* const host : {"ex.com", "Ex.com", "EX.COM", "ex.com", "[FE80::1]", "Z\xc3\x84"})
    request(figures, 100, "/", "203.0.113.7", host);
  EXPECT_THAT(figures.report(at(101), kTenSeconds).hosts,
              ElementsAre(entry("ex.com", 4), entry("[fe80::1]", 1), entry("z\xc3\x84", 1)));
}

TEST(HttpFigures, count_a_status_of_500_and_more_as_an_error) {
  HttpFigures figures{{}};
  request(figures, 100, "/a");
  for (const auto status : {100, 499, 500, 599, 600, 999})
    figures.on_exchange(answer(100.5, "/a", static_cast<std::uint16_t>(status)));
  figures.advance(at(101));
  const auto report = figures.report(at(101), kTenSeconds);
  EXPECT_EQ(report.total.errors, 4U);
  EXPECT_EQ(report.in_window.errors, 4U);
  EXPECT_EQ(figures.reading(kTenSeconds).errors, 4U);
  ASSERT_THAT(report.sections, SizeIs(1));
  EXPECT_EQ(report.sections[0].classes, (HttpClasses{2, 1, 0, 0, 1, 2}));
}

TEST(HttpFigures, tell_of_each_section_its_statuses_bytes_and_times) {
  HttpFigures figures{{}};
  request(figures, 100, "/a");
  request(figures, 100, "/a");
  request(figures, 100, "/b");
  figures.on_exchange(answer(100.5, "/a", 200, milliseconds{10}));
  figures.on_exchange(answer(103, "/a", 500, milliseconds{90}));  // in a second without a request of its section
  figures.on_exchange(answer(103, "/b", 204, std::nullopt));
  const auto report = figures.report(at(104), kTenSeconds);
  ASSERT_THAT(report.sections, SizeIs(2));
  const auto& section = report.sections[0];
  EXPECT_EQ(section.hits, entry("/a", 2));
  EXPECT_EQ(section.responses, 2U);
  EXPECT_EQ(section.classes, (HttpClasses{0, 0, 1, 0, 0, 1}));
  EXPECT_EQ(section.request_bytes, 200U);
  EXPECT_EQ(section.response_bytes, 2'000U);
  EXPECT_EQ(section.times.known, 2U);
  EXPECT_TRUE(near(section.times.p50, milliseconds{10}));
  EXPECT_TRUE(near(section.times.p99, milliseconds{90}));
  EXPECT_EQ(report.sections[1].responses, 1U);
  EXPECT_EQ(report.sections[1].times, HttpTimes{});
  EXPECT_EQ(report.times.known, 2U);
  EXPECT_TRUE(near(report.times.p95, milliseconds{90}));
  EXPECT_EQ(report.unattributed, 0U);
}

TEST(HttpFigures, keep_the_figures_of_sections_apart_when_one_takes_the_place_of_another) {
  HttpFigures figures{{.kept = 1}};
  for (int i = 0; i < 100; ++i) {
    const auto section = "/" + std::to_string(i);
    request(figures, 100, section);
    figures.on_exchange(answer(100, section, 200));
  }
  for (int i = 0; i < 50; ++i) request(figures, 100, "/last");
  figures.on_exchange(answer(100, "/last", 404));
  const auto report = figures.report(at(101), kTenSeconds);
  ASSERT_THAT(report.sections, SizeIs(1));
  EXPECT_EQ(report.sections[0].hits.key, "/last");
  EXPECT_GE(report.sections[0].hits.count, 50U);
  EXPECT_LE(report.sections[0].hits.count - report.sections[0].hits.error, 50U);
  EXPECT_EQ(report.sections[0].classes, (HttpClasses{0, 0, 0, 0, 1, 0}));
  EXPECT_EQ(report.unattributed, 100U);
}

TEST(HttpFigures, count_a_response_without_its_request_and_attribute_it_to_no_section) {
  HttpFigures figures{{}};
  auto exchange = answer(100, "", 200, std::nullopt);
  exchange.complete = false;
  figures.on_exchange(exchange);
  const auto report = figures.report(at(100.5), kTenSeconds);
  EXPECT_EQ(report.in_window.responses, 1U);
  EXPECT_EQ(report.in_window.incomplete, 1U);
  EXPECT_EQ(report.unattributed, 1U);
  EXPECT_THAT(report.statuses, ElementsAre(entry(200, 1)));
  EXPECT_THAT(report.sections, IsEmpty());
}

TEST(HttpFigures, show_a_section_whose_answers_are_slower_than_the_window) {
  HttpFigures figures{{}};
  request(figures, 0.5, "/slow");
  figures.on_exchange(answer(15.5, "/slow", 500, seconds{15}));
  const auto report = figures.report(at(16), kTenSeconds);
  ASSERT_THAT(report.sections, SizeIs(1));
  EXPECT_EQ(report.sections[0].hits.key, "/slow");
  EXPECT_EQ(report.sections[0].hits.count, 0u);
  EXPECT_EQ(report.sections[0].responses, 1u);
  EXPECT_EQ(report.unattributed, 0u);
}

TEST(HttpFigures, rate_the_whole_seconds_only) {
  HttpFigures figures{{}};
  request(figures, 100.7, "/");  // a second seen from its midst: not in the rates
  for (int i = 0; i < 3; ++i) request(figures, 101.2, "/");
  figures.advance(at(102.5));
  for (int i = 0; i < 6; ++i) request(figures, 103.9, "/");
  for (int i = 0; i < 50; ++i) request(figures, 104.1, "/");  // a second still running
  const auto report = figures.report(at(104.2), kTenSeconds);
  EXPECT_EQ(report.in_window.requests, 60U);
  EXPECT_EQ(report.rate.now, 6U);
  EXPECT_EQ(report.rate.least, 0U);
  EXPECT_DOUBLE_EQ(report.rate.mean.value(), 3.0);
  EXPECT_EQ(report.rate.most, 6U);
  EXPECT_THAT(report.rate.recent, ElementsAre(1, 3, 0, 6));
}

TEST(HttpFigures, are_exact_over_a_window_when_a_second_has_just_ended) {
  HttpFigures figures{{}};
  for (int tick = 0; tick < 600; ++tick) request(figures, 100 + tick * 0.05, "/");
  const auto report = figures.report(at(130), kTenSeconds);
  EXPECT_EQ(report.in_window.requests, 200U);
  ASSERT_THAT(report.sections, SizeIs(1));
  EXPECT_EQ(report.sections[0].hits, entry("/", 200));
  EXPECT_EQ(report.rate.least, 20U);
  EXPECT_EQ(report.rate.most, 20U);
}

TEST(HttpFigures, forget_a_window_after_a_silence_of_any_length) {
  HttpFigures figures{{}};
  request(figures, 100, "/");
  figures.on_exchange(answer(100, "/", 200));
  figures.advance(at(1e9));
  const auto report = figures.report(at(1e9), hours{1});
  EXPECT_EQ(report.window, minutes{10});  // the longest that was set
  EXPECT_EQ(report.in_window, HttpCounts{});
  EXPECT_EQ(report.total.requests, 1U);
  EXPECT_THAT(report.sections, IsEmpty());
  EXPECT_THAT(report.statuses, IsEmpty());
  EXPECT_EQ(report.rate.most, 0U);
  EXPECT_FALSE(report.times.p50);
  EXPECT_EQ(figures.reading(hours{1}), AlertReading{});
}

TEST(HttpFigures, count_a_message_that_comes_late_at_the_latest_time) {
  HttpFigures figures{{}};
  request(figures, 100, "/");
  figures.advance(at(120));
  request(figures, 101, "/slow");
  const auto report = figures.report(at(60), kTenSeconds);
  ASSERT_THAT(report.sections, SizeIs(1));
  EXPECT_EQ(report.sections[0].hits, entry("/slow", 1));
}

TEST(HttpFigures, give_alerts_the_whole_seconds_of_any_window_up_to_an_hour) {
  HttpFigures figures{{}};
  for (int second = 0; second < 3'700; ++second) {
    request(figures, 1'000 + second, "/");
    figures.on_exchange(
        answer(1'000 + second, "/", second < 3'600 ? 200 : 502, milliseconds{second < 3'690 ? 10 : 40}));
  }
  figures.advance(at(4'700));
  EXPECT_EQ(figures.reading(minutes{2}), (AlertReading{.requests = 120, .responses = 120, .errors = 100}));
  EXPECT_EQ(figures.reading(hours{1}), (AlertReading{.requests = 3'600, .responses = 3'600, .errors = 100}));
  EXPECT_TRUE(near(figures.reading(seconds{10}, 0.5).latency, milliseconds{40}));
  EXPECT_TRUE(near(figures.reading(hours{1}, 0.95).latency, milliseconds{10}));

  request(figures, 4'700.5, "/");  // of the running second
  EXPECT_EQ(figures.reading(seconds{1}).requests, 1U);
  EXPECT_EQ(figures.second_ends(), at(4'701).instant);
}

TEST(HttpFigures, are_the_same_whatever_the_seed_and_however_often_they_are_looked_at) {
  HttpFigures one{{.kept = 4, .seed = 1}};
  HttpFigures two{{.kept = 4, .seed = 2}};
  for (int i = 0; i < 5'000; ++i) {
    const auto section = "/" + std::to_string(i * i % 97);
    const auto client = "203.0.113." + std::to_string(i * 7 % 251);
    const auto host = std::to_string(i % 13) + ".example";
    for (auto* figures : {&one, &two}) {
      request(*figures, 100 + i * 0.01, section, client, host);
      figures->on_exchange(answer(100 + i * 0.01, section, i % 5 == 0 ? 500 : 200, milliseconds{1 + i % 50}));
    }
    if (i % 100 == 0) EXPECT_GT(two.report(at(0), kTenSeconds).total.requests, 0U);
  }
  EXPECT_EQ(one.report(at(150), minutes{10}), two.report(at(150), minutes{10}));
  EXPECT_EQ(one.report(at(150), kTenSeconds, 3), two.report(at(150), kTenSeconds, 3));
}

}  // namespace
}  // namespace tidegate
