// Standard output, for figures that somebody waits for.
#pragma once

#include <cstdio>
#include <string_view>

namespace tidegate {

// Writes the text at once. False: nobody reads any more.
[[nodiscard]] inline bool print_at_once(std::string_view text) {
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
}

}  // namespace tidegate
