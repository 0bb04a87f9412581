// What the reader of a screen has chosen: the table that keys act upon, its order, its row, a filter … Pure: keys in,
// and what is to be done out.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "console/keys.h"
#include "console/view.h"

namespace tidegate::console {

// What a key asks of who shows the screen.
enum class Action : std::uint8_t {
  none,         // nothing has changed
  redraw,       // the state has
  refresh,      // the pause is over: show what there is now
  reset,        // count from zero
  next_window,  // show the figures of the next period
  quit,
};

struct SectionState {
  std::optional<std::size_t> sort;    // a column; none: the order of the view
  bool reversed = false;              // of what is natural to the column (numbers: the largest first), or to the view
  std::optional<std::string> chosen;  // a row's key
  std::size_t scrolled = 0;           // of its lines, where they are more than fit: the first that is shown
  std::set<std::string> expanded;     // of rows that are, or were, there
  std::vector<std::string> frozen;    // rows in the order that they keep
};

class ConsoleState {
 public:
  static constexpr std::size_t kLongestFilter = 64;  // characters

  // What `view` shows meanwhile is what the key acts upon.
  Action press(const Key& key, const View& view);

  // What was last on the screen of that which is in focus: how many lines, for the keys that move, and which columns,
  // in order, for the key that sorts. None: all of them.
  void set_page(std::size_t lines) { page_ = lines > 1 ? lines : 1; }
  void set_columns(std::vector<std::size_t> columns) { columns_ = std::move(columns); }

  // Which section keys act upon; none where the view has none, or where they act upon the messages.
  [[nodiscard]] std::optional<std::size_t> focus(const View& view) const;
  [[nodiscard]] bool on_messages(const View& view) const { return on_messages_ && !view.messages_title.empty(); }
  [[nodiscard]] std::size_t scrolled_messages() const { return scrolled_messages_; }  // the first that is shown
  [[nodiscard]] const SectionState& of(const Section& section) const;

  [[nodiscard]] const std::string& filter() const { return filter_; }
  [[nodiscard]] bool editing() const { return editing_; }  // the filter
  [[nodiscard]] bool paused() const { return paused_; }
  [[nodiscard]] bool frozen() const { return frozen_; }
  [[nodiscard]] bool help() const { return help_; }

 private:
  Action edit(const Key& key);
  Action obey(Command command, const View& view);
  Action focus_next(const View& view);
  Action move(Command command, const View& view);
  Action scroll_messages(Command command, const View& view);
  Action sort_by_next(const View& view);
  Action reverse(const View& view);
  Action expand(const View& view);
  Action freeze(const View& view);
  void keep_order(const Section& section);
  Action go_back();
  SectionState* in_focus(const View& view);

  std::map<std::string, SectionState> sections_;  // by name; those of sections that keys have acted upon
  std::string focus_;                             // a section's name; another than the view has: its first
  std::string filter_;
  std::string filter_before_;  // what it was when editing began
  std::size_t page_ = 10;
  std::vector<std::size_t> columns_;
  std::size_t scrolled_messages_ = 0;
  bool on_messages_ = false;
  bool editing_ = false;
  bool paused_ = false;
  bool frozen_ = false;
  bool help_ = false;
};

}  // namespace tidegate::console
