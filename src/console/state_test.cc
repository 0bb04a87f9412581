#include "console/state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "console/order.h"
#include "console/view_for_tests.h"

namespace tidegate::console {
namespace {

using testing::ElementsAre;
using Name = Key::Name;

// The names of the rows of a section in the order in which they are shown.
std::vector<std::string> names(const View& view, const ConsoleState& state, std::size_t section = 0) {
  std::vector<std::string> names;
  for (const std::size_t i : ordered(view.sections[section], state))
    names.push_back(view.sections[section].rows[i].key);
  return names;
}

class State : public testing::Test {
 protected:
  Action press(Key pressed) { return state_.press(pressed, view_); }
  void type(std::u32string_view text) {
    for (const char32_t c : text) press(key(c));
  }
  const SectionState& services() { return state_.of(view_.sections[0]); }

  View view_ = top_view();
  ConsoleState state_;
};

TEST_F(State, quits_by_q_and_ignores_what_is_bound_to_nothing) {
  EXPECT_EQ(press(key(U'x')), Action::none);
  EXPECT_EQ(press(key(U'\0')), Action::none);
  EXPECT_EQ(press(key(U'q')), Action::quit);
}

TEST_F(State, has_one_meaning_for_each_key) {
  std::set<std::pair<Name, char32_t>> seen;
  std::set<Command> commands;
  for (const auto& binding : kBindings) {
    EXPECT_TRUE(commands.insert(binding.command).second) << binding.word;
    EXPECT_FALSE(binding.help.empty()) << binding.word;
    EXPECT_TRUE(seen.emplace(binding.keys[0].name, binding.keys[0].character).second) << binding.word;
    if (binding.keys[1] != binding.keys[0])
      EXPECT_TRUE(seen.emplace(binding.keys[1].name, binding.keys[1].character).second) << binding.word;
  }
}

TEST_F(State, sorts_by_one_column_after_the_other_and_then_as_it_came) {
  const auto natural = names(view_, state_);
  EXPECT_EQ(press(key(U's')), Action::redraw);
  EXPECT_THAT(names(view_, state_), ElementsAre("mail", "palworld", "wiki", "日本語サービス"));
  for (int i = 0; i < 3; ++i) press(key(U's'));  // CLIENTS
  EXPECT_THAT(names(view_, state_), ElementsAre("mail", "palworld", "wiki", "日本語サービス"));
  press(key(U'r'));
  EXPECT_THAT(names(view_, state_), ElementsAre("wiki", "日本語サービス", "palworld", "mail"));
  for (std::size_t i = 0; i < view_.sections[0].columns.size() - 3; ++i) press(key(U's'));
  EXPECT_FALSE(services().sort);
  EXPECT_EQ(names(view_, state_), natural);
}

TEST_F(State, sorts_rows_without_a_number_behind_those_with_one) {
  view_.sections[0].rows[0].cells[3].value.reset();
  view_.sections[0].rows[1].cells[3].value = NAN;
  for (int i = 0; i < 4; ++i) press(key(U's'));
  const auto order = names(view_, state_);
  EXPECT_EQ(order[0], "mail");
  EXPECT_EQ(order[1], "日本語サービス");
}

TEST_F(State, sorts_only_by_columns_that_are_on_the_screen) {
  state_.set_columns({0, 3});
  press(key(U's'));
  EXPECT_EQ(services().sort, 0U);
  press(key(U's'));
  EXPECT_EQ(services().sort, 3U);
  press(key(U's'));
  EXPECT_FALSE(services().sort);
}

TEST_F(State, finds_by_a_filter_what_the_screen_shows) {
  view_.sections[0].rows[1].cells[0].text = "wi\x1bki\t\xe2\x80\xae\xff";
  press(key(U'/'));
  for (const std::u32string_view shown : {U"i\\X1BK", U"ki \\u{202e}", U"\\xff"}) {
    type(shown);
    EXPECT_THAT(names(view_, state_), ElementsAre("wiki"));
    for (std::size_t i = 0; i < shown.size(); ++i) press(key(Name::backspace));
  }
}

TEST_F(State, filters_while_it_is_typed) {
  press(key(U'/'));
  type(U"WI");
  EXPECT_TRUE(state_.editing());
  EXPECT_THAT(names(view_, state_), ElementsAre("wiki"));
  press(key(Name::backspace));
  press(key(Name::backspace));
  EXPECT_EQ(names(view_, state_).size(), 4U);
  type(U"語");
  EXPECT_THAT(names(view_, state_), ElementsAre("日本語サービス"));
  press(key(Name::enter));
  EXPECT_FALSE(state_.editing());
  EXPECT_EQ(state_.filter(), "語");
}

TEST_F(State, takes_a_filter_back_by_escape) {
  press(key(U'/'));
  type(U"mail");
  press(key(Name::enter));
  press(key(U'/'));
  type(U"xyz");
  press(key(Name::escape));
  EXPECT_EQ(state_.filter(), "mail") << "what it was before";
  press(key(Name::escape));
  EXPECT_EQ(state_.filter(), "");
}

TEST_F(State, types_q_into_a_filter_instead_of_quitting) {
  press(key(U'/'));
  EXPECT_EQ(press(key(U'q')), Action::redraw);
  EXPECT_EQ(state_.filter(), "q");
  press(key(U'\x01'));
  EXPECT_EQ(state_.filter(), "q") << "a control character is no text";
}

TEST_F(State, bounds_a_filter) {
  press(key(U'/'));
  for (std::size_t i = 0; i < 2 * ConsoleState::kLongestFilter; ++i) press(key(U'a'));
  EXPECT_EQ(state_.filter().size(), ConsoleState::kLongestFilter);
}

TEST_F(State, moves_among_the_rows_as_they_are_shown) {
  EXPECT_FALSE(services().chosen);
  press(key(Name::down));
  EXPECT_EQ(services().chosen, "palworld");
  press(key(U'j'));
  EXPECT_EQ(services().chosen, "wiki");
  press(key(Name::end));
  EXPECT_EQ(services().chosen, "mail");
  press(key(Name::down));
  EXPECT_EQ(services().chosen, "mail") << "there is no row below";
  state_.set_page(2);
  press(key(Name::page_up));
  EXPECT_EQ(services().chosen, "wiki");
  press(key(Name::page_up));
  press(key(Name::page_up));
  EXPECT_EQ(services().chosen, "palworld");
  press(key(Name::page_down));
  EXPECT_EQ(services().chosen, "日本語サービス");
  press(key(Name::home));
  EXPECT_EQ(services().chosen, "palworld");
}

TEST_F(State, scrolls_through_an_expanded_row_that_is_longer_than_a_page) {
  view_.sections[0].rows[1].details = {"1", "2", "3", "4", "5"};
  state_.set_page(3);
  press(key(Name::down));
  press(key(Name::down));
  press(key(Name::enter));
  const auto expect_at = [&](std::string_view row, std::size_t scrolled, Key pressed) {
    press(pressed);
    EXPECT_EQ(services().chosen, row);
    EXPECT_EQ(services().scrolled, scrolled);
  };
  for (const std::size_t line : {1U, 2U, 3U}) expect_at("wiki", line, key(Name::down));
  expect_at("日本語サービス", 0, key(Name::down));
  for (const std::size_t line : {3U, 2U, 1U, 0U}) expect_at("wiki", line, key(Name::up));
  expect_at("palworld", 0, key(Name::up));
  expect_at("wiki", 0, key(Name::page_down));
  expect_at("wiki", 3, key(Name::page_down));
  expect_at("日本語サービス", 0, key(Name::page_down));
  expect_at("wiki", 3, key(Name::page_up));
  expect_at("wiki", 0, key(Name::page_up));
  expect_at("palworld", 0, key(Name::page_up));
  press(key(Name::end));
  view_.sections[0].rows[3].details = view_.sections[0].rows[1].details;
  press(key(Name::enter));
  expect_at("mail", 3, key(Name::end));
  expect_at("mail", 3, key(Name::down));
  state_.set_page(4);
  expect_at("mail", 1, key(Name::up));  // the screen has grown meanwhile
  expect_at("palworld", 0, key(Name::home));
}

TEST_F(State, keeps_the_chosen_row_when_the_order_changes) {
  press(key(Name::down));
  press(key(U's'));
  EXPECT_EQ(services().chosen, "palworld");
  press(key(Name::up));
  EXPECT_EQ(services().chosen, "mail") << "which stands above it now";
}

TEST_F(State, begins_anew_when_the_chosen_row_has_gone) {
  press(key(Name::end));
  view_.sections[0].rows.pop_back();
  press(key(Name::down));
  EXPECT_EQ(services().chosen, "palworld");
  view_.sections[0].rows.clear();
  EXPECT_EQ(press(key(Name::down)), Action::none);
}

TEST_F(State, expands_the_chosen_row_and_folds_it_again) {
  press(key(Name::enter));
  EXPECT_THAT(services().expanded, ElementsAre("palworld")) << "the first, where none was chosen";
  press(key(Name::down));
  press(key(Name::enter));
  EXPECT_THAT(services().expanded, ElementsAre("palworld", "wiki"));
  press(key(Name::enter));
  EXPECT_THAT(services().expanded, ElementsAre("palworld"));
  press(key(Name::escape));
  EXPECT_TRUE(services().expanded.empty());
  EXPECT_FALSE(services().chosen);
}

TEST_F(State, forgets_expanded_rows_that_have_gone) {
  press(key(Name::enter));
  view_.sections[0].rows.erase(view_.sections[0].rows.begin());
  press(key(Name::down));
  press(key(Name::enter));
  EXPECT_THAT(services().expanded, ElementsAre("wiki"));
}

TEST_F(State, keeps_rows_where_they_are_while_they_are_frozen) {
  for (int i = 0; i < 4; ++i) press(key(U's'));  // CLIENTS
  const auto before = names(view_, state_);
  press(key(U'f'));
  view_.sections[0].rows[1].cells[3] = number(1000);
  EXPECT_EQ(names(view_, state_), before);
  view_.sections[0].rows.push_back(service("new", {.text = "awake"}, "", 5000, {}));
  EXPECT_EQ(names(view_, state_).back(), "new") << "what comes stands behind";
  press(key(U'f'));
  EXPECT_THAT(names(view_, state_), ElementsAre("new", "wiki", "mail", "palworld", "日本語サービス"));
}

TEST_F(State, sorts_frozen_rows_when_it_is_asked_to) {
  press(key(U'f'));
  press(key(U's'));
  EXPECT_EQ(names(view_, state_).front(), "mail");
  press(key(U'r'));
  EXPECT_EQ(names(view_, state_).back(), "mail");
}

TEST_F(State, leads_from_section_to_section) {
  EXPECT_EQ(state_.focus(view_), 0U);
  press(key(Name::tab));
  EXPECT_EQ(state_.focus(view_), 1U);
  press(key(Name::down));
  EXPECT_EQ(state_.of(view_.sections[1]).chosen, "web");
  EXPECT_FALSE(services().chosen);
  view_.sections.erase(view_.sections.begin() + 1);
  EXPECT_EQ(state_.focus(view_), 0U) << "it has gone";
  EXPECT_EQ(state_.focus(View{}), std::nullopt);
}

TEST_F(State, leads_from_the_last_section_to_the_messages) {
  for (int i = 0; i < 3; ++i) press(key(Name::tab));
  EXPECT_TRUE(state_.on_messages(view_));
  EXPECT_FALSE(state_.focus(view_));
  EXPECT_EQ(press(key(U's')), Action::none);
  EXPECT_EQ(press(key(Name::enter)), Action::none);
  press(key(Name::tab));
  EXPECT_EQ(state_.focus(view_), 0U);
  for (int i = 0; i < 3; ++i) press(key(Name::tab));
  view_.messages_title.clear();
  EXPECT_FALSE(state_.on_messages(view_));
  EXPECT_EQ(state_.focus(view_), 2U) << "there are none any more";
}

TEST_F(State, scrolls_the_messages) {
  view_.messages.assign(10, {"18:00:00", "palworld woke"});
  view_.messages[3].text = "wiki slept";
  for (int i = 0; i < 3; ++i) press(key(Name::tab));
  state_.set_page(4);
  const auto expect_at = [&](std::size_t first, Key pressed) {
    press(pressed);
    EXPECT_EQ(state_.scrolled_messages(), first);
  };
  expect_at(1, key(Name::down));
  expect_at(5, key(Name::page_down));
  expect_at(6, key(Name::page_down));
  expect_at(6, key(Name::down));
  expect_at(5, key(Name::up));
  expect_at(1, key(Name::page_up));
  expect_at(6, key(Name::end));
  expect_at(0, key(Name::home));
  press(key(U'/'));
  type(U"wiki");
  press(key(Name::enter));
  expect_at(0, key(Name::end));
}

TEST_F(State, asks_for_what_there_is_when_a_pause_ends) {
  EXPECT_EQ(press(key(U'p')), Action::redraw);
  EXPECT_TRUE(state_.paused());
  EXPECT_EQ(press(key(U' ')), Action::refresh);
  EXPECT_FALSE(state_.paused());
}

TEST_F(State, resets_and_switches_windows_only_where_the_view_can) {
  EXPECT_EQ(press(key(U'z')), Action::reset);
  EXPECT_EQ(press(key(U'w')), Action::next_window);
  view_.can_reset = false;
  view_.window.clear();
  EXPECT_EQ(press(key(U'z')), Action::none);
  EXPECT_EQ(press(key(U'w')), Action::none);
}

TEST_F(State, leaves_the_help_by_any_key_and_quits_from_it) {
  press(key(U'?'));
  EXPECT_TRUE(state_.help());
  EXPECT_EQ(press(key(U's')), Action::redraw);
  EXPECT_FALSE(state_.help());
  EXPECT_FALSE(services().sort) << "the key only left the help";
  press(key(U'?'));
  EXPECT_EQ(press(key(U'q')), Action::quit);
}

TEST_F(State, does_nothing_to_a_view_without_sections) {
  const View empty;
  for (const auto& binding : kBindings) {
    ConsoleState state;
    state.press(binding.keys[0], empty);
    EXPECT_FALSE(state.focus(empty)) << binding.word;
  }
}

}  // namespace
}  // namespace tidegate::console
