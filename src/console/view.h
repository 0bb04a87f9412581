// What a screen shows, as plain values: built by who knows the figures, turned into cells by layout.h, or into lines of
// text by plain.h. Texts may hold anything that came from outside; whoever shows them cleans them (base/text.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tidegate::console {

enum class Tone : std::uint8_t { plain, faint, good, warning, bad };

struct Column {
  std::string title;
  bool right = false;         // numbers stand at the right edge, and are sorted from the largest
  int weight = 0;             // which give way where room is short, the heavier sooner; 0: does not
  std::size_t min_width = 0;  // of a column that gives way
  int rank = 0;               // where that is not enough, the column of the highest rank is left out; 0: never
};

struct Cell {
  std::string text;
  std::optional<double> value;  // what it is sorted by; none: its text
  Tone tone = Tone::plain;
  std::vector<double> trend;  // in place of the text a sparkline of these, the newest last
};

struct Row {
  std::string key;  // the same row has the same key from view to view, and no other row of the section has it
  std::vector<Cell> cells;
  std::vector<std::string> details;  // shown beneath it when it is expanded
};

struct Section {
  std::string name;  // one word or two, the same from view to view, no other section's
  std::vector<Column> columns;
  std::vector<Row> rows;
  std::string empty;    // said where there are no rows
  bool beside = false;  // stands beside the section before it where the screen is wide enough
};

struct Figure {
  std::string name;
  std::string value;
  Tone tone = Tone::plain;
};

struct Sparkline {
  std::string name;
  std::string now;  // the newest value, with its unit
  std::vector<double> values;
};

struct Message {
  std::string at;  // a time for people
  std::string text;
  Tone tone = Tone::plain;
};

struct View {
  std::string title;
  std::string clock;  // when this was so
  std::vector<Figure> figures;
  std::string losses;                 // what is not in the figures; empty: nothing is missing
  std::vector<Sparkline> sparklines;  // where the screen is high enough
  std::vector<Section> sections;
  std::string messages_title;                  // empty: there are none to show, ever
  std::string no_messages;                     // said while there are none
  std::optional<std::size_t> messages_behind;  // so many sections; none: all of them
  std::vector<Message> messages;               // newest first
  std::string trouble;                         // why the figures are old; empty: they are not
  std::string window;                          // the period that the figures are of; empty: it cannot be chosen
  bool can_reset = false;
};

}  // namespace tidegate::console
