// The only file that knows spdlog.
#include "base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/sinks/syslog_sink.h>
#include <spdlog/spdlog.h>
#include <syslog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <memory>
#include <string>

#include "base/text.h"
#include "base/units.h"

namespace tidegate::log {
namespace {

constexpr std::array<std::string_view, 4> kLevels = {"debug", "info", "warn", "error"};
constexpr std::array<std::string_view, 2> kFormats = {"text", "json"};

spdlog::level::level_enum to_spdlog(Level level) {
  constexpr std::array kMap = {spdlog::level::debug, spdlog::level::info, spdlog::level::warn, spdlog::level::err};
  return kMap[static_cast<std::size_t>(level)];
}

std::shared_ptr<spdlog::logger> make_logger(const Settings& settings) {
  spdlog::sink_ptr sink;
  if (settings.target == Target::syslog) {
    sink = std::make_shared<spdlog::sinks::syslog_sink_mt>(std::string{settings.ident}, LOG_PID, LOG_DAEMON, false);
  } else if (::isatty(STDERR_FILENO) != 0) {
    sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
  } else {
    sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  }
  auto logger = std::make_shared<spdlog::logger>(std::string{settings.ident}, std::move(sink));
  logger->set_level(to_spdlog(settings.level));
  logger->flush_on(spdlog::level::trace);
  // Other formats carry their own time; the journal and syslog add theirs.
  const bool bare = settings.format != Format::text || settings.target == Target::syslog;
  const bool timed = !bare && ::getenv("JOURNAL_STREAM") == nullptr;
  logger->set_pattern(bare ? "%v" : timed ? "%Y-%m-%d %H:%M:%S.%e %^%-5l%$ %v" : "%v");
  return logger;
}

struct State {
  std::shared_ptr<spdlog::logger> logger = make_logger({});
  Format format = Format::text;
  Target target = Target::standard_error;
  std::string ident;
};

State& state() {  // the one mutable thing of the process that every folder may reach: where its log goes
  static State instance;
  return instance;
}

// "Nov  1 21:32:14 router1 tuninetd: " (RFC 3164, section 4.1).
std::string syslog_prefix(const std::string& ident) {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::localtime_r(&now, &parts);
  std::array<char, 32> when{};
  std::strftime(when.data(), when.size(), "%b %e %H:%M:%S", &parts);
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  return fmt::format("{} {} {}: ", when.data(), host.data(), ident);
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : printable(text)) {
    if (c == '"' || c == '\\') out += '\\';
    out += c == '\t' ? ' ' : c;
  }
  out += '"';
}

template <class Enum, std::size_t N>
Result<Enum> word_of(std::string_view text, const std::array<std::string_view, N>& words, std::string_view what) {
  const auto found = std::ranges::find(words, text);
  if (found == words.end()) {
    return failure("\"{}\" is not a {} (allowed: {})", printable(text), what, join_words(words, "or"));
  }
  return static_cast<Enum>(found - words.begin());
}

}  // namespace

Result<Level> parse_level(std::string_view text) { return word_of<Level>(text, kLevels, "log level"); }

Result<Format> parse_format(std::string_view text) { return word_of<Format>(text, kFormats, "log format"); }

void configure(const Settings& settings) {
  state().logger = make_logger(settings);
  state().format = settings.format;
  state().target = settings.target;
  state().ident = settings.ident;
}

bool enabled(Level level) { return state().logger->should_log(to_spdlog(level)); }

void write(Level level, std::string_view message, std::initializer_list<Field> fields) {
  if (!enabled(level)) return;
  const auto spdlog_level = to_spdlog(level);
  if (state().format == Format::syslog && state().target == Target::standard_error) {
    state().logger->log(spdlog_level, "{}{}", syslog_prefix(state().ident), printable(message));
    return;
  }
  if (state().format != Format::json) {
    state().logger->log(spdlog_level, "{}", printable(message));
    return;
  }
  std::string line = "{\"time\":\"" + format_rfc3339(std::chrono::system_clock::now()) + "\",\"level\":\"" +
                     std::string{kLevels[static_cast<std::size_t>(level)]} + "\",\"message\":";
  append_json_string(line, message);
  for (const auto& [name, value] : fields) {
    line += ',';
    append_json_string(line, name);
    line += ':';
    append_json_string(line, value);
  }
  line += '}';
  state().logger->log(spdlog_level, "{}", line);
}

}  // namespace tidegate::log
