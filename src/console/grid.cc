#include "console/grid.h"

#include <algorithm>

namespace tidegate::console {

namespace {

// Those that fit; where some do not, the last of them makes way for "…".
std::vector<Glyph> cut(std::vector<Glyph> text, std::size_t room, Charset charset) {
  std::size_t columns = 0;
  for (const auto& glyph : text) columns += glyph.columns;
  if (columns <= room) return text;
  while (!text.empty() && columns + 1 > room) {
    columns -= text.back().columns;
    text.pop_back();
  }
  if (room > 0) text.push_back(glyphs("…", charset).front());
  return text;
}

}  // namespace

Style style_of(Tone tone) {
  switch (tone) {
    case Tone::plain:
      return Style::plain;
    case Tone::faint:
      return Style::faint;
    case Tone::good:
      return Style::good;
    case Tone::warning:
      return Style::warning;
    case Tone::bad:
      return Style::bad;
  }
  return Style::plain;
}

std::size_t Grid::write(std::size_t column, std::size_t row, const std::vector<Glyph>& text, Style style,
                        std::size_t room) {
  if (row >= size_.rows) return 0;
  const auto end = std::min(size_.columns, column + room);
  const auto start = column;
  for (const auto& glyph : text) {
    if (column + glyph.columns > end) break;
    auto* const place = &places_[row * size_.columns + column];
    place[0] = {glyph, style};
    if (glyph.columns == 2) place[1] = {.glyph = {.columns = 0}, .style = style};
    column += glyph.columns;
  }
  return column - start;
}

std::size_t Grid::put(std::size_t column, std::size_t row, std::string_view text, Style style, std::size_t room) {
  if (column >= size_.columns) return 0;
  room = std::min(room, size_.columns - column);
  return write(column, row, cut(glyphs(text, charset_), room, charset_), style, room);
}

void Grid::put_right(std::size_t column, std::size_t row, std::string_view text, Style style, std::size_t room) {
  if (column >= size_.columns) return;
  room = std::min(room, size_.columns - column);
  const auto shown = cut(glyphs(text, charset_), room, charset_);
  std::size_t columns = 0;
  for (const auto& glyph : shown) columns += glyph.columns;
  write(column + room - columns, row, shown, style, columns);
}

void Grid::paint(std::size_t column, std::size_t row, Style style, std::size_t room) {
  if (row >= size_.rows) return;
  for (std::size_t i = column; i < std::min(size_.columns, column + room); ++i)
    places_[row * size_.columns + i].style = style;
}

std::string Grid::text(std::size_t row) const {
  std::string text;
  for (std::size_t i = 0; i < size_.columns; ++i) text += to_text(at(i, row).glyph);
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

}  // namespace tidegate::console
