#include "console/plain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "console/view_for_tests.h"

namespace tidegate::console {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST(Plain, prints_the_whole_view) {
  auto view = http_view();
  view.losses = "3 bytes";
  view.trouble = "the interface is down";
  for (auto& section : view.sections) section.rows.resize(2);
  EXPECT_THAT(plain_lines(view, Charset::utf8),
              ElementsAre("12:34:57  listening on eth0, TCP port 80", "the interface is down",
                          "requests/s 21  mean 20.4  max 104  errors 0.2 %", "not in these figures: 3 bytes",
                          "SECTION, LAST 10 s  HITS", "/aaa                 100", "/bbbbbbbbbbbb         90",
                          "SECTION, LAST 10 min  HITS", "/aaa                   100", "/bbbbbbbbbbbb           90",
                          "High traffic generated an alert - hits = 2401 triggered at 21 Nov 12:34:56",
                          "High traffic alert recovered at 21 Nov 12:36:56"));
}

TEST(Plain, aligns_wide_characters_and_cuts_nothing) {
  const auto lines = plain_lines(top_view(), Charset::utf8);
  EXPECT_EQ(lines[3], "SERVICE         STATE   WOKEN BY                    CLIENTS  IN");
  EXPECT_EQ(lines[5],
            "wiki            failed  198.51.100.9:40112 tcp/80         0            start exited 1, again in 38 s");
  EXPECT_EQ(lines[6], "日本語サービス  asleep  –                                 0  ▁▁");
}

TEST(Plain, keeps_to_ascii_where_it_is_asked_to) {
  const auto lines = plain_lines(top_view(), Charset::ascii);
  EXPECT_EQ(lines[0], "18:14:11  tidegate top | 4 services, 1 forward");
  EXPECT_EQ(lines[4], "palworld  awake   203.0.113.7:50311 udp/8211        2  .-:=+*##");
  EXPECT_EQ(lines[6], "???????   asleep  -                                 0  __");
  EXPECT_EQ(lines.back(), "18:13:33  wiki start failed: start exited 1");
  for (const auto& line : lines)
    EXPECT_TRUE(std::ranges::all_of(line, [](char c) { return c >= ' ' && c <= '~'; })) << line;
}

TEST(Plain, prints_no_control_characters) {
  auto view = top_view();
  view.title = view.sections[0].rows[0].cells[0].text = view.messages[0].text = "a\x1b]0;x\x07\n";
  EXPECT_THAT(plain_lines(view, Charset::utf8), Each(Not(HasSubstr("\x1b"))));
  EXPECT_THAT(plain_lines(view, Charset::utf8), Each(Not(HasSubstr("\n"))));
}

}  // namespace
}  // namespace tidegate::console
