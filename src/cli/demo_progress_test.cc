#include "cli/demo_progress.h"

#include <gtest/gtest.h>

namespace tidegate::cli {
namespace {

using namespace std::chrono_literals;

const LoadProgress kHalfWay{.since = 5s, .length = 10s, .answered = 120, .failed = 3};

TEST(DemoProgress, shows_how_far_it_is) {
  EXPECT_EQ(progress_line(kHalfWay, 120),
            "[###############...............]  50 %  5.0 s of 10 s  120 answered, 3 failed");
}

TEST(DemoProgress, shrinks_the_bar_before_it_cuts_the_text) {
  EXPECT_EQ(progress_line(kHalfWay, 61), "[######.......]  50 %  5.0 s of 10 s  120 answered, 3 failed");
  EXPECT_EQ(progress_line(kHalfWay, 51), "[#..]  50 %  5.0 s of 10 s  120 answered, 3 failed");
  EXPECT_EQ(progress_line(kHalfWay, 50), " 50 %  5.0 s of 10 s  120 answered, 3 failed");
  EXPECT_EQ(progress_line(kHalfWay, 24), " 50 %  5.0 s of 10 s  1");
  EXPECT_EQ(progress_line(kHalfWay, 1), "");
  EXPECT_EQ(progress_line(kHalfWay, 0), "");
}

TEST(DemoProgress, fits_into_a_terminal_of_any_width_whatever_it_counts) {
  const LoadProgress long_one{
      .since = 75h, .length = 100h, .answered = 18'446'744'073'709'551'615U, .failed = 18'446'744'073'709'551'615U};
  for (std::size_t columns = 1; columns < 200; ++columns) {
    EXPECT_LT(progress_line(kHalfWay, columns).size(), columns);
    EXPECT_LT(progress_line(long_one, columns).size(), columns);
  }
}

TEST(DemoProgress, ends_at_the_end) {
  EXPECT_TRUE(progress_line({.since = 11s, .length = 10s}, 80).starts_with("[##############################] 100 %"));
  EXPECT_TRUE(progress_line({}, 80).starts_with("[##############################] 100 %"));
}

}  // namespace
}  // namespace tidegate::cli
