// Standard output, for figures that somebody waits for.
#pragma once

#include <cerrno>
#include <cstdio>
#include <string_view>

namespace tidegate {

// Writes the text at once. False: nobody reads any more.
[[nodiscard]] inline bool print_at_once(std::string_view text) {
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
}

// Prints by `print` (a function of a text); where that gives false, `code` says why (errno).
template <typename Print>
[[nodiscard]] bool print_noting_failure(const Print& print, std::string_view text, int& code) {
  errno = 0;
  if (print(text)) return true;
  code = errno != 0 ? errno : EPIPE;
  return false;
}

}  // namespace tidegate
