// A view as lines of text, for what is no terminal.
#pragma once

#include <string>
#include <vector>

#include "console/glyph.h"
#include "console/view.h"

namespace tidegate::console {

// The whole view, nothing cut, in the characters that a screen of the charset shows (glyph.h): title and clock,
// figures, what is missing from them, each table that has rows, the messages, newest last, as a log has them. No empty
// lines.
[[nodiscard]] std::vector<std::string> plain_lines(const View& view, Charset charset);

}  // namespace tidegate::console
