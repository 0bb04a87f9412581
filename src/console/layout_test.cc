// Screens against their recordings in tests/golden/console: NAME.txt is the text, NAME.style a letter a place. With
// TIDEGATE_GOLDEN_WRITE set they are written anew; look at the difference before you keep it.
#include "console/layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "console/view_for_tests.h"

namespace tidegate::console {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string text_of(const Grid& grid) {
  std::string text;
  for (std::size_t row = 0; row < grid.size().rows; ++row) text += grid.text(row) + "\n";
  return text;
}

std::string styles_of(const Grid& grid) {
  constexpr std::string_view kLetters = " .gwbThF#k";
  std::string styles;
  for (std::size_t row = 0; row < grid.size().rows; ++row) {
    std::string line;
    for (std::size_t i = 0; i < grid.size().columns; ++i)
      line += kLetters.at(static_cast<std::size_t>(grid.at(i, row).style));
    line.erase(line.find_last_not_of(' ') + 1);
    styles += line + "\n";
  }
  return styles;
}

void expect_recorded(const std::string& file, const std::string& now) {
  const auto path = std::string{TIDEGATE_GOLDEN} + "/" + file;
  if (std::getenv("TIDEGATE_GOLDEN_WRITE") != nullptr) {
    std::ofstream{path} << now;
    return;
  }
  std::stringstream recorded;
  recorded << std::ifstream{path}.rdbuf();
  EXPECT_EQ(recorded.str(), now) << "differs from " << path;
}

void expect_screen(const std::string& name, const View& view, const ConsoleState& state, Size size,
                   Charset charset = Charset::utf8) {
  const auto screen = lay_out(view, state, size, charset);
  expect_recorded(name + ".txt", text_of(screen.grid));
  expect_recorded(name + ".style", styles_of(screen.grid));
}

ConsoleState pressed(const View& view, std::initializer_list<Key> keys) {
  ConsoleState state;
  for (const auto& key : keys) state.press(key, view);
  return state;
}

TEST(Layout, shows_top_on_a_usual_screen) { expect_screen("top_80x24", top_view(), {}, {80, 24}); }
TEST(Layout, shows_top_on_ten_rows) { expect_screen("top_80x10", top_view(), {}, {80, 10}); }
TEST(Layout, shows_top_on_a_large_screen) { expect_screen("top_120x40", top_view(), {}, {120, 40}); }
TEST(Layout, shows_top_on_the_smallest_screen) { expect_screen("top_40x8", top_view(), {}, kLeastSize); }
TEST(Layout, says_that_a_screen_is_too_small) { expect_screen("top_39x7", top_view(), {}, {39, 7}); }
TEST(Layout, shows_top_in_ascii) { expect_screen("top_80x24_ascii", top_view(), {}, {80, 24}, Charset::ascii); }
TEST(Layout, shows_http_on_a_usual_screen) { expect_screen("http_80x24", http_view(), {}, {80, 24}); }
TEST(Layout, shows_http_on_ten_rows) { expect_screen("http_80x10", http_view(), {}, {80, 10}); }

TEST(Layout, stacks_sections_where_they_do_not_fit_side_by_side) {
  expect_screen("http_70x24", http_view(), {}, {70, 24});
}

TEST(Layout, shows_messages_before_the_sections_behind_them_where_there_is_no_room_for_all) {
  auto view = http_view();
  view.sections.push_back(popular("more", "MORE", false, 5));
  const auto line_of = [&](std::string_view word, Size size) {
    const auto screen = lay_out(view, {}, size, Charset::utf8);
    for (std::size_t row = 0; row < size.rows; ++row) {
      if (screen.grid.text(row).contains(word)) return row;
    }
    return size.rows;
  };
  EXPECT_EQ(line_of("ALERTS", {80, 10}), 10U);
  EXPECT_LT(line_of("MORE", {80, 24}), line_of("ALERTS", {80, 24}));
  view.messages_behind = 2;
  EXPECT_LT(line_of("recovered", {80, 10}), 10U);
  EXPECT_LT(line_of("ALERTS", {80, 24}), line_of("MORE", {80, 24}));
}

TEST(Layout, shows_a_chosen_and_expanded_row_and_the_order) {
  const auto view = top_view();
  const auto state = pressed(view, {key(U's'), key(U's'), key(U's'), key(U's'), key(Key::Name::down),
                                    key(Key::Name::down), key(Key::Name::enter), key(U'f'), key(U'p')});
  expect_screen("top_expanded", view, state, {80, 24});
}

TEST(Layout, shows_the_filter_while_it_is_typed) {
  const auto view = top_view();
  expect_screen("top_filter", view, pressed(view, {key(U'/'), key(U'W'), key(U'i'), key(U'k')}), {80, 16});
}

TEST(Layout, shows_the_keys_on_any_screen) {
  const auto view = top_view();
  const auto state = pressed(view, {key(U'?')});
  expect_screen("help_80x24", view, state, {80, 24});
  expect_screen("help_80x10", view, state, {80, 10});
}

TEST(Layout, shows_the_rows_around_the_chosen_one) {
  auto view = http_view();
  view.sections = {popular("10 s", "SECTION", false, 9)};
  expect_screen("http_scrolled", view, pressed(view, {key(Key::Name::end), key(Key::Name::up)}), {60, 9});
}

TEST(Layout, says_what_is_wrong_in_place_of_the_keys) {
  auto view = top_view();
  view.trouble = "no tidegate listens at /run/tidegate/control.sock";
  const auto screen = lay_out(view, {}, {80, 10}, Charset::utf8);
  EXPECT_EQ(screen.grid.text(9), view.trouble);
  EXPECT_EQ(screen.grid.at(0, 9).style, Style::bad);
}

TEST(Layout, writes_no_control_character_that_came_from_the_network) {
  const std::string evil =
      "a\x1b[2J\x07\r\n\xc2\x9b"
      "31m\xe2\x80\xae"
      "b\x7f\xff";
  auto view = top_view();
  view.title = view.clock = view.losses = view.window = evil;
  view.figures = {{evil, evil}};
  view.sparklines = {{evil, evil, {1}}};
  view.sections[0].rows[0] = {.key = "evil", .cells = {{.text = evil}, {.text = evil}}, .details = {evil}};
  view.sections[2].empty = view.messages_title = evil;
  view.messages = {{evil, evil}};
  auto state = pressed(view, {key(U'/'), key(U'a'), key(U'\u202e'), key(U'\u009b')});
  for (const auto charset : {Charset::utf8, Charset::ascii}) {
    for (const bool with_filter : {false, true}) {
      const auto screen =
          lay_out(view, with_filter ? state : pressed(view, {key(Key::Name::enter)}), {200, 40}, charset);
      for (std::size_t row = 0; row < 40; ++row) {
        for (std::size_t column = 0; column < 200; ++column) {
          const auto& glyph = screen.grid.at(column, row).glyph;
          const auto c = glyph.base;
          EXPECT_FALSE(c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200b && c <= 0x200f) ||
                       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069))
              << static_cast<std::uint32_t>(c) << " at " << column << ", " << row;
        }
      }
      const auto text = text_of(screen.grid);
      EXPECT_THAT(text, HasSubstr(R"(a\x1b[2J\x07\x0d\x0a\x9b31m\u{202e}b\x7f\xff)"));
    }
  }
}

TEST(Layout, fits_every_size_without_leaving_it) {
  const auto view = top_view();
  const auto http = http_view();
  const auto state = pressed(view, {key(U's'), key(Key::Name::end), key(Key::Name::enter)});
  const auto help = pressed(view, {key(U'?')});
  for (std::size_t columns = 1; columns < 130; columns += 3) {
    for (std::size_t rows = 1; rows < 45; ++rows) {
      for (const auto& [shown, how] : {std::pair{&view, &state}, {&http, &state}, {&view, &help}}) {
        const auto screen = lay_out(*shown, *how, {columns, rows}, Charset::utf8);
        ASSERT_EQ(screen.grid.size(), (Size{columns, rows}));
        for (std::size_t row = 0; row < rows; ++row)
          ASSERT_LE(columns_of(screen.grid.text(row), Charset::utf8), columns) << columns << "×" << rows;
      }
    }
  }
}

TEST(Layout, gives_the_page_of_the_section_in_focus) {
  const auto view = top_view();
  EXPECT_EQ(lay_out(view, {}, {80, 24}, Charset::utf8).page, 4U);
  EXPECT_EQ(lay_out(View{}, {}, {80, 24}, Charset::utf8).page, 1U);
}

TEST(Layout, offers_only_keys_that_do_something) {
  auto view = top_view();
  EXPECT_THAT(lay_out(view, {}, {120, 10}, Charset::utf8).grid.text(9), HasSubstr("z zero"));
  view.can_reset = false;
  view.window.clear();
  const auto line = lay_out(view, {}, {120, 10}, Charset::utf8).grid.text(9);
  EXPECT_THAT(line, Not(HasSubstr("z zero")));
  EXPECT_THAT(line, Not(HasSubstr("w window")));
}

}  // namespace
}  // namespace tidegate::console
