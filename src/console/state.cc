#include "console/state.h"

#include <algorithm>
#include <numeric>

#include "console/glyph.h"
#include "console/order.h"

namespace tidegate::console {

namespace {

const SectionState kUntouched;

const Binding* binding_of(const Key& key) {
  const auto* const found = std::ranges::find_if(
      kBindings, [&](const Binding& binding) { return binding.keys[0] == key || binding.keys[1] == key; });
  return found == kBindings.end() ? nullptr : &*found;
}

bool leads_up(Command command) { return command == Command::up || command == Command::page_up; }

// The place `command` leads to from `from` among `count`, of which there are some.
std::size_t destination(Command command, std::size_t from, std::size_t count, std::size_t page) {
  if (command == Command::first) return 0;
  if (command == Command::last) return count - 1;
  const std::size_t step = command == Command::up || command == Command::down ? 1 : page;
  return leads_up(command) ? from - std::min(from, step) : std::min(from + step, count - 1);
}

// The rows of a section beneath each other, each as many lines as it takes; a row with more than a page of them is
// scrolled through.
struct Lines {
  std::size_t page;
  std::vector<std::size_t> of_row;

  [[nodiscard]] std::size_t total() const { return std::accumulate(of_row.begin(), of_row.end(), std::size_t{0}); }
  [[nodiscard]] std::size_t before(std::size_t row) const {
    return std::accumulate(of_row.begin(), of_row.begin() + static_cast<std::ptrdiff_t>(row), std::size_t{0});
  }
  [[nodiscard]] std::size_t furthest(std::size_t row) const { return of_row[row] - std::min(of_row[row], page); }
  [[nodiscard]] std::size_t row_at(std::size_t line) const {
    std::size_t row = 0;
    while (row + 1 < of_row.size() && line >= of_row[row]) line -= of_row[row++];
    return row;
  }
};

struct Position {
  std::size_t row;
  std::size_t scrolled;
};

// Line by line or page by page within a row that is longer than a page, else to another row: to its beginning on the
// way down, to its end on the way up.
Position moved(Command command, Position from, const Lines& lines) {
  const auto last = lines.of_row.size() - 1;
  if (command == Command::first) return {0, 0};
  if (command == Command::last) return {last, lines.furthest(last)};
  const bool by_line = command == Command::up || command == Command::down;
  const std::size_t step = by_line ? 1 : lines.page;
  from.scrolled = std::min(from.scrolled, lines.furthest(from.row));
  if (leads_up(command)) {
    if (from.scrolled > 0) return {from.row, from.scrolled - std::min(from.scrolled, step)};
    if (from.row == 0) return from;
    const auto here = lines.before(from.row);
    const auto row = by_line ? from.row - 1 : lines.row_at(here - std::min(here, step));
    return {row, lines.furthest(row)};
  }
  if (from.scrolled < lines.furthest(from.row))
    return {from.row, std::min(from.scrolled + step, lines.furthest(from.row))};
  if (from.row == last) return from;
  const auto there = std::min(lines.before(from.row) + from.scrolled + step, lines.total() - 1);
  return {by_line ? from.row + 1 : std::max(lines.row_at(there), from.row + 1), 0};
}

}  // namespace

std::optional<std::size_t> ConsoleState::focus(const View& view) const {
  if (view.sections.empty() || on_messages(view)) return std::nullopt;
  const auto found = std::ranges::find(view.sections, focus_, &Section::name);
  return found == view.sections.end() ? 0 : static_cast<std::size_t>(found - view.sections.begin());
}

const SectionState& ConsoleState::of(const Section& section) const {
  const auto found = sections_.find(section.name);
  return found == sections_.end() ? kUntouched : found->second;
}

SectionState* ConsoleState::in_focus(const View& view) {
  const auto index = focus(view);
  return index ? &sections_[view.sections[*index].name] : nullptr;
}

Action ConsoleState::press(const Key& key, const View& view) {
  if (editing_) return edit(key);
  const auto* const binding = binding_of(key);
  if (help_ && (binding == nullptr || binding->command != Command::quit)) {  // any key leaves the help
    help_ = false;
    return Action::redraw;
  }
  return binding == nullptr ? Action::none : obey(binding->command, view);
}

Action ConsoleState::edit(const Key& key) {
  switch (key.name) {
    case Key::Name::enter:
      editing_ = false;
      return Action::redraw;
    case Key::Name::escape:
      filter_ = filter_before_;
      editing_ = false;
      return Action::redraw;
    case Key::Name::backspace: {
      auto text = decoded(filter_);
      if (!text.empty()) text.pop_back();
      filter_.clear();
      for (const char32_t c : text) append_utf8(filter_, c);
      return Action::redraw;
    }
    case Key::Name::character:
      if (key.character < U' ' || decoded(filter_).size() >= kLongestFilter) return Action::none;
      append_utf8(filter_, key.character);
      return Action::redraw;
    default:
      return Action::none;
  }
}

Action ConsoleState::obey(Command command, const View& view) {
  switch (command) {
    case Command::quit:
      return Action::quit;
    case Command::help:
      help_ = true;
      return Action::redraw;
    case Command::filter:
      filter_before_ = filter_;
      editing_ = true;
      return Action::redraw;
    case Command::pause:
      paused_ = !paused_;
      return paused_ ? Action::redraw : Action::refresh;
    case Command::freeze:
      return freeze(view);
    case Command::sort:
      return sort_by_next(view);
    case Command::expand:
      return expand(view);
    case Command::back:
      return go_back();
    case Command::window:
      return view.window.empty() ? Action::none : Action::next_window;
    case Command::reset:
      return view.can_reset ? Action::reset : Action::none;
    case Command::section:
      return focus_next(view);
    case Command::reverse:
      return reverse(view);
    default:
      return move(command, view);
  }
}

// The sections one after the other, then the messages.
Action ConsoleState::focus_next(const View& view) {
  const auto stops = view.sections.size() + (view.messages_title.empty() ? 0 : 1);
  if (stops < 2) return Action::none;
  const auto next = (focus(view).value_or(view.sections.size()) + 1) % stops;
  on_messages_ = next == view.sections.size();
  scrolled_messages_ = 0;
  if (!on_messages_) focus_ = view.sections[next].name;
  return Action::redraw;
}

Action ConsoleState::move(Command command, const View& view) {
  if (on_messages(view)) return scroll_messages(command, view);
  auto* const state = in_focus(view);
  if (state == nullptr) return Action::none;
  const auto& section = view.sections[*focus(view)];
  const auto order = ordered(section, *this);
  if (order.empty()) return Action::none;
  Lines lines{.page = page_, .of_row = {}};
  lines.of_row.reserve(order.size());
  for (const std::size_t i : order) lines.of_row.push_back(lines_of_row(section.rows[i], *state));
  const auto here = std::ranges::find_if(order, [&](std::size_t i) { return section.rows[i].key == state->chosen; });
  if (here == order.end()) command = leads_up(command) || command == Command::last ? Command::last : Command::first;
  const auto row = here == order.end() ? 0 : static_cast<std::size_t>(here - order.begin());
  const auto there = moved(command, {row, state->scrolled}, lines);
  state->chosen = section.rows[order[there.row]].key;
  state->scrolled = there.scrolled;
  return Action::redraw;
}

Action ConsoleState::scroll_messages(Command command, const View& view) {
  const auto count = static_cast<std::size_t>(
      std::ranges::count_if(view.messages, [&](const Message& message) { return passes(message.text, filter_); }));
  const auto places = count - std::min(count, page_) + 1;  // the first line may show each of these
  scrolled_messages_ = destination(command, std::min(scrolled_messages_, places - 1), places, page_);
  return Action::redraw;
}

// Over the columns that are on the screen.
Action ConsoleState::sort_by_next(const View& view) {
  auto* const state = in_focus(view);
  if (state == nullptr) return Action::none;
  const auto count = view.sections[*focus(view)].columns.size();
  std::size_t next = !state->sort ? 0 : *state->sort + 1;
  const auto hidden = [&] { return !columns_.empty() && std::ranges::find(columns_, next) == columns_.end(); };
  while (next < count && hidden()) ++next;
  state->sort = next < count ? std::optional{next} : std::nullopt;
  state->reversed = false;
  if (frozen_) keep_order(view.sections[*focus(view)]);
  return Action::redraw;
}

Action ConsoleState::reverse(const View& view) {
  auto* const state = in_focus(view);
  if (state == nullptr) return Action::none;
  state->reversed = !state->reversed;
  if (frozen_) keep_order(view.sections[*focus(view)]);
  return Action::redraw;
}

Action ConsoleState::expand(const View& view) {
  auto* const state = in_focus(view);
  if (state == nullptr) return Action::none;
  if (!state->chosen) move(Command::first, view);
  if (!state->chosen) return Action::none;
  state->scrolled = 0;
  if (state->expanded.erase(*state->chosen) > 0) return Action::redraw;
  // Rows that have gone are forgotten, so that this does not grow.
  std::erase_if(state->expanded, [&](const std::string& key) {
    return std::ranges::find(view.sections[*focus(view)].rows, key, &Row::key) ==
           view.sections[*focus(view)].rows.end();
  });
  state->expanded.insert(*state->chosen);
  return Action::redraw;
}

Action ConsoleState::freeze(const View& view) {
  frozen_ = !frozen_;
  if (frozen_) {
    for (const auto& section : view.sections) keep_order(section);
  }
  return Action::redraw;
}

// Freezes the section's rows as they are sorted now.
void ConsoleState::keep_order(const Section& section) {
  auto& frozen = sections_[section.name].frozen;
  frozen.clear();
  std::vector<std::string> keys;
  keys.reserve(section.rows.size());
  for (const std::size_t i : ordered(section, *this)) keys.push_back(section.rows[i].key);
  frozen = std::move(keys);
}

// Takes back what a reader would want to take back first.
Action ConsoleState::go_back() {
  if (!filter_.empty()) {
    filter_.clear();
    return Action::redraw;
  }
  auto changed = Action::none;
  for (auto& [name, section] : sections_) {
    if (!section.chosen && section.expanded.empty()) continue;
    section.chosen.reset();
    section.scrolled = 0;
    section.expanded.clear();
    changed = Action::redraw;
  }
  return changed;
}

}  // namespace tidegate::console
