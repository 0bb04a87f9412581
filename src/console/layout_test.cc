#include "console/layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "console/golden_for_tests.h"
#include "console/view_for_tests.h"

namespace tidegate::console {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

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
TEST(Layout, shows_sections_side_by_side) { expect_screen("beside_80x24", http_view(), {}, {80, 24}); }
TEST(Layout, shows_sections_side_by_side_on_ten_rows) { expect_screen("beside_80x10", http_view(), {}, {80, 10}); }

TEST(Layout, stacks_sections_where_they_do_not_fit_side_by_side) {
  expect_screen("stacked_70x24", http_view(), {}, {70, 24});
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
  expect_screen("scrolled_60x9", view, pressed(view, {key(Key::Name::end), key(Key::Name::up)}), {60, 9});
}

// Every line that the screen shows while the key is pressed again and again.
std::set<std::string> seen(const View& view, ConsoleState& state, Size size, Key pressed) {
  std::set<std::string> seen;
  for (int i = 0; i < 40; ++i) {
    const auto screen = lay_out(view, state, size, Charset::utf8);
    state.set_page(screen.page);
    for (std::size_t row = 0; row < size.rows; ++row) seen.insert(screen.grid.text(row));
    state.press(pressed, view);
  }
  return seen;
}

TEST(Layout, shows_every_line_of_an_expanded_row_to_who_goes_on) {
  auto view = top_view();
  auto& details = view.sections[0].rows[1].details;
  details.clear();
  for (int i = 1; i <= 12; ++i) details.push_back(fmt::format("detail {}", i));
  for (const auto name : {Key::Name::down, Key::Name::page_down, Key::Name::up, Key::Name::page_up}) {
    auto state = pressed(view, {key(Key::Name::down), key(Key::Name::down), key(Key::Name::enter)});
    if (name == Key::Name::up || name == Key::Name::page_up) state.press(key(Key::Name::end), view);
    const auto lines = seen(view, state, {80, 10}, key(name));
    for (const auto& detail : details) EXPECT_TRUE(lines.contains("  " + detail)) << detail;
  }
  view.sections[0].rows[3].details = details;
  auto state = pressed(view, {key(Key::Name::end), key(Key::Name::enter)});
  state.set_page(lay_out(view, state, {80, 10}, Charset::utf8).page);
  state.press(key(Key::Name::end), view);
  EXPECT_THAT(text_of(lay_out(view, state, {80, 10}, Charset::utf8).grid), HasSubstr("detail 12"));
}

TEST(Layout, shows_all_of_an_expanded_row_that_fits) {
  const auto view = top_view();
  const auto state = pressed(view, {key(Key::Name::end), key(Key::Name::enter)});
  const auto text = text_of(lay_out(view, state, {80, 10}, Charset::utf8).grid);
  EXPECT_THAT(text, HasSubstr("mail"));
  EXPECT_THAT(text, HasSubstr("took 4.2 s to be ready"));
}

TEST(Layout, keeps_the_end_of_a_title_that_tells_it_from_another) {
  auto view = http_view();
  view.sections[0].columns[0].title = "MOST POPULAR SECTIONS, 10s";
  view.sections[1].columns[0].title = "MOST POPULAR SECTIONS, 10m";
  auto text = text_of(lay_out(view, {}, {80, 10}, Charset::utf8).grid);
  EXPECT_THAT(text, HasSubstr("MOST POPULAR SECTIONS, 10s"));
  EXPECT_THAT(text, HasSubstr("MOST POPULAR SECTIONS, 10m"));
  view.sections[0].rows[0].cells[1].text = view.sections[1].rows[0].cells[1].text = "123456789012345";
  text = text_of(lay_out(view, {}, {80, 10}, Charset::utf8).grid);
  EXPECT_THAT(text, HasSubstr("MOST POPUL…ATIONS, 10s"));
  EXPECT_THAT(text, HasSubstr("MOST POPUL…ATIONS, 10m"));
}

TEST(Layout, gives_the_messages_room_when_keys_act_upon_them) {
  auto view = top_view();
  for (int i = 0; i < 9; ++i) view.messages.push_back({"18:00:00", fmt::format("palworld woke {}", i)});
  EXPECT_THAT(text_of(lay_out(view, {}, {80, 10}, Charset::utf8).grid), Not(HasSubstr("EVENTS")));
  auto state = pressed(view, {key(Key::Name::tab), key(Key::Name::tab), key(Key::Name::tab)});
  const auto screen = lay_out(view, state, {80, 10}, Charset::utf8);
  EXPECT_THAT(text_of(screen.grid), HasSubstr("EVENTS"));
  EXPECT_THAT(text_of(screen.grid), HasSubstr("1–3 of 12"));
  EXPECT_EQ(screen.page, 3U);
  const auto lines = seen(view, state, {80, 10}, key(Key::Name::down));
  for (const auto& message : view.messages) EXPECT_TRUE(lines.contains(message.at + "  " + message.text));
}

TEST(Layout, gives_the_columns_of_the_section_in_focus) {
  const auto view = top_view();
  EXPECT_THAT(lay_out(view, {}, {120, 24}, Charset::utf8).columns, ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(lay_out(view, {}, {40, 10}, Charset::utf8).columns, ElementsAre(0, 1, 3, 5));
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
