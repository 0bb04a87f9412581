#include "api/metrics.h"

#include <gtest/gtest.h>

#include <limits>

namespace tidegate {
namespace {

TEST(Metrics, keeps_the_samples_of_a_family_together) {
  MetricsText metrics;
  auto& bytes = metrics.counter("tidegate_forward_bytes_total", "Payload bytes that were delivered.");
  metrics.gauge("tidegate_services", "Services that are configured.").add({}, 3);
  bytes.add({{"forward", "web"}, {"direction", "upload"}}, std::uint64_t{18'446'744'073'709'551'615U});
  metrics.counter("tidegate_forward_bytes_total", "").add({{"forward", "web"}, {"direction", "download"}}, 0);
  EXPECT_EQ(metrics.text(),
            "# HELP tidegate_forward_bytes_total Payload bytes that were delivered.\n"
            "# TYPE tidegate_forward_bytes_total counter\n"
            "tidegate_forward_bytes_total{forward=\"web\",direction=\"upload\"} 18446744073709551615\n"
            "tidegate_forward_bytes_total{forward=\"web\",direction=\"download\"} 0\n"
            "# HELP tidegate_services Services that are configured.\n"
            "# TYPE tidegate_services gauge\n"
            "tidegate_services 3\n");
}

TEST(Metrics, escapes_awkward_labels_and_help) {
  MetricsText metrics;
  auto& family = metrics.gauge("x", "a\\b\nc \"d\"");
  family.add({{"name", "a\\b\"c\nd"}}, 1).add({{"name", ""}}, 1).add({{"name", "} 1\n# HELP"}}, 1);
  family.add({{"name", "Grüße, 世界"}}, 1).add({{"name", "\xff\x1b[31m"}}, 1);
  EXPECT_EQ(metrics.text(),
            "# HELP x a\\\\b\\\\x0ac \"d\"\n"
            "# TYPE x gauge\n"
            "x{name=\"a\\\\b\\\"c\\\\x0ad\"} 1\n"
            "x{name=\"\"} 1\n"
            "x{name=\"} 1\\\\x0a# HELP\"} 1\n"
            "x{name=\"Grüße, 世界\"} 1\n"
            "x{name=\"\\\\xff\\\\x1b[31m\"} 1\n");
}

TEST(Metrics, writes_numbers_as_go_reads_them) {
  MetricsText metrics;
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  metrics.gauge("x", "x")
      .add({}, 0.25)
      .add({}, 1e21)
      .add({}, -kInfinity)
      .add({}, kInfinity)
      .add({}, std::nan(""))
      .add({}, -7);
  EXPECT_EQ(metrics.text(), "# HELP x x\n# TYPE x gauge\nx 0.25\nx 1e+21\nx -Inf\nx +Inf\nx NaN\nx -7\n");
}

TEST(Metrics, has_no_text_without_families) { EXPECT_EQ(MetricsText{}.text(), ""); }

TEST(MetricsDeathTest, does_not_take_a_counter_by_another_name) {
  MetricsText metrics;
  EXPECT_DEATH(metrics.counter("tidegate_bytes", "x"), "_total");
  EXPECT_DEATH(metrics.gauge("tidegate_bytes_total", "x"), "_total");
  EXPECT_DEATH(metrics.gauge("bad name", "x"), "is_name");
}

}  // namespace
}  // namespace tidegate
