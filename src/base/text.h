// Text that comes from outside, made fit to print; and help for a word that is nearly right.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tidegate {

// What a terminal may be given: C0 and C1 controls, DEL, bidirectional marks and invalid UTF-8 become \xNN or \u{N}.
// A tab stays; a new line does not.
[[nodiscard]] std::string printable(std::string_view text);

// The candidate nearest to `word` by edit distance, where it is near enough to be meant; else empty.
[[nodiscard]] std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

// ` (did you mean "ports"?)`, or nothing.
[[nodiscard]] std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates);

// "a", "a and b", "a, b and c"; with another last word: "a, b or c".
[[nodiscard]] std::string join_words(std::span<const std::string_view> words, std::string_view last = "and");

// Pieces between separators, white space around each removed; empty text gives no piece.
[[nodiscard]] std::vector<std::string_view> split(std::string_view text, char separator);
[[nodiscard]] std::string_view trim(std::string_view text);

}  // namespace tidegate
