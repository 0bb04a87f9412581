#include "console/glyph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "console/grid.h"
#include "console/sparkline.h"
#include "console/width_table.h"

namespace tidegate::console {
namespace {

std::string shown(std::string_view text, Charset charset = Charset::utf8) {
  std::string all;
  for (const auto& glyph : glyphs(text, charset)) all += to_text(glyph);
  return all;
}

TEST(Glyph, knows_wide_characters_and_marks) {
  EXPECT_EQ(columns_of(U'a'), 1);
  EXPECT_EQ(columns_of(U'é'), 1);
  EXPECT_EQ(columns_of(U'…'), 1);
  EXPECT_EQ(columns_of(U'日'), 2);
  EXPECT_EQ(columns_of(U'한'), 2);
  EXPECT_EQ(columns_of(U'ｗ'), 2);
  EXPECT_EQ(columns_of(U'🌊'), 2);
  EXPECT_EQ(columns_of(U'\u0301'), 0);
  EXPECT_EQ(columns_of(U'\u0e31'), 0);
  EXPECT_EQ(columns_of("日本x", Charset::utf8), 5U);
}

TEST(Glyph, has_tables_in_order) {
  const auto in_order = [](std::span<const CodeRange> table) {
    for (std::size_t i = 0; i < table.size(); ++i) {
      if (table[i].first > table[i].last || (i > 0 && table[i - 1].last >= table[i].first)) return false;
    }
    return true;
  };
  EXPECT_TRUE(in_order(kMarks));
  EXPECT_TRUE(in_order(kWide));
  EXPECT_TRUE(in_order(kHidden));
}

TEST(Glyph, keeps_a_mark_with_its_character_and_no_heap_of_them) {
  EXPECT_EQ(glyphs("e\u0301x", Charset::utf8).size(), 2U);
  EXPECT_EQ(shown("e\u0301x"), "e\u0301x");
  EXPECT_EQ(shown("e\u0301\u0302\u0303\u0304"), "e\u0301\u0302");
  EXPECT_EQ(shown("\u0301"), "\u25cc\u0301") << "what has nothing to stand on gets something";
}

TEST(Glyph, shows_what_would_not_be_seen) {
  EXPECT_EQ(shown("a\u206fb"), "a\ufffdb");
  EXPECT_EQ(shown("a\ue000b"), "a\ufffdb");
  EXPECT_EQ(shown("\x1b[31m"), "\\x1b[31m");
  EXPECT_EQ(shown("\u202e"), "\\u{202e}");
  EXPECT_EQ(shown("a\tb"), "a b");
  EXPECT_EQ(shown("\xff"), "\\xff");
}

TEST(Glyph, writes_ascii_where_that_is_all_there_is) {
  EXPECT_EQ(shown("a→b…–é日", Charset::ascii), "a>b~-??");
  EXPECT_EQ(columns_of("日本", Charset::ascii), 2U);
}

TEST(Glyph, reads_back_what_it_writes) {
  for (const char32_t c : {U'a', U'\u00e9', U'\u0800', U'\uffff', U'\U00010000', U'\U0010ffff'}) {
    std::string text;
    append_utf8(text, c);
    EXPECT_EQ(decoded(text), std::u32string(1, c));
  }
}

TEST(Grid, cuts_what_does_not_fit) {
  Grid grid{{10, 2}, Charset::utf8};
  EXPECT_EQ(grid.put(2, 0, "abcdef", Style::plain, 4), 4U);
  EXPECT_EQ(grid.text(0), "  abc…");
  EXPECT_EQ(grid.put(8, 1, "abc", Style::plain, 100), 2U);
  EXPECT_EQ(grid.text(1), "        a…");
}

TEST(Grid, never_cuts_a_wide_character_in_two) {
  Grid grid{{5, 1}, Charset::utf8};
  EXPECT_EQ(grid.put(0, 0, "日本語", Style::plain, 4), 3U) << "half of the second one would be seen";
  EXPECT_EQ(grid.text(0), "日…");
}

TEST(Grid, writes_at_the_right_edge) {
  Grid grid{{6, 1}, Charset::utf8};
  grid.put_right(0, 0, "日1", Style::good, 6);
  EXPECT_EQ(grid.text(0), "   日1");
  EXPECT_EQ(grid.at(2, 0).style, Style::plain);
  EXPECT_EQ(grid.at(5, 0).style, Style::good);
}

TEST(Grid, ignores_what_is_outside) {
  Grid grid{{3, 1}, Charset::utf8};
  EXPECT_EQ(grid.put(3, 0, "a", Style::plain, 1), 0U);
  EXPECT_EQ(grid.put(0, 1, "a", Style::plain, 1), 0U);
  grid.paint(0, 1, Style::bad, 3);
  grid.paint(2, 0, Style::bad, 9);
  EXPECT_EQ(grid.text(0), "");
}

TEST(Sparkline, stands_on_the_highest_of_what_is_shown) {
  constexpr double kValues[] = {100, 0, 1, 2, 7};
  EXPECT_EQ(sparkline(kValues, 4), "▁▂▃█");
  EXPECT_EQ(sparkline(kValues, 5), "█▁▂▂▂");
  EXPECT_EQ(sparkline({}, 5), "");
}

TEST(Sparkline, leaves_a_gap_where_nothing_was_measured) {
  constexpr double kValues[] = {NAN, -1, INFINITY, 0, 5};
  EXPECT_EQ(sparkline(kValues, 9), " ▁ ▁█");
}

}  // namespace
}  // namespace tidegate::console
