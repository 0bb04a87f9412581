#include "cli/queue_view.h"

#include <gtest/gtest.h>

namespace tidegate::cli {
namespace {

TEST(QueueView, says_how_much_waits_and_why_what_was_dropped) {
  const boost::json::object queue{{"waiting", 3},     {"clients", 2},        {"dropped_full", 1},
                                  {"dropped_old", 0}, {"dropped_failed", 3}, {"lost", 0}};
  EXPECT_EQ(queue_waiting(queue), "3 packets of 2 clients wait");
  EXPECT_EQ(queue_drops(queue), "4 dropped (1 no room, 3 start failed)");
  EXPECT_EQ(queue_drops({{"dropped_full", 0}}), "");
}

}  // namespace
}  // namespace tidegate::cli
