#include "observe/tally_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "observe/count.h"
#include "sensor/pcap.h"
#include "tests/support/samples.h"

namespace tidegate {
namespace {

using tally_report::Outcomes;
using testing::HasSubstr;

Pseudonyms hashes() {
  constexpr std::uint8_t kKey[] = {'f', 'o', 'o'};
  return Pseudonyms::make(Privacy::hash, kKey).value();
}

TallyReport report() {
  return {.sources = {{.address = test::ip("127.0.0.1"),
                       .count = 10,
                       .outcomes = {.established = 7, .refused = 1, .unanswered = 2, .retransmitted = 4},
                       .ports = {{9306, 9, 0}, {9056, 1, 0}}},
                      {.address = test::ip("10.0.0.1"), .count = 5, .error = 2, .ports = {{80, 4, 1}}}},
          .connections = 15,
          .outcomes = {.established = 9, .refused = 2, .unanswered = 4, .retransmitted = 4}};
}

TEST(TallyReport, is_text_as_pulso_writes_it_with_the_error_where_there_is_one) {
  EXPECT_EQ(tally_report::text(report(), hashes(), Outcomes::left_out),
            "2da25a664b49c9b5:10 9306:9 9056:1\n"
            "e506c8d69687f534:5(-2) 80:4(-1)\n");
  EXPECT_EQ(tally_report::text({}, hashes(), Outcomes::shown), "");
}

TEST(TallyReport, has_outcomes_behind_the_ports) {
  EXPECT_THAT(tally_report::text(report(), Pseudonyms{}, Outcomes::shown),
              HasSubstr("127.0.0.1:10 9306:9 9056:1 attempted:10 established:7 refused:1 unanswered:2 "
                        "retransmitted:4\n"));
}

TEST(TallyReport, orders_equal_sums_by_the_name_that_is_shown) {
  TallyReport equal;
  for (const char* const address : {"10.0.0.1", "127.0.0.1"})
    equal.sources.push_back({.address = test::ip(address), .count = 1});
  EXPECT_EQ(tally_report::text(equal, hashes(), Outcomes::left_out), "2da25a664b49c9b5:1\ne506c8d69687f534:1\n");
  EXPECT_EQ(tally_report::text(equal, Pseudonyms{}, Outcomes::left_out), "10.0.0.1:1\n127.0.0.1:1\n");
}

TEST(TallyReport, is_an_object_on_a_line_for_each_source) {
  const WallTime at{std::chrono::milliseconds{1500}};
  EXPECT_THAT(tally_report::json(report(), hashes(), Outcomes::left_out, at),
              testing::EndsWith(R"({"at":"1970-01-01T00:00:01.500Z","source":"e506c8d69687f534","connections":5,)"
                                R"("error":2,"ports":[{"port":80,"connections":4,"error":1}]})"
                                "\n"));
  EXPECT_THAT(tally_report::json(report(), hashes(), Outcomes::shown, at),
              HasSubstr(R"("attempted":10,"established":7,"refused":1,"unanswered":2,"retransmitted":4})"));
}

TEST(TallyReport, has_metrics_by_source_port_and_outcome) {
  MetricsText metrics;
  tally_report::add_metrics(metrics, "knocks", report(), Pseudonyms{}, Outcomes::shown);
  const auto text = metrics.text();
  for (const char* const sample :
       {R"(tidegate_tally_connections_total{tally="knocks"} 15)",
        R"(tidegate_tally_source_connections{tally="knocks",source="10.0.0.1"} 5)",
        R"(tidegate_tally_source_error{tally="knocks",source="10.0.0.1"} 2)",
        R"(tidegate_tally_port_connections{tally="knocks",source="127.0.0.1",port="9306"} 9)",
        R"(tidegate_tally_outcomes_total{tally="knocks",outcome="unanswered"} 4)",
        R"(tidegate_tally_source_outcomes{tally="knocks",source="127.0.0.1",outcome="established"} 7)"})
    EXPECT_THAT(text, HasSubstr(std::string{"\n"} + sample + "\n"));
}

TEST(CountFilter, compiles_whatever_is_asked_for) {
  for (const bool outcomes : {false, true}) {
    for (const bool syn_packets : {false, true}) {
      for (const std::size_t ports : {0uz, 1uz, 64uz, 1000uz}) {
        for (const char* const filter : {"", "net 10.0.0.0/8 or host 192.0.2.1"}) {
          CountSettings settings{.tally = {.syn_packets = syn_packets}, .filter = filter, .outcomes = outcomes};
          for (std::size_t i = 0; i < ports; ++i) {
            const auto port = static_cast<std::uint16_t>(1 + 2 * i);
            settings.tally.ports.push_back({Protocol::tcp, port, port});
          }
          const auto checked = check_filter(count_filter(settings));
          EXPECT_TRUE(checked) << checked.error().what;
        }
      }
    }
  }
}

}  // namespace
}  // namespace tidegate
