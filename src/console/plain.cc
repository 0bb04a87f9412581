#include "console/plain.h"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include "base/text.h"
#include "console/glyph.h"
#include "console/order.h"
#include "console/sparkline.h"
#include "console/table.h"

namespace tidegate::console {

namespace {

std::string text_of(const Row& row, std::size_t column) {
  const auto& cell = cell_of(row, column);
  return cell.trend.empty() ? printable(cell.text) : sparkline(cell.trend, cell.trend.size());
}

std::string aligned(const std::string& text, std::size_t columns, bool right) {
  const auto taken = columns_of(text, Charset::utf8);
  const std::string room(columns - std::min(columns, taken), ' ');
  return right ? room + text : text + room;
}

template <class TextAt>
std::string line_of(const Section& section, const std::vector<std::size_t>& widths, TextAt text_at) {
  std::string line;
  for (std::size_t i = 0; i < section.columns.size(); ++i) {
    if (i > 0) line.append(kGap, ' ');
    line += aligned(text_at(i), widths[i], section.columns[i].right);
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

void add_table(std::vector<std::string>& lines, const Section& section) {
  std::vector<std::size_t> widths;
  widths.reserve(section.columns.size());
  for (std::size_t i = 0; i < section.columns.size(); ++i) {
    std::size_t width = columns_of(section.columns[i].title, Charset::utf8);
    for (const auto& row : section.rows) width = std::max(width, columns_of(text_of(row, i), Charset::utf8));
    widths.push_back(width);
  }
  lines.push_back(line_of(section, widths, [&](std::size_t i) { return section.columns[i].title; }));
  for (const auto& row : section.rows)
    lines.push_back(line_of(section, widths, [&](std::size_t i) { return text_of(row, i); }));
}

}  // namespace

std::vector<std::string> plain_lines(const View& view) {
  std::vector<std::string> lines{
      printable(fmt::format("{}{}{}", view.clock, view.clock.empty() ? "" : "  ", view.title))};
  if (!view.trouble.empty()) lines.push_back(printable(view.trouble));
  std::string figures;
  for (const auto& figure : view.figures)
    figures += fmt::format("{}{} {}", figures.empty() ? "" : "  ", printable(figure.name), printable(figure.value));
  if (!figures.empty()) lines.push_back(std::move(figures));
  if (!view.losses.empty()) lines.push_back("not in these figures: " + printable(view.losses));
  for (const auto& section : view.sections) {
    if (!section.rows.empty()) add_table(lines, section);
  }
  for (const auto& message : std::views::reverse(view.messages))
    lines.push_back(printable(fmt::format("{}{}{}", message.at, message.at.empty() ? "" : "  ", message.text)));
  return lines;
}

}  // namespace tidegate::console
