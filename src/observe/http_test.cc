// `tidegate http` on savefiles: what it prints is of the packets' time, and the same every time.
#include "observe/http.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <ctime>

#include "base/text.h"
#include "observe/saved_traffic_for_tests.h"
#include "observe/watch_report.h"
#include "tests/support/temporary_directory.h"

namespace tidegate {
namespace {

using namespace std::chrono_literals;
using test::Conversation;
using test::pcap_bytes;
using test::pcapng_bytes;
using test::SavedTraffic;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

namespace json = boost::json;

constexpr std::uint32_t kEthernet = 1;

class HttpOnSavefiles : public testing::Test {
 public:
  HttpOnSavefiles() {
    ::setenv("TZ", "UTC", 1);
    ::tzset();
    command.watch.name = "http";
    command.watch.ports = {80};
  }

  void read(const SavedTraffic& traffic, const std::string& name = "a.pcap") {
    command.savefiles.push_back(directory.write(name, pcap_bytes(kEthernet, traffic.packets)));
  }
  Result<> watch() {
    return watch_http(command, names,
                      [this](std::string_view lines) {
                        prints.emplace_back(lines);
                        return readers-- > 0;
                      },
                      {});
  }
  // All that is printed.
  std::string printed() {
    prints.clear();
    const auto done = watch();
    EXPECT_TRUE(done) << done.error().what;
    std::string all;
    for (const auto& print : prints) all += print;
    return all;
  }
  json::object object() { return json::parse(printed()).as_object(); }
  std::vector<std::string> lines() {
    const auto all = printed();
    EXPECT_TRUE(all.ends_with('\n'));
    std::vector<std::string> lines;
    for (const auto line : split(std::string_view{all}.substr(0, all.size() - 1), '\n')) lines.emplace_back(line);
    return lines;
  }

  // Four requests of two sections in two seconds, one of them not answered.
  static SavedTraffic little() {
    SavedTraffic traffic;
    Conversation one{traffic, 40'000};
    Conversation other{traffic, 40'001, "192.0.2.2"};
    one.exchange("/fish/cod", 200, 20ms);
    other.exchange("/fish/eel", 503, 20ms);
    traffic.pass(1s);
    one.exchange("/sea/", 200, 20ms);
    other.request("/sea/");
    return traffic;
  }

  void alert_at(double requests_per_second, Duration over) {
    AlertSettings alert{.name = "busy", .over = over};
    alert.when.value = requests_per_second;
    command.watch.alerts.push_back(alert);
  }

  test::TemporaryDirectory directory;
  HttpCommand command;
  Pseudonyms names;
  std::vector<std::string> prints;
  int readers = 1'000'000;  // prints that are read
};

TEST_F(HttpOnSavefiles, is_one_object_at_the_end_whose_requests_and_responses_are_the_totals) {
  command.format = HttpFormat::json;
  command.once = true;
  command.interval = 1s;  // not once
  read(little());
  const auto found = object();
  EXPECT_EQ(prints.size(), 1U);
  EXPECT_EQ(found.at("requests"), 4);
  EXPECT_EQ(found.at("responses"), 3);
  EXPECT_EQ(found.at("errors"), 1);
  EXPECT_EQ(found.at("watch"), "http");
  EXPECT_EQ(found.at("at"), "2026-11-21T12:00:01.060Z");
  EXPECT_EQ(found.at("window").to_number<double>(), 600);
  EXPECT_EQ(found.at("losses").at("unanswered"), 1);
  EXPECT_EQ(found.at("sections").at(0).at("name"), "/fish");
  EXPECT_EQ(found.at("sections").at(0).at("classes").at("5xx"), 1);
  EXPECT_EQ(found.at("clients").at(0).at("name"), "192.0.2.1");
  EXPECT_EQ(found.at("times").at("known"), 3);
}

TEST_F(HttpOnSavefiles, is_the_same_byte_for_byte_every_time) {
  alert_at(20, 1min);
  const auto traffic = test::functional_test_of_traffic_watch();
  read(traffic);
  for (const auto format : {HttpFormat::text, HttpFormat::json, HttpFormat::csv}) {
    command.format = format;
    command.interval = 7s;
    const auto first = printed();
    EXPECT_EQ(first, printed());
    EXPECT_GT(prints.size(), format == HttpFormat::text ? 20U : 18U);
  }
}

TEST_F(HttpOnSavefiles, is_the_same_where_tables_are_too_full_to_be_exact) {
  SavedTraffic traffic;
  for (std::uint16_t i = 0; i < 3'000; ++i) {
    Conversation one{traffic, static_cast<std::uint16_t>(10'000 + i), fmt::format("10.0.{}.{}", i / 250, i % 250 + 1)};
    one.exchange(fmt::format("/section{}/x", i * 7 % 1'999));
    one.close();
  }
  read(traffic);
  command.format = HttpFormat::json;
  command.most = 10'000;
  const auto first = printed();
  EXPECT_THAT(first, HasSubstr(R"("error":)"));
  EXPECT_EQ(first, printed());
}

TEST_F(HttpOnSavefiles, reads_pcap_and_pcapng_alike) {
  command.format = HttpFormat::json;
  read(little());
  const auto classic = printed();
  command.savefiles = {directory.write("a.pcapng", pcapng_bytes(kEthernet, little().packets))};
  EXPECT_EQ(classic, printed());
}

TEST_F(HttpOnSavefiles, reads_several_as_one_also_where_time_goes_back_between_them) {
  auto traffic = little();
  SavedTraffic first;
  SavedTraffic second;
  const auto half = static_cast<std::ptrdiff_t>(traffic.packets.size() / 2);
  first.packets.assign(traffic.packets.begin(), traffic.packets.begin() + half);
  second.packets.assign(traffic.packets.begin() + half, traffic.packets.end());
  command.format = HttpFormat::json;
  read(first, "1.pcap");
  read(second, "2.pcap");
  EXPECT_EQ(object().at("requests"), 4);

  command.savefiles.clear();
  read(little(), "new.pcap");
  SavedTraffic old;
  old.pass(-24h);
  Conversation one{old, 50'000};
  one.exchange("/old/x");
  read(old, "old.pcap");
  const auto found = object();
  EXPECT_EQ(found.at("requests"), 5);
  EXPECT_EQ(found.at("at"), "2026-11-21T12:00:01.060Z");
  EXPECT_EQ(found.at("in_window").at("requests"), 5);
}

TEST_F(HttpOnSavefiles, is_text_with_what_is_not_in_the_figures_beside_them) {
  read(little());
  const auto all = lines();
  EXPECT_EQ(all[0], fmt::format("12:00:01  HTTP on port 80 in {}", command.savefiles.front()));
  EXPECT_THAT(all[1], AllOf(StartsWith("requests in the last second 2"), HasSubstr("  requests 4  responses 3"),
                            HasSubstr("errors 33.3%")));
  EXPECT_EQ(all[2], "not in these figures: 1 request unanswered");
  EXPECT_THAT(all, Contains("MOST POPULAR SECTIONS, 10s  HITS"));
  EXPECT_THAT(all, Contains("/fish                          2"));
}

TEST_F(HttpOnSavefiles, is_a_table_in_csv_with_its_titles_once) {
  command.format = HttpFormat::csv;
  command.interval = 1s;
  read(little());
  const auto all = lines();
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0], watch_report::kCsvTitles);
  EXPECT_THAT(all[1], StartsWith("2026-11-21T12:00:01.000Z,http,600,2,2,1,2,2.000,2,"));
  EXPECT_THAT(all[2], StartsWith("2026-11-21T12:00:01.060Z,http,600,4,3,1,"));
  for (const auto& line : all) EXPECT_EQ(split(line, ',').size(), split(watch_report::kCsvTitles, ',').size());
}

TEST_F(HttpOnSavefiles, prints_at_each_interval_of_the_packets_time_and_a_silence_once) {
  SavedTraffic traffic;
  Conversation one{traffic, 40'000};
  one.exchange("/a/b");
  traffic.pass(5s);
  one.exchange("/a/b");
  traffic.pass(1h);
  one.exchange("/a/b");
  read(traffic);
  command.format = HttpFormat::json;
  command.interval = 2s;
  printed();
  std::vector<std::pair<std::string, std::int64_t>> found;
  for (const auto& print : prints) {
    const auto object = json::parse(print).as_object();
    found.emplace_back(object.at("at").as_string(), object.at("requests").to_number<std::int64_t>());
  }
  EXPECT_THAT(found, ElementsAre(std::pair{"2026-11-21T12:00:04.000Z", 1}, std::pair{"2026-11-21T13:00:04.000Z", 2},
                                 std::pair{"2026-11-21T13:00:05.003Z", 3}));
}

TEST_F(HttpOnSavefiles, says_alerts_among_the_lines_as_they_come_in_the_words_of_traffic_watch) {
  alert_at(20, 1min);
  command.interval = 50s;
  read(test::functional_test_of_traffic_watch());
  const auto began = std::clock();
  auto all = lines();
  EXPECT_LT(std::clock() - began, CLOCKS_PER_SEC) << "of the processor's time";
  std::erase_if(all, [](const std::string& line) { return !line.contains("alert") && !line.contains("HTTP on"); });
  const auto title = [&](std::string_view time) {
    return fmt::format("{}  HTTP on port 80 in {}", time, command.savefiles.front());
  };
  EXPECT_THAT(
      all, ElementsAre(title("12:00:50"), "High traffic generated an alert - hits = 1200 triggered at 21 Nov 12:01:00",
                       title("12:01:40"), "High traffic alert recovered at 21 Nov 12:02:21", title("12:04:10"),
                       title("12:04:20")));
}

TEST_F(HttpOnSavefiles, keeps_the_history_of_alerts_in_the_object) {
  alert_at(20, 1min);
  command.format = HttpFormat::json;
  read(test::functional_test_of_traffic_watch());
  const auto alert = object().at("alerts").at(0);
  EXPECT_EQ(alert.at("state"), "clear");
  ASSERT_EQ(alert.at("history").as_array().size(), 2U);
  EXPECT_EQ(alert.at("history").at(0).at("at"), "2026-11-21T12:01:00.000Z");
  EXPECT_EQ(alert.at("history").at(1).at("at"), "2026-11-21T12:02:21.000Z");
}

TEST_F(HttpOnSavefiles, shows_clients_under_their_pseudonyms) {
  constexpr std::uint8_t kKey[] = {'f', 'o', 'o'};
  names = Pseudonyms::make(Privacy::hash, kKey).value();
  read(little());
  for (const auto format : {HttpFormat::text, HttpFormat::json}) {
    command.format = format;
    EXPECT_THAT(printed(),
                AllOf(HasSubstr(names.of(IpAddress::parse("192.0.2.1").value())), Not(HasSubstr("192.0.2.1"))));
  }
}

TEST_F(HttpOnSavefiles, cleans_what_the_network_says) {
  SavedTraffic traffic;
  Conversation one{traffic, 40'000};
  one.exchange("/\x1b[2J\xe2\x80\xae/x");
  read(traffic);
  for (const auto format : {HttpFormat::text, HttpFormat::json}) {
    command.format = format;
    const auto all = printed();
    EXPECT_THAT(all, HasSubstr("[2J"));
    EXPECT_THAT(all, AllOf(Not(HasSubstr("\x1b")), Not(HasSubstr("\xe2\x80\xae"))));
  }
}

TEST_F(HttpOnSavefiles, counts_packets_that_are_not_understood) {
  auto traffic = little();
  traffic.add(test::Bytes(20, 0x45));
  traffic.packets.back().frame[12] = 0x08;
  traffic.packets.back().frame[13] = 0x00;
  command.format = HttpFormat::json;
  read(traffic);
  EXPECT_EQ(object().at("losses").at("undecoded_packets"), 1);
}

TEST_F(HttpOnSavefiles, counts_packets_that_are_not_understood_at_each_interval_and_in_savefiles_cut_short) {
  SavedTraffic traffic;
  Conversation one{traffic, 40'000};
  one.exchange("/a/b");
  traffic.add(test::Bytes(9));
  traffic.pass(5s);
  one.exchange("/a/b");
  traffic.add(test::Bytes(9));
  one.exchange("/a/b");
  auto bytes = pcap_bytes(kEthernet, traffic.packets);
  bytes.resize(bytes.size() - 10);
  command.savefiles = {directory.write("cut.pcap", bytes)};
  command.format = HttpFormat::json;
  command.interval = 2s;
  printed();
  std::vector<std::int64_t> found;
  for (const auto& print : prints) {
    found.push_back(json::parse(print).at("losses").at("undecoded_packets").to_number<std::int64_t>());
  }
  EXPECT_THAT(found, ElementsAre(1, 2));
}

TEST_F(HttpOnSavefiles, gives_what_there_is_of_one_that_is_cut_short) {
  auto bytes = pcap_bytes(kEthernet, little().packets);
  bytes.resize(bytes.size() - 10);
  command.savefiles = {directory.write("cut.pcap", bytes)};
  command.format = HttpFormat::json;
  testing::internal::CaptureStderr();
  EXPECT_EQ(object().at("requests"), 3);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("cut.pcap"));
}

TEST_F(HttpOnSavefiles, takes_only_what_passes_the_filter) {
  read(little());
  command.format = HttpFormat::json;
  command.filter = "host 192.0.2.2";
  EXPECT_EQ(object().at("requests"), 2);
  command.filter = "portly 1";
  const auto done = watch();
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().what, HasSubstr("portly"));
}

TEST_F(HttpOnSavefiles, says_which_cannot_be_read) {
  read(little());
  command.savefiles.push_back(directory.file("none.pcap"));
  const auto done = watch();
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().what, AllOf(StartsWith("replay "), HasSubstr("none.pcap"), HasSubstr("No such file")));
  EXPECT_EQ(prints.size(), 1u) << "what there is in the others";
  command.savefiles.erase(command.savefiles.begin());
  prints.clear();
  EXPECT_FALSE(watch());
  EXPECT_TRUE(prints.empty());
}

TEST_F(HttpOnSavefiles, ends_where_nobody_reads) {
  alert_at(20, 1min);
  read(test::functional_test_of_traffic_watch());
  for (const auto interval : {std::optional<Duration>{}, std::optional<Duration>{10s}}) {
    command.interval = interval;
    prints.clear();
    readers = 0;
    const auto done = watch();
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, EPIPE);
    EXPECT_EQ(prints.size(), 1U);
  }
}

TEST_F(HttpOnSavefiles, ends_at_a_signal_with_what_there_is) {
  read(test::functional_test_of_traffic_watch());
  command.format = HttpFormat::json;
  command.interval = 10s;
  for (const int number : {SIGINT, SIGTERM}) {
    prints.clear();
    const auto done = watch_http(command, names,
                                 [&](std::string_view lines) {
                                   prints.emplace_back(lines);
                                   if (prints.size() == 2) std::raise(number);
                                   return true;
                                 },
                                 {});
    EXPECT_TRUE(done);
    ASSERT_EQ(prints.size(), 3U);
    EXPECT_EQ(json::parse(prints.back()).at("at"), json::parse(prints[1]).at("at"));
  }
}

}  // namespace
}  // namespace tidegate
