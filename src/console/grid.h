// A screen as a grid of places, each with a character and a style.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "console/glyph.h"
#include "console/view.h"

namespace tidegate::console {

struct Size {
  std::size_t columns = 80;
  std::size_t rows = 24;
  bool operator==(const Size&) const = default;
};

enum class Style : std::uint8_t {
  plain,
  faint,
  good,
  warning,
  bad,
  title,   // the screen's first line
  header,  // titles of columns
  focus,   // those of the section that keys act upon
  chosen,  // the chosen row
  key,     // the name of a key
};

[[nodiscard]] Style style_of(Tone tone);

class Grid {
 public:
  struct Place {
    Glyph glyph;
    Style style = Style::plain;
    bool operator==(const Place&) const = default;
  };

  Grid(Size size, Charset charset) : size_{size}, charset_{charset}, places_(size.columns * size.rows) {}

  [[nodiscard]] Size size() const { return size_; }
  [[nodiscard]] Charset charset() const { return charset_; }
  [[nodiscard]] const Place& at(std::size_t column, std::size_t row) const {
    return places_[row * size_.columns + column];
  }

  // Writes the text, cleaned, from this place on into `room` columns at most; what does not fit is cut, and ends in
  // "…". Gives the columns that were written. Beyond the grid nothing is.
  std::size_t put(std::size_t column, std::size_t row, std::string_view text, Style style, std::size_t room);

  // The same so that it ends where the room ends.
  void put_right(std::size_t column, std::size_t row, std::string_view text, Style style, std::size_t room);

  // The style of these places, whatever stands there.
  void paint(std::size_t column, std::size_t row, Style style, std::size_t room);

  // A row as text, without the spaces at its end.
  [[nodiscard]] std::string text(std::size_t row) const;

 private:
  std::size_t write(std::size_t column, std::size_t row, const std::vector<Glyph>& text, Style style, std::size_t room);

  Size size_;
  Charset charset_;
  std::vector<Place> places_;  // row after row
};

}  // namespace tidegate::console
