#include "console/glyph.h"

#include <algorithm>
#include <iterator>
#include <span>

#include "base/text.h"
#include "console/width_table.h"

namespace tidegate::console {

namespace {

constexpr char32_t kReplacement = U'\ufffd';
constexpr char32_t kDottedCircle = U'\u25cc';  // what a mark stands on that has nothing to stand on

bool in(std::span<const CodeRange> table, char32_t c) {
  const auto range = std::ranges::lower_bound(table, static_cast<std::uint32_t>(c), {}, &CodeRange::last);
  return range != table.end() && range->first <= c;
}

struct Twin {
  char32_t character;
  char ascii;
};

// What tidegate itself writes beyond ASCII.
constexpr std::array kTwins = {Twin{U'…', '~'}, Twin{U'–', '-'}, Twin{U'→', '>'}, Twin{U'←', '<'}, Twin{U'×', 'x'},
                               Twin{U'·', '|'}, Twin{U'▼', 'v'}, Twin{U'▲', '^'}, Twin{U'▁', '_'}, Twin{U'▂', '.'},
                               Twin{U'▃', '-'}, Twin{U'▄', ':'}, Twin{U'▅', '='}, Twin{U'▆', '+'}, Twin{U'▇', '*'},
                               Twin{U'█', '#'}, Twin{U'─', '-'}, Twin{U'µ', 'u'}, Twin{U'≥', '>'}, Twin{U'≤', '<'}};

char32_t ascii_of(char32_t c) {
  if (c < 0x80) return c;
  const auto* const twin = std::ranges::find(kTwins, c, &Twin::character);
  return twin == kTwins.end() ? U'?' : static_cast<char32_t>(twin->ascii);
}

void add_mark(std::vector<Glyph>& text, char32_t mark) {
  if (text.empty() || text.back().columns == 0) text.push_back({.base = kDottedCircle});
  const auto place = std::ranges::find(text.back().marks, U'\0');
  if (place != text.back().marks.end()) *place = mark;
}

}  // namespace

int columns_of(char32_t c) {
  if (c < 0x300) return 1;
  if (in(kMarks, c)) return 0;
  return in(kWide, c) ? 2 : 1;
}

std::u32string decoded(std::string_view utf8) {
  std::u32string text;
  for (std::size_t i = 0; i < utf8.size();) {
    const auto first = static_cast<unsigned char>(utf8[i]);
    const std::size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    char32_t c = length == 1 ? first : first & (0xffU >> (length + 1));
    for (std::size_t k = 1; k < length && i + k < utf8.size(); ++k)
      c = (c << 6) | (static_cast<unsigned char>(utf8[i + k]) & 0x3fU);
    text += c;
    i += length;
  }
  return text;
}

void append_utf8(std::string& text, char32_t c) {
  const auto tail = [&](unsigned shift) { text += static_cast<char>(0x80U | ((c >> shift) & 0x3fU)); };
  if (c < 0x80) {
    text += static_cast<char>(c);
  } else if (c < 0x800) {
    text += static_cast<char>(0xc0U | (c >> 6));
    tail(0);
  } else if (c < 0x10000) {
    text += static_cast<char>(0xe0U | (c >> 12));
    tail(6);
    tail(0);
  } else {
    text += static_cast<char>(0xf0U | (c >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

std::string to_text(const Glyph& glyph) {
  std::string text;
  if (glyph.columns == 0) return text;
  append_utf8(text, glyph.base);
  for (const char32_t mark : glyph.marks) {
    if (mark != 0) append_utf8(text, mark);
  }
  return text;
}

std::vector<Glyph> glyphs(std::string_view text, Charset charset) {
  std::vector<Glyph> all;
  all.reserve(text.size());
  for (char32_t c : decoded(printable(text))) {
    if (c == U'\t') c = U' ';
    if (in(kHidden, c)) c = kReplacement;
    if (charset == Charset::ascii) {
      all.push_back({.base = ascii_of(c)});
    } else if (const int columns = columns_of(c); columns == 0) {
      add_mark(all, c);
    } else {
      all.push_back({.base = c, .columns = static_cast<std::uint8_t>(columns)});
    }
  }
  return all;
}

std::string as_shown(std::string_view text, Charset charset) {
  std::string shown;
  shown.reserve(text.size());
  for (const auto& glyph : glyphs(text, charset)) shown += to_text(glyph);
  return shown;
}

std::size_t columns_of(std::string_view text, Charset charset) {
  std::size_t columns = 0;
  for (const auto& glyph : glyphs(text, charset)) columns += glyph.columns;
  return columns;
}

}  // namespace tidegate::console
