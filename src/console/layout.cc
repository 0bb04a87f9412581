#include "console/layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "console/order.h"
#include "console/sparkline.h"
#include "console/table.h"

namespace tidegate::console {

namespace {

constexpr std::size_t kRoomy = 16;        // rows from which there are sparklines, and blank lines between the blocks
constexpr std::size_t kLeastBeside = 38;  // columns of a section that stands beside another
constexpr std::size_t kMostSparklines = 2;

// Sections side by side, or the messages.
struct Block {
  std::vector<std::size_t> sections;  // none: the messages
  std::size_t wanted = 0;             // lines
  std::size_t least = 0;
  bool focused = false;
  std::size_t given = 0;
};

class Layout {
 public:
  Layout(const View& view, const ConsoleState& state, Size size, Charset charset)
      : view_{view}, state_{state}, screen_{.grid = Grid{size, charset}} {}

  Screen draw() {
    const auto [columns, rows] = grid().size();
    if (columns < kLeastSize.columns || rows < kLeastSize.rows) {
      say_too_small();
      return std::move(screen_);
    }
    draw_title();
    draw_figures();
    draw_losses();
    if (rows >= kRoomy) draw_sparklines();
    if (state_.help()) {
      draw_help();
    } else {
      draw_blocks();
    }
    draw_last_line();
    return std::move(screen_);
  }

 private:
  Grid& grid() { return screen_.grid; }
  std::size_t columns() { return grid().size().columns; }
  std::size_t rows() { return grid().size().rows; }

  void say_too_small() {
    const auto [columns, rows] = grid().size();
    grid().put(0, 0, fmt::format("{}×{} is too small", columns, rows), Style::warning, columns);
    grid().put(0, 1, fmt::format("{}×{} is enough", kLeastSize.columns, kLeastSize.rows), Style::plain, columns);
  }

  void draw_title() {
    std::string right;
    const auto add = [&](const std::string& word) { right += (right.empty() || word.empty() ? "" : " · ") + word; };
    if (!state_.filter().empty() && !state_.editing()) add(fmt::format("only \"{}\"", state_.filter()));
    if (state_.frozen()) add("frozen");
    if (state_.paused()) add("paused");
    if (!view_.window.empty()) add(view_.window);
    add(view_.clock);
    const auto taken = columns_of(right, grid().charset());
    grid().paint(0, 0, Style::title, columns());
    grid().put_right(0, 0, right, Style::title, columns());
    grid().put(0, 0, view_.title, Style::title, columns() - std::min(columns(), taken + kGap));
    ++next_;
  }

  void draw_figures() {
    if (view_.figures.empty()) return;
    std::size_t place = 0;
    for (const auto& figure : view_.figures) {
      const auto room = columns() - std::min(columns(), place);
      const auto wanted = columns_of(figure.name, grid().charset()) + 1 + columns_of(figure.value, grid().charset());
      if (wanted > room) break;  // half a figure would be a wrong one
      place += grid().put(place, next_, figure.name, Style::faint, room) + 1;
      place += grid().put(place, next_, figure.value, style_of(figure.tone), room) + kGap;
    }
    ++next_;
  }

  void draw_losses() {
    if (view_.losses.empty()) return;
    grid().put(0, next_++, "not in these figures: " + view_.losses, Style::warning, columns());
  }

  void draw_sparklines() {
    const auto count = std::min(view_.sparklines.size(), kMostSparklines);
    std::size_t names = 0;
    std::size_t values = 0;
    for (std::size_t i = 0; i < count; ++i) {
      names = std::max(names, columns_of(view_.sparklines[i].name, grid().charset()));
      values = std::max(values, columns_of(view_.sparklines[i].now, grid().charset()));
    }
    const auto bars = names + 1 + values + kGap;
    if (bars >= columns()) return;
    for (std::size_t i = 0; i < count; ++i, ++next_) {
      const auto& line = view_.sparklines[i];
      grid().put(0, next_, line.name, Style::faint, names);
      grid().put_right(names + 1, next_, line.now, Style::plain, values);
      grid().put(bars, next_, sparkline(line.values, columns() - bars), Style::good, columns() - bars);
    }
  }

  // How many sections stand side by side at the least width that each wants.
  [[nodiscard]] bool fits_beside(std::size_t count) { return count * kLeastBeside + (count - 1) * kGap <= columns(); }

  std::vector<Block> blocks() {
    std::vector<Block> blocks;
    const auto focus = state_.focus(view_);
    const auto add_messages = [&] {
      if (view_.messages_title.empty()) return;
      blocks.push_back(
          {.wanted = 1 + std::max<std::size_t>(1, messages().size()), .focused = state_.on_messages(view_)});
    };
    const auto before_messages = std::min(view_.messages_behind.value_or(view_.sections.size()), view_.sections.size());
    for (std::size_t i = 0; i < view_.sections.size(); ++i) {
      if (i == before_messages) add_messages();
      const bool beside = view_.sections[i].beside && !blocks.empty() && !blocks.back().sections.empty() &&
                          fits_beside(blocks.back().sections.size() + 1);
      if (!beside) blocks.emplace_back();
      auto& block = blocks.back();
      block.sections.push_back(i);
      block.wanted = std::max(block.wanted, wanted_lines(view_.sections[i], state_));
      block.focused |= focus == i;
    }
    if (before_messages == view_.sections.size()) add_messages();
    for (auto& block : blocks) block.least = std::min<std::size_t>(block.wanted, block.focused ? 4 : 2);
    return blocks;
  }

  // The room is shared: what each needs first (the focused one, then the others in their order), then line by line.
  void share(std::vector<Block>& blocks, std::size_t room) {
    const auto give = [&](Block& block, std::size_t most) {
      const auto more = std::min({room, most, block.wanted - block.given});
      block.given += more;
      room -= more;
      return more > 0;
    };
    for (auto& block : blocks) {
      if (block.focused) give(block, block.least);
    }
    for (auto& block : blocks) {
      if (!block.focused && room >= block.least) give(block, block.least);
    }
    for (bool given = true; given;) {
      given = false;
      for (auto& block : blocks) {
        if (block.given > 0) given |= give(block, block.focused ? 2 : 1);
      }
    }
  }

  void draw_blocks() {
    auto all = blocks();
    const std::size_t gap = rows() >= kRoomy ? 1 : 0;
    const auto end = rows() - 1;
    next_ += gap;
    const auto gaps = all.empty() ? 0 : gap * (all.size() - 1);
    share(all, end - std::min(end, next_ + gaps));
    for (const auto& block : all) {
      if (block.given == 0) continue;
      if (block.sections.empty()) {
        draw_messages(block.given);
      } else {
        draw_sections(block);
      }
      next_ += block.given + gap;
    }
  }

  // Whether Tab leads anywhere, and it must be seen where it has led to.
  [[nodiscard]] bool has_choice() const { return view_.sections.size() + (view_.messages_title.empty() ? 0 : 1) > 1; }

  void draw_sections(const Block& block) {
    const auto count = block.sections.size();
    const auto each = (columns() - (count - 1) * kGap) / count;
    for (std::size_t i = 0; i < count; ++i) {
      const auto place = i * (each + kGap);
      const auto& section = view_.sections[block.sections[i]];
      const bool focused = state_.focus(view_) == block.sections[i];
      const auto room = i + 1 == count ? columns() - place : each;
      auto shown = draw_table(grid(), {place, next_, room, block.given}, section, state_, focused && has_choice());
      if (!focused) continue;
      screen_.page = std::max<std::size_t>(1, block.given - 1);
      screen_.columns = std::move(shown);
    }
  }

  std::vector<const Message*> messages() {
    std::vector<const Message*> shown;
    shown.reserve(view_.messages.size());
    for (const auto& message : view_.messages) {
      if (passes(message.text, state_.filter())) shown.push_back(&message);
    }
    return shown;
  }

  void draw_messages(std::size_t lines) {
    const bool focused = state_.on_messages(view_);
    const auto style = focused && has_choice() ? Style::focus : Style::header;
    const auto shown = messages();
    const auto room = lines - 1;
    const auto first = focused ? std::min(state_.scrolled_messages(), shown.size() - std::min(shown.size(), room)) : 0;
    const auto last = std::min(shown.size(), first + room);
    grid().paint(0, next_, style, columns());
    if (focused) {
      screen_.page = std::max<std::size_t>(1, room);
      if (shown.size() > room && room > 0)
        grid().put_right(0, next_, fmt::format("{}–{} of {}", first + 1, last, shown.size()), style, columns());
    }
    grid().put(0, next_, view_.messages_title, style, columns());
    if (shown.empty() && lines > 1) {
      const auto why = view_.messages.empty() ? std::string_view{view_.no_messages} : kNothingPasses;
      grid().put(0, next_ + 1, why, Style::faint, columns());
    }
    for (std::size_t i = first; i < last; ++i) {
      const auto row = next_ + 1 + i - first;
      const auto taken = grid().put(0, row, shown[i]->at, Style::faint, columns());
      const auto place = taken == 0 ? 0 : taken + kGap;
      grid().put(place, row, shown[i]->text, style_of(shown[i]->tone), columns() - std::min(columns(), place));
    }
  }

  // In as many columns as the rows make it.
  void draw_help() {
    const auto room = rows() - 1 - next_;
    const auto across = (kBindings.size() + room - 1) / room;
    const auto each = columns() / across;
    constexpr std::size_t kWord = 9;
    for (std::size_t i = 0; i < kBindings.size(); ++i) {
      const auto place = i / room * each;
      const auto row = next_ + i % room;
      grid().put(place, row, kBindings[i].word, Style::key, kWord);
      grid().put(place + kWord, row, kBindings[i].help, Style::plain, each - std::min(each, kWord + 1));
    }
  }

  [[nodiscard]] bool offered(const Binding& binding) const {
    if (binding.hint.empty()) return false;
    if (binding.command == Command::window) return !view_.window.empty();
    if (binding.command == Command::reset) return view_.can_reset;
    return true;
  }

  void draw_last_line() {
    const auto row = rows() - 1;
    if (state_.editing()) {
      grid().put(0, row, fmt::format("/{}_  (Enter keeps it, Esc takes it back)", state_.filter()), Style::key,
                 columns());
      return;
    }
    if (!view_.trouble.empty()) {
      grid().put(0, row, view_.trouble, Style::bad, columns());
      return;
    }
    std::size_t place = 0;
    for (const auto& binding : kBindings) {
      if (!offered(binding)) continue;
      const auto wanted = binding.word.size() + 1 + binding.hint.size();
      if (place + wanted > columns()) return;
      place += grid().put(place, row, binding.word, Style::key, columns() - place) + 1;
      place += grid().put(place, row, binding.hint, Style::plain, columns() - place) + kGap;
    }
  }

  const View& view_;
  const ConsoleState& state_;
  Screen screen_;
  std::size_t next_ = 0;  // row
};

}  // namespace

Screen lay_out(const View& view, const ConsoleState& state, Size size, Charset charset) {
  return Layout{view, state, size, charset}.draw();
}

}  // namespace tidegate::console
