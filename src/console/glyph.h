// Text as a terminal shows it: what stands in one place, and how many columns that takes. Does not depend on the
// locale: the widths are those of width_table.h. A terminal that knows a newer or an older Unicode may disagree about a
// few characters, so a screen is written place by place, and nothing slides.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tidegate::console {

enum class Charset : std::uint8_t { ascii, utf8 };

struct Glyph {
  static constexpr std::size_t kMostMarks = 2;  // more of them would reach into the lines above and below

  char32_t base = U' ';
  std::array<char32_t, kMostMarks> marks{};  // 0: none
  std::uint8_t columns = 1;                  // 1 or 2; 0: the second column of a wide one
  bool operator==(const Glyph&) const = default;
};

// How many columns a code point takes: 0 (a mark on what stands before it), 1 or 2.
[[nodiscard]] int columns_of(char32_t c);

// Any bytes as glyphs, cleaned by printable(), tabs as spaces. In ASCII, what has a plain twin becomes that ("…" is
// "~", "→" is ">"), and everything else "?".
[[nodiscard]] std::vector<Glyph> glyphs(std::string_view text, Charset charset);

// How many columns the text takes.
[[nodiscard]] std::size_t columns_of(std::string_view text, Charset charset);

// Valid UTF-8 as code points, and back.
[[nodiscard]] std::u32string decoded(std::string_view utf8);
void append_utf8(std::string& text, char32_t c);
[[nodiscard]] std::string to_text(const Glyph& glyph);

// Any bytes as text that a screen of the charset shows for them.
[[nodiscard]] std::string as_shown(std::string_view text, Charset charset);

}  // namespace tidegate::console
