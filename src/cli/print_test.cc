#include "cli/print.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tidegate::cli {
namespace {

TEST(Table, aligns_by_characters_and_lets_the_last_cell_stand_behind) {
  const auto lines = table({{"SERVICE"}, {"IN", true}, {"SINCE"}},
                           {{"palworld", "1.20 GB", "–"}, {"wiki", "0 B", "1m ago", "start exited 1, again in 38 s"}});
  EXPECT_THAT(lines, testing::ElementsAre("SERVICE        IN  SINCE",  //
                                          "palworld  1.20 GB  –",      //
                                          "wiki          0 B  1m ago  start exited 1, again in 38 s"));
}

TEST(Table, is_its_titles_when_there_is_nothing) {
  EXPECT_THAT(table({{"SERVICE"}, {"STATE"}}, {}), testing::ElementsAre("SERVICE  STATE"));
}

TEST(EventLine, leaves_out_a_text_that_is_not_there) {
  EXPECT_THAT(event_line(WallTime{}, "wiki", "slept", ""), testing::EndsWith("  wiki  slept"));
  EXPECT_THAT(event_line(WallTime{}, "wiki", "ready", "after 0.3 s"), testing::EndsWith("  wiki  ready: after 0.3 s"));
}

}  // namespace
}  // namespace tidegate::cli
