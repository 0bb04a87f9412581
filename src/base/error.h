// Errors where the caller can act: Result<T>. An error says what was done to what: `bind 0.0.0.0:53: Permission
// denied`.
#pragma once

#include <fmt/format.h>

#include <cerrno>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace tidegate {

struct Error {
  std::string what;  // a whole sentence for a person
  int code = 0;      // errno where there was one, else 0
};

template <class T = void>
using Result = std::expected<T, Error>;

// An error of our own: failure("{} is not a duration", text).
template <class... Args>
[[nodiscard]] std::unexpected<Error> failure(fmt::format_string<Args...> format, Args&&... args) {
  return std::unexpected{Error{fmt::format(format, std::forward<Args>(args)...), 0}};
}

// An error of the system: `DONE_TO_WHAT: strerror(code)`. Reads errno unless a code is given, so call it first thing.
[[nodiscard]] std::unexpected<Error> system_failure(std::string_view done_to_what, int code = errno);

}  // namespace tidegate
