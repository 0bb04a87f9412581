#include "cli/top_board.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cstdlib>

#include "console/golden_for_tests.h"

namespace tidegate::cli {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;
namespace json = boost::json;

const Instant kStart{1000s};
const WallTime kWall = std::chrono::sys_days{std::chrono::year{2026} / 11 / 21} + 18h;

TopAnswers answers(double in, double upload) {
  return {
      .status = json::parse(fmt::format(
                                R"({{"services": [
                             {{"name": "palworld", "state": "awake", "since": "2026-11-21T17:50:00.000Z", "for_seconds": 600,
                               "sleeps_in_seconds": 850, "cause": "packet", "clients": 2, "bytes_in": {0}, "bytes_out": 7,
                               "error": null, "retry_in_seconds": null,
                               "woken_by": {{"protocol": "udp", "source": "203.0.113.7:50311", "destination": "[2001:db8::1]:8211",
                                             "bytes": 148, "at": "2026-11-21T17:50:00.000Z", "sensor": "pcap eth0", "class": "wake"}}}},
                             {{"name": "wiki", "state": "failed", "since": "2026-11-21T17:59:00.000Z", "for_seconds": 60,
                               "sleeps_in_seconds": null, "cause": "operator", "clients": 0, "bytes_in": 0, "bytes_out": 0,
                               "error": "start exited 1", "retry_in_seconds": 38, "woken_by": null}}],
                            "forwards": [
                             {{"name": "web", "state": "open", "protocol": "tcp", "listen": "*:10001", "origin": "file",
                               "targets": [], "service": null, "upload": {1}, "download": 20, "connections": 3,
                               "sessions": 0, "errors": 1, "refused": 4, "dropped": 0, "open_connections": 2,
                               "open_sessions": 1, "waiting": 0, "quotas": []}},
                             {{"name": "pal", "state": "cut", "protocol": "udp", "listen": "*:8211", "service": "palworld",
                               "upload": 1e9, "download": 0, "errors": 0}}],
                            "sensors": [{{"name": "pcap eth0", "listening": true, "trouble": "", "dropped_kernel": 17,
                                          "dropped_interface": 1}},
                                        {{"name": "pcap tun0", "listening": false, "trouble": "no such device"}}]}})",
                                in, upload))
                    .as_object(),
      .clients =
          json::parse(
              fmt::format(
                  R"([{{"forward": "web", "client": "10.0.0.1", "upload": {}, "download": 5, "connections": 3, "open": 2}}])",
                  upload))
              .as_array(),
      .events = json::parse(R"([{"at": "2026-11-20T23:00:00.000Z", "service": "wiki", "event": "slept", "text": ""},
                                    {"at": "2026-11-21T17:59:00.000Z", "service": "wiki", "event": "start failed",
                                     "text": "start exited 1"}, 7])")
                    .as_array()};
}

class Board : public testing::Test {
 protected:
  Board() {
    ::setenv("TZ", "UTC", 1);
    ::tzset();
  }
  void take(Duration since, double in, double upload) {
    board_.take(answers(in, upload), {kStart + since, kWall + since});
  }
  // The text of a section's cell under that title.
  std::string cell(std::size_t section, std::size_t row, std::string_view title) {
    const auto view = board_.view();
    const auto& columns = view.sections.at(section).columns;
    const auto column = std::ranges::find(columns, title, &console::Column::title);
    EXPECT_NE(column, columns.end()) << title;
    return view.sections[section].rows.at(row).cells.at(static_cast<std::size_t>(column - columns.begin())).text;
  }
  std::string figure(std::string_view name) {
    const auto view = board_.view();
    return std::ranges::find(view.figures, name, &console::Figure::name)->value;
  }

  TopBoard board_{"/run/tidegate/control.sock"};
};

// The daemon's answers of a quiet evening, `i` seconds into it: the screen that the README shows.
TopAnswers evening(int i) {
  double up = 2.1e6;
  double down = 38e6;
  for (int second = 1; second <= i; ++second) {
    up += 9e3 + 6e3 * (second * 7 % 5);
    down += 110e3 + 40e3 * (second * 5 % 7);
  }
  return {
      .status = json::parse(fmt::format(
                                R"({{"services": [
                             {{"name": "palworld", "state": "awake", "since": "2026-11-21T17:52:11.000Z", "for_seconds": {0},
                               "sleeps_in_seconds": 1800, "cause": "packet", "clients": 2, "bytes_in": {1}, "bytes_out": {2},
                               "error": null, "retry_in_seconds": null,
                               "woken_by": {{"protocol": "udp", "source": "203.0.113.7:50311", "destination": "192.0.2.10:8211",
                                             "bytes": 148, "at": "2026-11-21T17:52:11.000Z", "sensor": "kernel on eth0", "class": "wake"}}}},
                             {{"name": "wiki", "state": "failed", "since": "2026-11-21T18:13:33.000Z", "for_seconds": {3},
                               "sleeps_in_seconds": null, "cause": "packet", "clients": 0, "bytes_in": 5120, "bytes_out": 880,
                               "error": "start exited 1", "retry_in_seconds": 18,
                               "woken_by": {{"protocol": "tcp", "source": "198.51.100.9:40112", "destination": "192.0.2.10:80",
                                             "bytes": 60, "at": "2026-11-21T18:13:33.000Z", "sensor": "kernel on eth0", "class": "wake"}}}},
                             {{"name": "mail", "state": "asleep", "since": "2026-11-21T17:31:02.000Z", "for_seconds": {4},
                               "sleeps_in_seconds": null, "cause": "", "clients": 0, "bytes_in": 91200, "bytes_out": 340100,
                               "error": null, "retry_in_seconds": null, "woken_by": null}}],
                            "forwards": [
                             {{"name": "web", "state": "open", "protocol": "tcp", "listen": "*:443", "origin": "file",
                               "targets": [], "service": null, "upload": {5}, "download": {6}, "connections": 41,
                               "sessions": 0, "errors": 0, "refused": 0, "dropped": 0, "open_connections": 3,
                               "open_sessions": 0, "waiting": 0, "quotas": []}}],
                            "sensors": [{{"name": "kernel", "listening": true, "trouble": "", "dropped_kernel": 0,
                                          "dropped_interface": 0}}]}})",
                                1300 + i, up, down, 20, 2569 + i, up / 3, down / 4))
                    .as_object(),
      .clients =
          json::parse(
              fmt::format(
                  R"([{{"forward": "web", "client": "198.51.100.23", "upload": {}, "download": {}, "connections": 12, "open": 3}}])",
                  up / 3 - 5e5, down / 4 - 8e6))
              .as_array(),
      .events = json::parse(R"([{"at": "2026-11-21T17:52:11.000Z", "service": "palworld", "event": "woke",
                                 "text": "UDP 203.0.113.7:50311 → 192.0.2.10:8211, 148 bytes, sensor kernel on eth0"},
                                {"at": "2026-11-21T17:52:15.000Z", "service": "palworld", "event": "ready", "text": "after 4.2 s"},
                                {"at": "2026-11-21T18:13:33.000Z", "service": "wiki", "event": "woke",
                                 "text": "TCP 198.51.100.9:40112 → 192.0.2.10:80, 60 bytes, sensor kernel on eth0"},
                                {"at": "2026-11-21T18:13:33.000Z", "service": "wiki", "event": "start failed",
                                 "text": "start exited 1, again in 38 s"}])")
                    .as_array(),
      .watches = {}};
}

TEST_F(Board, is_drawn_as_the_readme_shows_it) {
  for (int i = 0; i <= 20; ++i) board_.take(evening(i), {kStart + 1s * i, kWall + 13min + 51s + 1s * i});
  console::expect_screen("board_80x24", board_.view(), {}, {.columns = 80, .rows = 24});
}

TEST_F(Board, has_a_section_each_for_services_forwards_and_clients) {
  take(0s, 0, 0);
  const auto view = board_.view();
  EXPECT_EQ(view.title, "tidegate top · /run/tidegate/control.sock");
  EXPECT_EQ(view.clock, "18:00:00");
  ASSERT_THAT(view.sections, SizeIs(3));
  for (const auto& section : view.sections) {
    for (const auto& row : section.rows) EXPECT_EQ(row.cells.size(), section.columns.size()) << section.name;
  }
  EXPECT_EQ(cell(0, 0, "SERVICE"), "palworld");
  EXPECT_EQ(cell(0, 0, "WOKEN BY"), "203.0.113.7:50311 udp/8211");
  EXPECT_EQ(cell(0, 0, "SLEEPS IN"), "14m 10s");
  EXPECT_EQ(cell(0, 1, "WOKEN BY"), "operator");
  EXPECT_EQ(cell(0, 1, "SLEEPS IN"), "–");
  EXPECT_EQ(cell(0, 1, "TROUBLE"), "start exited 1, again in 38 s");
  EXPECT_EQ(view.sections[0].rows[1].cells[1].tone, console::Tone::bad);
  EXPECT_EQ(cell(1, 0, "LISTENS ON"), "tcp *:10001");
  EXPECT_EQ(cell(1, 0, "OPEN"), "3");
  EXPECT_EQ(cell(1, 0, "REFUSED"), "4");
  EXPECT_EQ(cell(2, 0, "CLIENT"), "10.0.0.1");
  EXPECT_EQ(cell(2, 0, "FORWARD"), "web");
  EXPECT_EQ(figure("awake"), "1 of 2");
  EXPECT_EQ(figure("open"), "3");
}

TEST_F(Board, tells_of_a_row_what_has_no_room_in_it) {
  take(0s, 0, 0);
  const auto view = board_.view();
  EXPECT_THAT(view.sections[0].rows[0].details,
              ElementsAre("awake since 2026-11-21 17:50:00",
                          "woken by udp 203.0.113.7:50311 → [2001:db8::1]:8211, 148 bytes, sensor pcap eth0, class "
                          "wake, at 2026-11-21 17:50:00"));
  EXPECT_THAT(view.sections[0].rows[1].details,
              ElementsAre("failed since 2026-11-21 17:59:00", "woken by operator", "start exited 1, again in 38 s"));
  EXPECT_THAT(view.sections[1].rows[0].details.at(0), HasSubstr("web is open"));
}

TEST_F(Board, shows_the_newest_event_first_and_the_day_only_where_it_is_another) {
  take(0s, 0, 0);
  const auto messages = board_.view().messages;
  ASSERT_THAT(messages, SizeIs(2));
  EXPECT_EQ(messages[0].at, "17:59:00");
  EXPECT_EQ(messages[0].text, "wiki start failed: start exited 1");
  EXPECT_EQ(messages[0].tone, console::Tone::bad);
  EXPECT_EQ(messages[1].at, "2026-11-20 23:00:00");
  EXPECT_EQ(messages[1].text, "wiki slept");
}

TEST_F(Board, counts_rates_from_answer_to_answer) {
  take(0s, 1000, 0);
  EXPECT_EQ(cell(0, 0, "IN/s"), "–") << "of one answer there is none";
  EXPECT_EQ(figure("in"), "–");
  take(1s, 126'000, 0);
  EXPECT_EQ(cell(0, 0, "IN/s"), "1.00 Mbit/s");
  EXPECT_EQ(cell(0, 0, "OUT/s"), "0 bit/s");
  EXPECT_EQ(figure("in"), "1.00 Mbit/s");
  take(3s, 126'000, 250'000);
  EXPECT_EQ(cell(0, 0, "IN/s"), "0 bit/s");
  EXPECT_EQ(cell(2, 0, "IN/s"), "1.00 Mbit/s");
  const auto trend = board_.view().sections[0].rows[0].cells.at(8).trend;
  EXPECT_EQ(trend.at(trend.size() - 2), 125'000);
  EXPECT_EQ(trend.back(), 0);
}

TEST_F(Board, counts_a_forward_of_a_service_once) {
  take(0s, 0, 0);
  take(1s, 1000, 500);
  EXPECT_EQ(figure("in"), "12.0 kbit/s") << "1000 of the service, 500 of the forward without one";
}

TEST_F(Board, makes_no_traffic_of_what_comes_or_goes) {
  take(0s, 1000, 0);
  take(1s, 2000, 0);
  EXPECT_EQ(figure("in"), "8.00 kbit/s");
  auto more = answers(3000, 0);
  auto grown = more.status["forwards"].at(0).as_object();
  grown["name"] = "grown";
  grown["upload"] = grown["download"] = 5e9;
  more.status["forwards"].as_array().push_back(grown);
  board_.take(more, {kStart + 2s, kWall + 2s});
  EXPECT_EQ(figure("in"), "8.00 kbit/s") << "what it has counted till now is a base";
  EXPECT_EQ(figure("out"), "0 bit/s");
  more.status["forwards"].as_array().back().as_object()["upload"] = 5e9 + 500;
  board_.take(more, {kStart + 3s, kWall + 3s});
  EXPECT_EQ(figure("in"), "4.00 kbit/s") << "it counts from then on";
  take(4s, 4000, 0);
  EXPECT_EQ(figure("in"), "8.00 kbit/s") << "it has gone, and the others have moved";
  const auto trend = board_.view().sparklines.at(0).values;
  EXPECT_THAT(std::vector<double>(trend.end() - 4, trend.end()), ElementsAre(1000, 1000, 500, 1000));
  take(5s, 100, 0);
  EXPECT_EQ(figure("in"), "0 bit/s") << "the daemon was started anew";
}

TEST_F(Board, sorts_rates_from_the_largest) {
  take(0s, 0, 0);
  for (const auto& section : board_.view().sections)
    EXPECT_TRUE(std::ranges::find(section.columns, "RATE", &console::Column::title)->right) << section.name;
}

TEST_F(Board, switches_the_period_of_the_rates) {
  for (int i = 0; i <= 30; ++i) take(1s * i, i <= 25 ? 0 : 1000.0 * (i - 25), 0);
  EXPECT_EQ(cell(0, 0, "IN/s"), "8.00 kbit/s");
  EXPECT_EQ(board_.view().window, "rates of now");
  board_.next_window();
  EXPECT_EQ(board_.view().window, "rates of 10 s");
  EXPECT_EQ(cell(0, 0, "IN/s"), "4.00 kbit/s");
  board_.next_window();
  EXPECT_EQ(board_.view().window, "rates of 1 min");
  board_.next_window();
  EXPECT_EQ(board_.view().window, "rates of now");
}

TEST_F(Board, counts_sums_from_zero_when_it_is_asked_to) {
  take(0s, 4096, 0);
  EXPECT_EQ(cell(0, 0, "IN"), "4.00 KB");
  board_.reset();
  EXPECT_EQ(cell(0, 0, "IN"), "0 B");
  take(1s, 5120, 0);
  EXPECT_EQ(cell(0, 0, "IN"), "1.00 KB");
  take(2s, 100, 0);
  EXPECT_EQ(cell(0, 0, "IN"), "100 B") << "the daemon was started anew";
}

TEST_F(Board, says_what_is_not_in_the_figures) {
  take(0s, 0, 0);
  EXPECT_EQ(board_.view().losses, "pcap eth0: 18 packets dropped unseen; pcap tun0 is not listening: no such device");
}

TEST_F(Board, keeps_the_last_figures_while_the_daemon_does_not_answer) {
  take(0s, 0, 0);
  board_.miss("no tidegate listens at x");
  EXPECT_EQ(board_.view().trouble, "no tidegate listens at x");
  EXPECT_EQ(cell(0, 0, "SERVICE"), "palworld");
  take(1s, 0, 0);
  EXPECT_EQ(board_.view().trouble, "");
}

TEST_F(Board, shows_an_answer_with_nothing_in_it) {
  board_.take({}, {kStart, kWall});
  const auto view = board_.view();
  for (const auto& section : view.sections) EXPECT_THAT(section.rows, SizeIs(0));
  EXPECT_THAT(view.messages, SizeIs(0));
  EXPECT_EQ(view.losses, "");
}

TEST_F(Board, gives_machines_the_answers_with_rates) {
  take(0s, 0, 0);
  take(2s, 3000, 100);
  const auto object = board_.object();
  EXPECT_EQ(object.at("at"), "2026-11-21T18:00:02.000Z");
  EXPECT_EQ(object.at("services").at(0).at("name"), "palworld");
  EXPECT_EQ(object.at("services").at(0).at("in_per_second"), 1500.0);
  EXPECT_EQ(object.at("clients").at(0).at("out_per_second"), 0.0);
  EXPECT_EQ(object.at("events").as_array().size(), 3U);
}

TEST_F(Board, writes_a_line_of_csv_for_each_row) {
  take(0s, 3000, 100);
  EXPECT_THAT(board_.csv(), ElementsAre("2026-11-21T18:00:00.000Z,service,palworld,awake,2,3000,7,,",
                                        "2026-11-21T18:00:00.000Z,service,wiki,failed,0,0,0,,",
                                        "2026-11-21T18:00:00.000Z,forward,web,open,3,100,20,,",
                                        "2026-11-21T18:00:00.000Z,forward,pal,cut,0,1000000000,0,,",
                                        "2026-11-21T18:00:00.000Z,client,10.0.0.1 web,,2,100,5,,"));
  auto odd = answers(0, 0);
  odd.status["services"].as_array().resize(1);
  odd.status["forwards"].as_array().clear();
  odd.clients.clear();
  odd.status["services"].at(0).as_object()["name"] = R"(a,"b")";
  board_.take(std::move(odd), {kStart + 1s, kWall});
  EXPECT_THAT(board_.csv(), ElementsAre(HasSubstr(R"(service,"a,""b""",awake)")));
}

}  // namespace
}  // namespace tidegate::cli
