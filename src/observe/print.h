// Standard output, for figures that somebody waits for.
#pragma once

#include <cerrno>
#include <cstdio>
#include <functional>
#include <string_view>

#include "base/error.h"

namespace tidegate {

// Writes the text at once. False: nobody reads any more.
[[nodiscard]] inline bool print_at_once(std::string_view text) {
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
}

// Prints by a function, which gives false where it cannot, and remembers why.
class Printing {
 public:
  using Print = std::function<bool(std::string_view text)>;

  explicit Printing(const Print& print) : print_{print} {}  // borrowed

  [[nodiscard]] bool print(std::string_view text) {
    errno = 0;
    if (print_(text)) return true;
    code_ = errno != 0 ? errno : EPIPE;
    return false;
  }

  // Why the last one was not printed; what was to be done: "print the figures".
  [[nodiscard]] std::unexpected<Error> failure(std::string_view done_to_what) const {
    return system_failure(done_to_what, code_);
  }

 private:
  const Print& print_;
  int code_ = 0;
};

}  // namespace tidegate
