#include "daemon/metrics_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/books_for_tests.h"

namespace tidegate {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(MetricsReport, tells_what_a_forward_carried_in_each_direction) {
  test::Books books{{test::forward("web", 10001, 10000), test::forward("dns", 5353, 53)}};
  books.carry("web", 12, 34, test::kDecember);
  books.runtime("web").life->open_connections = 3;
  MetricsText text;
  metrics::add_forwards(text, {books.view("web"), books.view("dns")}, test::kStart);
  const auto all = text.text();
  EXPECT_THAT(all, HasSubstr("# TYPE tidegate_forward_bytes_total counter\n"
                             "tidegate_forward_bytes_total{forward=\"web\",direction=\"upload\"} 12\n"
                             "tidegate_forward_bytes_total{forward=\"web\",direction=\"download\"} 34\n"
                             "tidegate_forward_bytes_total{forward=\"dns\",direction=\"upload\"} 0\n"));
  EXPECT_THAT(all, HasSubstr("tidegate_forward_open_connections{forward=\"web\"} 3\n"));
  EXPECT_THAT(all, HasSubstr("tidegate_target_up{forward=\"web\",target=\"127.0.0.1:10000\"} 1\n"));
}

TEST(MetricsReport, tells_a_target_once_that_is_listed_twice) {
  auto twice = test::forward("web", 10001, 10000);
  twice.targets.push_back(twice.targets.front());
  test::Books books{{twice}};
  MetricsText text;
  metrics::add_forwards(text, {books.view("web")}, test::kStart);
  const auto all = text.text();
  const auto first = all.find("tidegate_target_up{");
  ASSERT_NE(first, std::string::npos);
  EXPECT_EQ(all.find("tidegate_target_up{", first + 1), std::string::npos);
}

TEST(MetricsReport, leaves_out_gauges_of_a_forward_that_is_not_served) {
  test::Books books{{test::forward("web", 10001, 10000)}};
  auto view = books.view("web");
  view.runtime = nullptr;
  MetricsText text;
  metrics::add_forwards(text, {view}, test::kStart);
  EXPECT_THAT(text.text(), HasSubstr("tidegate_forward_errors_total{forward=\"web\"} 0\n"));
  EXPECT_THAT(text.text(), Not(HasSubstr("tidegate_forward_waiting")));
}

TEST(MetricsReport, tells_how_far_quotas_are_used) {
  auto web = test::forward("web", 10001, 10000);
  web.limit = 100;
  test::Books books{{web}};
  books.carry("web", 60, 40, test::kDecember);
  MetricsText text;
  metrics::add_quotas(text, books.books().quotas());
  EXPECT_THAT(text.text(), HasSubstr("tidegate_quota_bytes{quota=\"web/limit\"} 100\n"));
  EXPECT_THAT(text.text(), HasSubstr("tidegate_quota_used_bytes{quota=\"web/limit\"} 100\n"));
  EXPECT_THAT(text.text(), HasSubstr("tidegate_quota_exceeded{quota=\"web/limit\"} 1\n"));
}

TEST(MetricsReport, adds_up_sensors_of_one_name) {
  SensorStatus one;
  one.name = "pcap on eth0";
  one.listening = true;
  one.packets = 5;
  one.dropped_kernel = 1;
  SensorStatus two = one;
  two.packets = 7;
  two.listening = false;
  MetricsText text;
  metrics::add_sensors(text, {one, two});
  EXPECT_THAT(text.text(), HasSubstr("tidegate_sensor_packets_total{sensor=\"pcap on eth0\"} 12\n"));
  EXPECT_THAT(text.text(), HasSubstr("tidegate_sensor_dropped_total{sensor=\"pcap on eth0\",by=\"kernel\"} 2\n"));
  EXPECT_THAT(text.text(), HasSubstr("tidegate_sensor_listening{sensor=\"pcap on eth0\"} 0\n"));
}

TEST(MetricsReport, tells_once_how_often_the_buffer_of_all_nflog_groups_was_full) {
  SensorStatus one;
  one.name = "nflog group 1";
  one.dropped_kernel = 3;
  one.overruns = 2;
  SensorStatus other = one;
  other.name = "nflog group 2";
  MetricsText text;
  metrics::add_sensors(text, {one, other});
  EXPECT_THAT(text.text(), HasSubstr("tidegate_sensor_dropped_total{sensor=\"nflog group 1\",by=\"kernel\"} 3\n"));
  EXPECT_THAT(text.text(), HasSubstr("\ntidegate_nflog_overruns_total 2\n"));
}

TEST(MetricsReport, tells_how_many_packets_the_kernel_handed_up) {
  SensorStatus kernel;
  kernel.name = "kernel";
  kernel.handed_up = 7;
  MetricsText text;
  metrics::add_sensors(text, {SensorStatus{.name = "pcap on any"}, kernel});
  EXPECT_THAT(text.text(), HasSubstr("\ntidegate_kernel_handed_up_total 7\n"));
  EXPECT_THAT(text.text(), Not(HasSubstr("tidegate_nflog_overruns_total")));
}

TEST(MetricsReport, tells_of_this_process) {
  const auto status = process_status();
  EXPECT_GT(status.start_time, 1.6e9);
  EXPECT_GT(status.resident_bytes, 100'000U);
  EXPECT_GE(status.open_fds, 1U);
  MetricsText text;
  metrics::add_process(text, status, "1.2.3");
  EXPECT_THAT(text.text(), HasSubstr("tidegate_build_info{version=\"1.2.3\"} 1\n"));
  EXPECT_THAT(text.text(), HasSubstr("\nprocess_resident_memory_bytes "));
}

}  // namespace
}  // namespace tidegate
