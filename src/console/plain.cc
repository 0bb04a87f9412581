#include "console/plain.h"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include "console/glyph.h"
#include "console/order.h"
#include "console/sparkline.h"
#include "console/table.h"

namespace tidegate::console {

namespace {

std::string text_of(const Row& row, std::size_t column) {
  const auto& cell = cell_of(row, column);
  return cell.trend.empty() ? cell.text : sparkline(cell.trend, cell.trend.size());
}

std::string aligned(const std::string& text, std::size_t columns, bool right, Charset charset) {
  const std::string room(columns - std::min(columns, columns_of(text, charset)), ' ');
  const auto shown = as_shown(text, charset);
  return right ? room + shown : shown + room;
}

template <class TextAt>
std::string line_of(const Section& section, const std::vector<std::size_t>& widths, Charset charset, TextAt text_at) {
  std::string line;
  for (std::size_t i = 0; i < section.columns.size(); ++i) {
    if (i > 0) line.append(kGap, ' ');
    line += aligned(text_at(i), widths[i], section.columns[i].right, charset);
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

void add_table(std::vector<std::string>& lines, const Section& section, Charset charset) {
  std::vector<std::size_t> widths;
  widths.reserve(section.columns.size());
  for (std::size_t i = 0; i < section.columns.size(); ++i) {
    std::size_t width = columns_of(section.columns[i].title, charset);
    for (const auto& row : section.rows) width = std::max(width, columns_of(text_of(row, i), charset));
    widths.push_back(width);
  }
  lines.push_back(line_of(section, widths, charset, [&](std::size_t i) { return section.columns[i].title; }));
  for (const auto& row : section.rows)
    lines.push_back(line_of(section, widths, charset, [&](std::size_t i) { return text_of(row, i); }));
}

}  // namespace

std::vector<std::string> plain_lines(const View& view, Charset charset) {
  const auto gap = [](const std::string& before) { return before.empty() ? "" : "  "; };
  std::vector<std::string> lines;
  const auto add = [&](const std::string& line) { lines.push_back(as_shown(line, charset)); };
  add(fmt::format("{}{}{}", view.clock, gap(view.clock), view.title));
  if (!view.trouble.empty()) add(view.trouble);
  std::string figures;
  for (const auto& figure : view.figures) figures += fmt::format("{}{} {}", gap(figures), figure.name, figure.value);
  if (!figures.empty()) add(figures);
  if (!view.losses.empty()) add("not in these figures: " + view.losses);
  for (const auto& section : view.sections) {
    if (!section.rows.empty()) add_table(lines, section, charset);
  }
  for (const auto& message : std::views::reverse(view.messages))
    add(fmt::format("{}{}{}", message.at, gap(message.at), message.text));
  return lines;
}

}  // namespace tidegate::console
