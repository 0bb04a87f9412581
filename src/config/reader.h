// Typed reading of YAML values: each knows its path and its place, and what is wrong is collected, not thrown, so that
// everything wrong in a file is told at once.
#pragma once

#include <charconv>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "config/yaml.h"

namespace tidegate {

// What was read of one text: where each path stands, and everything wrong with it.
class Findings {
 public:
  static constexpr std::size_t kMostErrors = 1000;  // the rest is counted

  explicit Findings(std::string file) : file_{std::move(file)} {}

  void add(Mark mark, std::string path, std::string_view what);

  // Remembers where a path stands; the first time counts.
  void place(const std::string& path, Mark mark) { places_.try_emplace(path, mark); }

  // Tells that the settings keep as `in_settings` what the file has at `path`, and likewise what is below, where the
  // two differ.
  void stands_for(std::string in_settings, Mark mark, std::string path) {
    settings_.insert_or_assign(std::move(in_settings), Place{mark, std::move(path)});
  }

  // Where the path stands, or the nearest path above it that stands somewhere.
  [[nodiscard]] Mark find(std::string path) const;

  // True where the file gives that path, right or wrong.
  [[nodiscard]] bool stands(const std::string& path) const { return places_.contains(path); }

  // What validate() found at a path of the settings, unless something is wrong there, or below, already: what could not
  // be read is not missing.
  void add_from_settings(const std::string& in_settings, std::string_view what);

  // Everything wrong, in the order of the text.
  [[nodiscard]] std::vector<ConfigError> take();

 private:
  struct Place {
    Mark mark;
    std::string path;
  };

  // Where the file has what the settings keep there.
  [[nodiscard]] Place place_of(const std::string& in_settings) const;

  std::string file_;
  std::map<std::string, Mark> places_;
  std::map<std::string, Place> settings_;
  std::vector<ConfigError> errors_;
  std::size_t more_ = 0;
};

// One value of the file. Borrows the node and the findings; lives no longer than they do.
class Value {
 public:
  static constexpr std::size_t kMostText = 256;        // of a value that is a word or two
  static constexpr std::size_t kMostLongText = 65536;  // of commands and filters

  Value(const YamlNode& node, std::string path, Findings& findings);

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] Mark mark() const { return node_.mark; }
  [[nodiscard]] Findings& findings() const { return findings_; }
  [[nodiscard]] bool is_map() const { return node_.kind == YamlNode::Kind::map; }
  [[nodiscard]] bool is_empty_map() const { return is_map() && node_.entries.empty(); }
  [[nodiscard]] bool is_list() const { return node_.kind == YamlNode::Kind::list; }

  // The path of a key in this map, and whether the file gives it, right or wrong.
  [[nodiscard]] std::string child(std::string_view key) const;
  [[nodiscard]] bool gives(std::string_view key) const { return findings_.stands(child(key)); }

  // Says that this value is wrong, or the one of that key in it (itself where the key is not given).
  void fail(std::string_view what) const { findings_.add(mark(), path_, what); }
  void fail_at(std::string_view key, std::string_view what) const;

  // Whether the text or list that is asked for may be empty.
  enum class Empty : bool { refused, allowed };

  // A single text, at most so long, without NUL; says so when it is not.
  [[nodiscard]] std::optional<std::string_view> text(std::size_t most = kMostText, Empty empty = Empty::refused) const;

  // True for exactly this text; whatever else it is, nothing is said.
  [[nodiscard]] bool text_is(std::string_view text) const {
    return node_.kind == YamlNode::Kind::scalar && node_.tag.empty() && node_.text == text;
  }

  // What `parse` makes of the text; says its error and leaves `into` alone when there is one.
  template <class T, class Parse>
  bool read(T& into, Parse parse, Empty empty = Empty::refused) const {
    const auto words = text(kMostText, empty);
    if (!words) return false;
    auto result = parse(*words);
    if (!result) {
      fail(result.error().what);
      return false;
    }
    into = *std::move(result);
    return true;
  }

  // The items of a list; a value that is no list is its own only item.
  [[nodiscard]] std::vector<Value> items(Empty empty) const;

  // Calls `found` with the index in `known` and the value of each key. Says what is no map, and keys that are unknown
  // or given twice.
  void entries(std::span<const std::string_view> known,
               const std::function<void(std::size_t, const Value&)>& found) const;

 private:
  const YamlNode& node_;
  std::string path_;
  Findings& findings_;
};

// A key of a map, and how its value gets into a T. The keys of each map are a constexpr table of these.
template <class T>
struct Key {
  std::string_view name;
  void (*read)(const Value& value, T& into);
};

template <class T, std::size_t N>
std::vector<std::string_view> names_of(const Key<T> (&keys)[N]) {
  std::vector<std::string_view> names;
  names.reserve(N);
  for (const Key<T>& key : keys) names.push_back(key.name);
  return names;
}

template <class T, std::size_t N>
void read_map(const Value& value, const Key<T> (&keys)[N], T& into) {
  value.entries(names_of(keys), [&](std::size_t i, const Value& item) { keys[i].read(item, into); });
}

// Appends the names, each behind `prefix` and a dot where there is one. For lists of every key there is.
void append_keys(std::vector<std::string>& keys, std::string_view prefix, const std::vector<std::string_view>& names);
void append_keys(std::vector<std::string>& keys, std::string_view prefix, const std::vector<std::string>& names);

// A word out of a table of words and what they mean.
template <class T>
struct Word {
  std::string_view word;
  T meaning;
};

[[nodiscard]] std::unexpected<Error> unknown_word(std::string_view word, std::span<const std::string_view> allowed);

template <class T, std::size_t N>
std::vector<std::string_view> names_of(const Word<T> (&words)[N]) {
  std::vector<std::string_view> names;
  names.reserve(N);
  for (const Word<T>& word : words) names.push_back(word.word);
  return names;
}

template <class T, std::size_t N>
Result<T> parse_word(std::string_view text, const Word<T> (&words)[N]) {
  for (const Word<T>& word : words) {
    if (word.word == text) return word.meaning;
  }
  return unknown_word(text, names_of(words));
}

template <class T, std::size_t N>
bool read_word(const Value& value, const Word<T> (&words)[N], T& into) {
  return value.read(into, [&](std::string_view text) { return parse_word(text, words); });
}

// The whole of `text` as a number, digits only.
template <class T>
std::optional<T> whole_number(std::string_view text) {
  T number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || text[0] == '-' || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// Values that several keys share.
void read_duration(const Value& value, Duration& into);
void read_duration_or_none(const Value& value, std::optional<Duration>& into);
void read_flag(const Value& value, bool& into);               // true | false
void read_text(const Value& value, std::string& into);        // a path or a name
void read_name(const Value& value, std::string& into);        // a word or two
void read_throttle(const Value& value, std::uint64_t& into);  // bytes per second, more than none
void read_number(const Value& value, std::uint32_t least, std::uint32_t most, std::uint32_t& into);
void read_number_or_none(const Value& value, std::uint32_t most, std::uint32_t& into);  // from 1; none is 0
void read_networks(const Value& value, std::vector<Cidr>& into);                        // one or a list, may be empty
void read_networks_or_any(const Value& value, std::vector<Cidr>& into);                 // `any` alone makes it empty
void read_ports(const Value& value, std::vector<PortRange>& into);                      // one or a list
std::optional<Command> read_command(const Value& value, std::string_view before = {});  // `before` the shell line

}  // namespace tidegate
