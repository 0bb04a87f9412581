#include "console/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "console/order.h"
#include "console/sparkline.h"

namespace tidegate::console {

namespace {

std::size_t columns_of(const Cell& cell, Charset charset) {
  return cell.trend.empty() ? columns_of(cell.text, charset) : cell.trend.size();
}

// The room that the mark of the sorted column takes is kept for every title, so that sorting moves nothing.
std::size_t columns_of_title(const Column& column, Charset charset) { return columns_of(column.title, charset) + 1; }

std::size_t total(const std::vector<FittedColumn>& fitted) {
  return std::accumulate(fitted.begin(), fitted.end(), std::size_t{0},
                         [](std::size_t sum, const FittedColumn& column) { return sum + column.columns + kGap; }) -
         (fitted.empty() ? 0 : kGap);
}

// What is left of a column when it has given way as far as it does.
std::size_t least(const Column& column, std::size_t natural) {
  return column.weight > 0 ? std::min(natural, std::max<std::size_t>(column.min_width, 1)) : natural;
}

// A line of a section's body: a row, or one of its details.
struct Line {
  std::size_t row;
  std::optional<std::size_t> detail;
};

std::vector<Line> lines_of(const Section& section, const ConsoleState& state) {
  std::vector<Line> lines;
  lines.reserve(section.rows.size());
  const auto& own = state.of(section);
  for (const std::size_t row : ordered(section, state)) {
    lines.push_back({row, std::nullopt});
    if (!own.expanded.contains(section.rows[row].key)) continue;
    for (std::size_t i = 0; i < section.rows[row].details.size(); ++i) lines.push_back({row, i});
  }
  return lines;
}

// The first line to be shown, so that the chosen row stands in the middle of `room`, with all of its own lines; where
// those are more than fit, the first of them that the reader has come to.
std::size_t first_line(const std::vector<Line>& lines, const Section& section, const ConsoleState& state,
                       std::size_t room) {
  const auto& own = state.of(section);
  const auto found =
      std::ranges::find_if(lines, [&](const Line& line) { return section.rows[line.row].key == own.chosen; });
  if (found == lines.end() || lines.size() <= room) return 0;
  const auto place = static_cast<std::size_t>(found - lines.begin());
  const auto taken = lines_of_row(section.rows[found->row], own);
  if (taken > room) return place + std::min(own.scrolled, taken - room);
  const auto in_the_middle = place - std::min(place, room / 2);
  const auto with_its_last = place + taken - std::min(place + taken, room);
  return std::min(std::max(in_the_middle, with_its_last), lines.size() - room);
}

constexpr std::size_t kLongTitle = 12;  // columns in which both ends of a title can still be read

// A long title that does not fit is shortened in its middle, since its end may be what tells it from another.
std::string shortened(const std::string& title, std::size_t room, Charset charset) {
  auto text = glyphs(title, charset);
  const auto taken = [&] {
    return std::accumulate(text.begin(), text.end(), std::size_t{0},
                           [](std::size_t sum, const Glyph& glyph) { return sum + glyph.columns; });
  };
  if (room < kLongTitle || taken() <= room) return title;
  const auto middle = [&] { return text.begin() + static_cast<std::ptrdiff_t>(text.size() / 2); };
  while (taken() + 1 > room) text.erase(middle());
  text.insert(middle(), glyphs("…", charset).front());
  std::string shown;
  for (const auto& glyph : text) shown += to_text(glyph);
  return shown;
}

struct Pen {
  Grid& grid;
  const Area& area;
  const Section& section;
  const std::vector<FittedColumn>& fitted;

  // Calls `write(column, place, room)` for each column that is shown.
  template <class Write>
  void each(Write write) const {
    std::size_t place = area.column;
    const std::size_t end = area.column + area.columns;
    for (const auto& column : fitted) {
      if (place >= end) return;
      write(column.index, place, std::min(column.columns, end - place));
      place += column.columns + kGap;
    }
  }

  void put(std::size_t place, std::size_t row, const std::string& text, Style style, std::size_t room,
           bool right) const {
    if (right) {
      grid.put_right(place, row, text, style, room);
    } else {
      grid.put(place, row, text, style, room);
    }
  }
};

std::string title_of(const Section& section, std::size_t index, const SectionState& state) {
  const auto& column = section.columns[index];
  const bool descending = column.right != state.reversed;
  return column.title + (state.sort != index ? "" : descending ? "▼" : "▲");
}

void draw_titles(const Pen& pen, const SectionState& state, Style style) {
  pen.each([&](std::size_t index, std::size_t place, std::size_t room) {
    const auto title = shortened(title_of(pen.section, index, state), room, pen.grid.charset());
    pen.put(place, pen.area.row, title, style, room, pen.section.columns[index].right);
  });
}

void draw_row(const Pen& pen, std::size_t line, const Row& row, bool chosen) {
  if (chosen) pen.grid.paint(pen.area.column, line, Style::chosen, pen.area.columns);
  pen.each([&](std::size_t index, std::size_t place, std::size_t room) {
    const auto& cell = cell_of(row, index);
    const auto text = cell.trend.empty() ? cell.text : sparkline(cell.trend, room);
    pen.put(place, line, text, chosen ? Style::chosen : style_of(cell.tone), room, pen.section.columns[index].right);
  });
}

}  // namespace

std::vector<FittedColumn> fit_columns(const Section& section, std::size_t room, Charset charset) {
  std::vector<FittedColumn> fitted;
  fitted.reserve(section.columns.size());
  for (std::size_t i = 0; i < section.columns.size(); ++i) {
    auto columns = columns_of_title(section.columns[i], charset);
    for (const auto& row : section.rows) columns = std::max(columns, columns_of(cell_of(row, i), charset));
    fitted.push_back({i, columns});
  }
  const auto column = [&](const FittedColumn& fit) -> const Column& { return section.columns[fit.index]; };
  const auto least_total = [&] {
    auto shrunk = fitted;
    for (auto& fit : shrunk) fit.columns = least(column(fit), fit.columns);
    return total(shrunk);
  };
  while (least_total() > room) {
    const auto spare =
        std::ranges::max_element(fitted, std::less_equal{}, [&](const auto& fit) { return column(fit).rank; });
    if (spare == fitted.end() || column(*spare).rank == 0) break;
    fitted.erase(spare);
  }
  while (total(fitted) > room) {
    const auto give = [&](const FittedColumn& fit) {
      return static_cast<std::size_t>(column(fit).weight) * (fit.columns - least(column(fit), fit.columns));
    };
    const auto widest = std::ranges::max_element(fitted, {}, give);
    if (widest == fitted.end() || give(*widest) == 0) break;
    --widest->columns;
  }
  return fitted;
}

std::size_t wanted_lines(const Section& section, const ConsoleState& state) {
  return 1 + std::max<std::size_t>(1, lines_of(section, state).size());
}

std::vector<std::size_t> draw_table(Grid& grid, const Area& area, const Section& section, const ConsoleState& state,
                                    bool focused) {
  if (area.rows == 0) return {};
  const auto lines = lines_of(section, state);
  const std::size_t room = area.rows - 1;
  const auto first = first_line(lines, section, state, room);
  const auto last = std::min(lines.size(), first + room);
  std::string part;
  if (lines.size() > room)
    part = room > 0 ? fmt::format("{}–{} of {}", first + 1, last, lines.size()) : fmt::format("{} rows", lines.size());
  const auto taken = part.empty() ? 0 : columns_of(part, grid.charset()) + kGap;
  Area titles{area.column, area.row, area.columns - std::min(area.columns, taken), 1};
  auto fitted = fit_columns(section, titles.columns, grid.charset());
  const auto is_cut = [&](const FittedColumn& fit) {
    return columns_of(title_of(section, fit.index, state.of(section)), grid.charset()) > fit.columns;
  };
  if (std::ranges::any_of(fitted, is_cut)) {  // a whole title says more than how many rows there are
    part.clear();
    titles.columns = area.columns;
    fitted = fit_columns(section, area.columns, grid.charset());
  }
  const auto style = focused ? Style::focus : Style::header;
  grid.paint(area.column, area.row, style, area.columns);
  draw_titles({grid, titles, section, fitted}, state.of(section), style);
  grid.put_right(area.column, area.row, part, style, area.columns);
  const Pen pen{grid, area, section, fitted};
  if (lines.empty() && room > 0) {
    const bool filtered = !section.rows.empty();
    grid.put(area.column, area.row + 1, filtered ? kNothingPasses : std::string_view{section.empty}, Style::faint,
             area.columns);
  }
  for (std::size_t i = first; i < last; ++i) {
    const auto& row = section.rows[lines[i].row];
    const auto line = area.row + 1 + i - first;
    if (lines[i].detail) {
      grid.put(area.column + kGap, line, row.details[*lines[i].detail], Style::plain,
               area.columns - std::min(area.columns, kGap));
    } else {
      draw_row(pen, line, row, state.of(section).chosen == row.key);
    }
  }
  std::vector<std::size_t> columns;
  pen.each([&](std::size_t index, std::size_t, std::size_t) { columns.push_back(index); });
  return columns;
}

}  // namespace tidegate::console
