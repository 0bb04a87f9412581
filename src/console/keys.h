// The console's keys: one table, which the state obeys and the help screen is made from.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace tidegate::console {

// A key as the terminal delivers it: a character, or one of those that have a name.
struct Key {
  enum class Name : std::uint8_t {
    character,
    up,
    down,
    page_up,
    page_down,
    home,
    end,
    tab,
    back_tab,
    enter,
    escape,
    backspace,
  };
  Name name = Name::character;
  char32_t character = 0;
  bool operator==(const Key&) const = default;
};

constexpr Key key(char32_t character) { return {Key::Name::character, character}; }
constexpr Key key(Key::Name name) { return {name, 0}; }

enum class Command : std::uint8_t {
  quit,
  help,
  up,
  down,
  page_up,
  page_down,
  first,
  last,
  expand,
  section,
  sort,
  reverse,
  filter,
  pause,
  freeze,
  window,
  reset,
  back,
};

struct Binding {
  Command command;
  std::array<Key, 2> keys;  // both are the same where there is one
  std::string_view word;    // the keys, for people
  std::string_view hint;    // for the screen's last line; empty: it does not stand there
  std::string_view help;
};

// The most wanted first: where the screen is narrow, the hints at the end are left out.
inline constexpr std::array kBindings = {
    Binding{Command::quit, {key(U'q'), key(U'Q')}, "q", "quit", "quit"},
    Binding{Command::help, {key(U'?'), key(U'h')}, "?", "help", "these keys"},
    Binding{Command::filter, {key(U'/'), key(U'/')}, "/", "filter", "rows with this"},
    Binding{Command::sort, {key(U's'), key(U'S')}, "s", "sort", "by next column"},
    Binding{Command::reverse, {key(U'r'), key(U'R')}, "r", "reverse", "sort backwards"},
    Binding{Command::pause, {key(U'p'), key(U' ')}, "p", "pause", "pause, go on"},
    Binding{Command::freeze, {key(U'f'), key(U'F')}, "f", "freeze", "rows stay put"},
    Binding{Command::section, {key(Key::Name::tab), key(Key::Name::back_tab)}, "Tab", "next", "next table"},
    Binding{Command::expand, {key(Key::Name::enter), key(U'e')}, "Enter", "expand", "more of the row"},
    Binding{Command::window, {key(U'w'), key(U'W')}, "w", "window", "next period"},
    Binding{Command::reset, {key(U'z'), key(U'Z')}, "z", "zero", "count from 0"},
    Binding{Command::up, {key(Key::Name::up), key(U'k')}, "Up, k", "", "row above"},
    Binding{Command::down, {key(Key::Name::down), key(U'j')}, "Down, j", "", "row below"},
    Binding{Command::page_up, {key(Key::Name::page_up), key(U'b')}, "PgUp, b", "", "page up"},
    Binding{Command::page_down, {key(Key::Name::page_down), key(U'd')}, "PgDn, d", "", "page down"},
    Binding{Command::first, {key(Key::Name::home), key(U'g')}, "Home, g", "", "first row"},
    Binding{Command::last, {key(Key::Name::end), key(U'G')}, "End, G", "", "last row"},
    Binding{Command::back, {key(Key::Name::escape), key(Key::Name::escape)}, "Esc", "", "take it back"},
};

}  // namespace tidegate::console
