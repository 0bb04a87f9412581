// What the reader's terminal can show, by the environment's locale (locale(7)): for the screen and for plain lines.
#pragma once

#include "console/glyph.h"

namespace tidegate::console {

// UTF-8 where LC_ALL, LC_CTYPE or LANG name a locale of it that is installed, else ASCII. Sets LC_CTYPE from them; to
// be called before there is another thread.
[[nodiscard]] Charset charset_of_environment();

}  // namespace tidegate::console
