// The log: one line for each thing that happened, as text or JSON, to standard error or syslog.
// Safe from any thread. Text from outside goes through printable() here, so that callers need not.
#pragma once

#include <fmt/format.h>

#include <initializer_list>
#include <string_view>
#include <utility>

#include "base/error.h"

namespace tidegate::log {

enum class Level { debug, info, warn, error };
enum class Format { text, json, syslog };  // syslog: "Nov  1 21:32:14 HOST IDENT: …", as tuninetd's foreground
enum class Target { standard_error, syslog };

struct Settings {
  Level level = Level::info;
  Format format = Format::text;
  Target target = Target::standard_error;
  std::string_view ident = "tidegate";  // the name in syslog
};

[[nodiscard]] Result<Level> parse_level(std::string_view text);    // debug | info | warn | error
[[nodiscard]] Result<Format> parse_format(std::string_view text);  // text | json

// Takes effect at once, for all threads. Before the first call: info, text, standard error.
void configure(const Settings& settings);

// A name and a value beside the message: of its own in JSON, left out in text (the message says it).
struct Field {
  std::string_view name;
  std::string_view value;
};

[[nodiscard]] bool enabled(Level level);
void write(Level level, std::string_view message, std::initializer_list<Field> fields = {});

template <class... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::debug)) write(Level::debug, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::info)) write(Level::info, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void warn(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::warn)) write(Level::warn, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::error, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace tidegate::log
