// Typed reading of YAML values; see reader.h.
#include "config/reader.h"

#include <algorithm>
#include <unordered_map>

#include "base/text.h"
#include "base/units.h"

namespace tidegate {
namespace {

// As much of a text from the file as an error message should quote.
std::string quoted(std::string_view text) {
  constexpr std::size_t kMost = 64;
  if (text.size() <= kMost) return fmt::format("\"{}\"", printable(text));
  return fmt::format("\"{}…\"", printable(text.substr(0, kMost)));
}

std::string_view kind_of(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::null:
      return "nothing";
    case YamlNode::Kind::scalar:
      return "a single value";
    case YamlNode::Kind::list:
      return "a list";
    case YamlNode::Kind::map:
      return "a map";
  }
  return {};
}

}  // namespace

void Findings::add(Mark mark, std::string path, std::string_view what) {
  if (errors_.size() >= kMostErrors) {
    ++more_;
    return;
  }
  const auto place =
      std::ranges::upper_bound(errors_, mark, {}, [](const ConfigError& e) { return Mark{e.line, e.column}; });
  errors_.insert(
      place,
      {.file = file_, .line = mark.line, .column = mark.column, .path = std::move(path), .what = printable(what)});
}

Mark Findings::find(std::string path) const {
  while (true) {
    if (const auto found = places_.find(path); found != places_.end()) return found->second;
    const auto end = path.find_last_of(".[");
    if (end == std::string::npos) return {};
    path.resize(end);
  }
}

Findings::Place Findings::place_of(const std::string& in_settings) const {
  std::string above = in_settings;
  while (true) {
    if (const auto found = settings_.find(above); found != settings_.end()) {
      if (above == in_settings) return found->second;
      std::string path = found->second.path + in_settings.substr(above.size());
      return {find(path), std::move(path)};
    }
    const auto end = above.find_last_of(".[");
    if (end == std::string::npos) return {find(in_settings), in_settings};
    above.resize(end);
  }
}

void Findings::add_from_settings(const std::string& in_settings, std::string_view what) {
  const auto [mark, path] = place_of(in_settings);
  const auto covers = [&](const ConfigError& e) {
    return path.empty() || (e.path.starts_with(path) &&
                            (e.path.size() == path.size() || e.path[path.size()] == '.' || e.path[path.size()] == '['));
  };
  if (!std::ranges::any_of(errors_, covers)) add(mark, path, what);
}

std::vector<ConfigError> Findings::take() {
  if (more_ > 0) {
    errors_.push_back(
        {.file = file_, .path = {}, .what = fmt::format("{} more errors are not shown", std::exchange(more_, 0))});
  }
  return std::exchange(errors_, {});
}

Value::Value(const YamlNode& node, std::string path, Findings& findings)
    : node_{node}, path_{std::move(path)}, findings_{findings} {
  findings_.place(path_, node_.mark);
}

std::string Value::child(std::string_view key) const {
  return path_.empty() ? std::string{key} : fmt::format("{}.{}", path_, key);
}

void Value::fail_at(std::string_view key, std::string_view what) const {
  const std::string path = child(key);
  findings_.add(findings_.find(path), path, what);
}

std::optional<std::string_view> Value::text(std::size_t most, Empty empty) const {
  if (!node_.tag.empty()) {
    fail(fmt::format("{} is read as a YAML tag: put quotes around the text", quoted(node_.tag)));
  } else if (node_.kind == YamlNode::Kind::null) {
    fail("has no value");
  } else if (node_.kind != YamlNode::Kind::scalar) {
    fail(fmt::format("a single value belongs here, not {}", kind_of(node_)));
  } else if (node_.text.empty() && empty == Empty::refused) {
    fail("is empty");
  } else if (node_.text.size() > most) {
    fail(fmt::format("{} is too long ({} bytes, at most {})", quoted(node_.text), node_.text.size(), most));
  } else if (node_.text.contains('\0')) {
    fail("has a NUL character in it");
  } else {
    return node_.text;
  }
  return std::nullopt;
}

std::vector<Value> Value::items(Empty empty) const {
  std::vector<Value> values;
  if (!is_list()) {
    if (node_.kind == YamlNode::Kind::null && node_.tag.empty()) {
      fail("has no value");
    } else {
      values.push_back(*this);
    }
    return values;
  }
  if (!node_.tag.empty()) fail(fmt::format("the YAML tag {} means nothing here", quoted(node_.tag)));
  if (node_.items.empty() && empty == Empty::refused) fail("is an empty list");
  values.reserve(node_.items.size());
  for (std::size_t i = 0; i < node_.items.size(); ++i) {
    values.emplace_back(*node_.items[i], fmt::format("{}[{}]", path_, i), findings_);
  }
  return values;
}

void Value::entries(std::span<const std::string_view> known,
                    const std::function<void(std::size_t, const Value&)>& found) const {
  if (!is_map()) {
    fail(node_.kind == YamlNode::Kind::null ? std::string{"has no value"}
                                            : fmt::format("a map belongs here, not {}", kind_of(node_)));
    return;
  }
  if (!node_.tag.empty()) fail(fmt::format("the YAML tag {} means nothing here", quoted(node_.tag)));
  std::unordered_map<std::string_view, Mark> seen;
  for (const auto& [key, value] : node_.entries) {
    if (key->kind != YamlNode::Kind::scalar || !key->tag.empty()) {
      findings_.add(key->mark, path_, "a key is a plain word");
      continue;
    }
    const auto [first, is_first] = seen.try_emplace(key->text, key->mark);
    if (!is_first) {
      findings_.add(key->mark, path_,
                    fmt::format("key {} is given twice (first in line {})", quoted(key->text), first->second.line));
      continue;
    }
    if (const auto at = std::ranges::find(known, key->text); at != known.end()) {
      found(static_cast<std::size_t>(at - known.begin()), Value{*value, child(key->text), findings_});
    } else if (key->text == "<<") {
      findings_.add(key->mark, path_,
                    "merge keys (<<) are not read: write the keys out, or use an alias for a whole value");
    } else {
      std::string hint = did_you_mean(key->text, known);
      if (hint.empty()) hint = fmt::format(" (allowed: {})", join_words(known, "or"));
      findings_.add(key->mark, path_, fmt::format("unknown key {}{}", quoted(key->text), hint));
    }
  }
}

void append_keys(std::vector<std::string>& keys, std::string_view prefix, const std::vector<std::string_view>& names) {
  for (const std::string_view name : names) {
    keys.push_back(prefix.empty() ? std::string{name} : fmt::format("{}.{}", prefix, name));
  }
}

void append_keys(std::vector<std::string>& keys, std::string_view prefix, const std::vector<std::string>& names) {
  append_keys(keys, prefix, std::vector<std::string_view>(names.begin(), names.end()));
}

std::unexpected<Error> unknown_word(std::string_view word, std::span<const std::string_view> allowed) {
  return failure("{} is not known here (allowed: {})", quoted(word), join_words(allowed, "or"));
}

void read_duration(const Value& value, Duration& into) { value.read(into, parse_duration); }

void read_duration_or_none(const Value& value, std::optional<Duration>& into) {
  value.read(into, [](std::string_view text) -> Result<std::optional<Duration>> {
    if (text == "none") return std::optional<Duration>{};
    const auto duration = parse_duration(text);
    if (!duration) return std::unexpected{duration.error()};
    return std::optional{*duration};
  });
}

void read_flag(const Value& value, bool& into) {
  static constexpr Word<bool> kFlags[] = {{"true", true}, {"false", false}};
  read_word(value, kFlags, into);
}

void read_text(const Value& value, std::string& into) {
  if (const auto text = value.text(4095)) into = *text;
}

void read_name(const Value& value, std::string& into) {
  if (const auto name = value.text()) into = *name;
}

void read_throttle(const Value& value, std::uint64_t& into) {
  value.read(into, [](std::string_view text) -> Result<std::uint64_t> {
    if (text == "none") return failure("\"none\" is not a rate (try 1Mbit/s)");
    return parse_rate_limit(text);
  });
}

void read_number(const Value& value, std::uint32_t least, std::uint32_t most, std::uint32_t& into) {
  value.read(into, [&](std::string_view text) -> Result<std::uint32_t> {
    const auto number = whole_number<std::uint32_t>(text);
    if (!number || *number < least || *number > most) {
      return failure("{} is not a number from {} to {}", quoted(text), least, most);
    }
    return *number;
  });
}

void read_number_or_none(const Value& value, std::uint32_t most, std::uint32_t& into) {
  if (value.text_is("none")) {
    into = 0;
  } else {
    read_number(value, 1, most, into);
  }
}

void read_networks(const Value& value, std::vector<Cidr>& into) {
  into.clear();
  for (const Value& item : value.items(Value::Empty::allowed)) {
    Cidr network;
    if (item.read(network, Cidr::parse)) into.push_back(network);
  }
}

// An empty list would be read as "nobody" by one person and as "anybody" by the next.
void read_networks_or_any(const Value& value, std::vector<Cidr>& into) {
  const auto items = value.items(Value::Empty::refused);
  into.clear();
  for (const Value& item : items) {
    if (item.text_is("any")) {
      if (items.size() > 1) item.fail("\"any\" stands alone");
      continue;
    }
    Cidr network;
    if (item.read(network, Cidr::parse)) into.push_back(network);
  }
}

void read_ports(const Value& value, std::vector<PortRange>& into) {
  into.clear();
  for (const Value& item : value.items(Value::Empty::refused)) {
    std::vector<PortRange> ports;
    if (!item.read(ports, parse_ports)) continue;
    for (const PortRange& port : ports) {
      item.findings().stands_for(fmt::format("{}[{}]", value.path(), into.size()), item.mark(), item.path());
      into.push_back(port);
    }
  }
}

std::optional<Command> read_command(const Value& value, std::string_view before) {
  if (!value.is_list()) {
    const auto line = value.text(Value::kMostLongText);
    if (!line) return std::nullopt;
    return Command::shell(fmt::format("{}{}", before, *line));
  }
  Command command;
  bool good = true;
  for (const Value& item : value.items(Value::Empty::refused)) {
    // The program has a name; its arguments may be empty.
    const auto word =
        item.text(Value::kMostLongText, command.argv.empty() ? Value::Empty::refused : Value::Empty::allowed);
    good = good && word;
    command.argv.emplace_back(word.value_or(""));
  }
  if (!good || command.argv.empty()) return std::nullopt;
  return command;
}

}  // namespace tidegate
