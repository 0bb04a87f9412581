// Flags in a table: each has the name and the words of the configuration's key, and puts its value into a wish, which
// becomes a configuration when all have been read.
#pragma once

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "base/units.h"

namespace tidegate::cli {

enum class Occurs : std::uint8_t { once, repeatedly };

template <class Wish>
struct Flag {
  const char* name;  // as CLI11 takes it: "-s,--start"
  const char* type;
  const char* help;
  Result<> (*set)(Wish& wish, const std::string& text);
  Occurs occurs = Occurs::once;
};

// The values that were given for the flags of one table, which outlives this; so must this the parsing.
template <class Wish>
class FlagValues {
 public:
  explicit FlagValues(std::span<const Flag<Wish>> flags) : flags_{flags}, values_(flags.size()) {}
  FlagValues(const FlagValues&) = delete;
  FlagValues& operator=(const FlagValues&) = delete;

  void add_to(CLI::App& command) {
    for (std::size_t i = 0; i < flags_.size(); ++i) {
      command.add_option(flags_[i].name, values_[i], flags_[i].help)
          ->type_name(flags_[i].type)
          ->allow_extra_args(false);
    }
  }

  // Puts what was given into the wish, in the order of the table. The error names the flag.
  [[nodiscard]] Result<> read(Wish& wish) const {
    for (std::size_t i = 0; i < flags_.size(); ++i) {
      if (flags_[i].occurs == Occurs::once && values_[i].size() > 1)
        return failure("{}: is given {} times (once is allowed)", flags_[i].name, values_[i].size());
      for (const auto& value : values_[i]) {
        if (const auto set = flags_[i].set(wish, value); !set)
          return failure("{}: {}", flags_[i].name, set.error().what);
      }
    }
    return {};
  }

  [[nodiscard]] bool gives_any() const {
    return std::ranges::any_of(values_, [](const auto& values) { return !values.empty(); });
  }

  // Whether the flag that the table calls so was given.
  [[nodiscard]] bool gives(std::string_view name) const {
    const auto flag = std::ranges::find(flags_, name, [](const Flag<Wish>& f) { return std::string_view{f.name}; });
    return flag != flags_.end() && !values_[static_cast<std::size_t>(flag - flags_.begin())].empty();
  }

 private:
  std::span<const Flag<Wish>> flags_;
  std::vector<std::vector<std::string>> values_;  // of flags_, in its order
};

// Puts what `parsed` holds where `into` says.
template <class T, class Into>
Result<> put(Result<T> parsed, Into&& into) {
  if (!parsed) return std::unexpected{std::move(parsed.error())};
  into(std::move(*parsed));
  return {};
}

// The same, at a place that has that type.
template <class T, class Place>
Result<> put_in(Result<T> parsed, Place& place) {
  if (!parsed) return std::unexpected{std::move(parsed.error())};
  place = std::move(*parsed);
  return {};
}

// A number from `least` to `most`.
inline Result<std::uint64_t> parse_number(const std::string& text, std::uint64_t most, std::uint64_t least = 1) {
  std::uint64_t number = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || stop != text.data() + text.size() || number < least || number > most)
    return failure("\"{}\" is not a number from {} to {}", printable(text), least, most);
  return number;
}

inline Result<> put_text(const std::string& text, std::string& into) {
  into = text;
  return {};
}

}  // namespace tidegate::cli
