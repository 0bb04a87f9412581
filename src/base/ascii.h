// Letters of ASCII, whatever the locale.
#pragma once

namespace tidegate {

[[nodiscard]] constexpr char lower_case(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace tidegate
