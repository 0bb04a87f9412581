#include "console/state.h"

#include <algorithm>

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

// The place `command` leads to from `from` (none: no row is chosen yet) among `count` rows, of which there are some.
std::size_t destination(Command command, std::optional<std::size_t> from, std::size_t count, std::size_t page) {
  if (command == Command::first) return 0;
  if (command == Command::last) return count - 1;
  if (!from) return command == Command::up || command == Command::page_up ? count - 1 : 0;
  const std::size_t step = command == Command::up || command == Command::down ? 1 : page;
  if (command == Command::up || command == Command::page_up) return *from - std::min(*from, step);
  return std::min(*from + step, count - 1);
}

}  // namespace

std::optional<std::size_t> ConsoleState::focus(const View& view) const {
  if (view.sections.empty()) return std::nullopt;
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
      if (view.sections.size() < 2) return Action::none;
      focus_ = view.sections[(*focus(view) + 1) % view.sections.size()].name;
      return Action::redraw;
    case Command::reverse:
      return reverse(view);
    default:
      return move(command, view);
  }
}

Action ConsoleState::move(Command command, const View& view) {
  auto* const state = in_focus(view);
  if (state == nullptr) return Action::none;
  const auto& section = view.sections[*focus(view)];
  const auto order = ordered(section, *this);
  if (order.empty()) return Action::none;
  const auto here = std::ranges::find_if(order, [&](std::size_t i) { return section.rows[i].key == state->chosen; });
  const auto from = here == order.end() ? std::nullopt : std::optional{static_cast<std::size_t>(here - order.begin())};
  state->chosen = section.rows[order[destination(command, from, order.size(), page_)]].key;
  return Action::redraw;
}

Action ConsoleState::sort_by_next(const View& view) {
  auto* const state = in_focus(view);
  if (state == nullptr) return Action::none;
  const auto columns = view.sections[*focus(view)].columns.size();
  state->sort = !state->sort ? 0 : *state->sort + 1;
  if (*state->sort >= columns) state->sort.reset();
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
    section.expanded.clear();
    changed = Action::redraw;
  }
  return changed;
}

}  // namespace tidegate::console
