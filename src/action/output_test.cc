#include "action/output.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

#include "tests/support/test_loop.h"

namespace tidegate {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class OutputLinesTest : public testing::Test {
 protected:
  static constexpr Instant kStart = Instant{} + std::chrono::hours{1};
  std::vector<std::string> said_;
  OutputLines lines_{[this](std::string_view line) { said_.emplace_back(line); }};

  void append_lines(std::size_t count, Instant now) {
    for (std::size_t i = 0; i < count; ++i) lines_.append("x\n", now);
  }
};

TEST_F(OutputLinesTest, says_each_line_once_it_is_complete) {
  lines_.append("one\ntw", kStart);
  EXPECT_THAT(said_, ElementsAre("one"));
  lines_.append("o\n\nthree", kStart);
  EXPECT_THAT(said_, ElementsAre("one", "two", ""));
}

TEST_F(OutputLinesTest, says_a_last_line_without_its_end_when_all_has_come) {
  lines_.append("half", kStart);
  EXPECT_THAT(said_, IsEmpty());
  lines_.finish(kStart);
  EXPECT_THAT(said_, ElementsAre("half"));
}

TEST_F(OutputLinesTest, leaves_a_carriage_return_before_the_line_end_out) {
  lines_.append("one\r\ntwo\r\n", kStart);
  EXPECT_THAT(said_, ElementsAre("one", "two"));
}

TEST_F(OutputLinesTest, says_a_line_of_the_longest_length_whole) {
  const std::string longest(OutputLines::kMostBytes, 'a');
  lines_.append(longest + "\n", kStart);
  EXPECT_THAT(said_, ElementsAre(longest));
}

TEST_F(OutputLinesTest, cuts_a_longer_line_and_says_by_how_much) {
  for (int i = 0; i < 5; ++i) lines_.append(std::string(1000, 'a'), kStart);
  lines_.append("\nnext\n", kStart);
  const std::string kept(OutputLines::kMostBytes, 'a');
  EXPECT_THAT(said_, ElementsAre(kept + " [904 more bytes of this line left out]", "next"));
}

TEST_F(OutputLinesTest, leaves_lines_out_past_the_most_in_a_second_and_says_how_many) {
  append_lines(OutputLines::kMostLines + 5, kStart);
  EXPECT_THAT(said_, SizeIs(OutputLines::kMostLines));
  lines_.append("later\n", kStart + OutputLines::kWindow);
  ASSERT_THAT(said_, SizeIs(OutputLines::kMostLines + 2));
  EXPECT_EQ(said_[OutputLines::kMostLines], "[5 lines left out: more than 200 in a second]");
  EXPECT_EQ(said_.back(), "later");
}

TEST_F(OutputLinesTest, says_what_was_left_out_though_nothing_more_comes) {
  EXPECT_EQ(lines_.deadline(), std::nullopt);
  append_lines(OutputLines::kMostLines + 1, kStart);
  ASSERT_EQ(lines_.deadline(), kStart + OutputLines::kWindow);
  lines_.tick(kStart + milliseconds{999});
  EXPECT_THAT(said_, SizeIs(OutputLines::kMostLines));
  lines_.tick(*lines_.deadline());
  EXPECT_EQ(said_.back(), "[1 line left out: more than 200 in a second]");
  EXPECT_EQ(lines_.deadline(), std::nullopt);
}

TEST_F(OutputLinesTest, allows_the_most_again_in_the_next_second) {
  append_lines(OutputLines::kMostLines, kStart);
  append_lines(OutputLines::kMostLines, kStart + OutputLines::kWindow);
  EXPECT_THAT(said_, SizeIs(2 * OutputLines::kMostLines));
}

TEST_F(OutputLinesTest, says_what_was_left_out_at_the_end) {
  append_lines(OutputLines::kMostLines + 2, kStart);
  lines_.finish(kStart);
  EXPECT_THAT(said_.back(), HasSubstr("2 lines left out"));
}

TEST(LogOutput, logs_lines_behind_their_label_until_the_pipe_ends) {
  test::TestLoop loop;
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  Fd theirs{ends[1]};
  testing::internal::CaptureStderr();
  log_output(loop.executor(), Fd{ends[0]}, "palworld: start");
  std::string text = "first\nsecond \x1b[31m\nthird";
  ASSERT_EQ(::write(theirs.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  theirs.reset();
  loop.until([&] { return ::fcntl(ends[0], F_GETFD) < 0; });
  const std::string logged = testing::internal::GetCapturedStderr();
  EXPECT_THAT(logged, HasSubstr("palworld: start: first\n"));
  EXPECT_THAT(logged, HasSubstr("palworld: start: second \\x1b[31m\n"));
  EXPECT_THAT(logged, EndsWith("palworld: start: third\n"));
}

}  // namespace
}  // namespace tidegate
