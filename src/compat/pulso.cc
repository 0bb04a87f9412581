// pulso: counts packets that open a TCP connection, by hashed source and port.
#include <CLI/CLI.hpp>
#include <cstdlib>

#include "base/log.h"
#include "base/text.h"
#include "compat/compat.h"
#include "compat/front_end.h"
#include "observe/count.h"

namespace tidegate::compat {

namespace {

constexpr const char* kPulso = "pulso";

// RUST_LOG as env_logger reads it, for this program: "info", "pulso=debug", several with commas; the last that is ours
// counts. Errors only where it says nothing.
log::Level level_of(const char* directives) {
  auto level = log::Level::error;
  for (auto directive : split(directives != nullptr ? directives : "", ',')) {
    if (const auto equals = directive.find('='); equals != std::string_view::npos) {
      if (directive.substr(0, equals) != kPulso) continue;
      directive.remove_prefix(equals + 1);
    } else if (directive == kPulso) {
      directive = "trace";  // the name alone: everything
    }
    if (directive == "trace") directive = "debug";
    if (directive == "off") directive = "error";
    if (const auto parsed = log::parse_level(directive)) level = *parsed;
  }
  return level;
}

}  // namespace

int pulso(int argc, char** argv) {
  CountSettings settings{.tally = {.name = kPulso, .syn_packets = true}};
  std::int64_t connections = 0;  // signed, so that -1 is refused and not taken for a large number
  std::int64_t seconds = 0;
  CLI::App app{"TCP connection counter", kPulso};
  app.set_version_flag("-V,--version", "pulso (tidegate " TIDEGATE_VERSION ")");
  app.set_help_flag("-h,--help", "Print help");
  app.add_option("-d,--device", settings.tally.interface, "device name")->required()->type_name("<DEVICE>");
  app.add_option("-c,--connection-limit", connections, "max connections")
      ->check(CLI::Range(std::int64_t{1}, INT64_MAX))
      ->type_name("<CONNECTION_LIMIT>");
  app.add_option("-t,--time-limit", seconds, "max seconds")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{315'360'000}))
      ->type_name("<TIME_LIMIT>");
  app.footer(
      "Environment Variables:\n"
      "  PULSO_SECRET    (required) encryption key used for sensitive information");
  if (const auto status = parse(app, argc, argv)) return *status;

  log::configure({.level = level_of(std::getenv("RUST_LOG"))});
  const char* const secret = std::getenv("PULSO_SECRET");
  const std::string_view key{secret != nullptr ? secret : ""};
  if (key.empty()) return complain(kPulso, "PULSO_SECRET is not set, or empty", kUsage);
  const auto names = Pseudonyms::make(Privacy::hash, {reinterpret_cast<const std::uint8_t*>(key.data()), key.size()});
  if (!names) return complain(kPulso, names.error().what, kUsage);
  settings.most_connections = static_cast<std::uint64_t>(connections);
  settings.most_time = std::chrono::seconds{seconds};
  const auto done = count(settings, *names, print_digest,
                          [](std::string_view remark) { complain(kPulso, std::string{remark}, kDone); });
  return done ? kDone : complain(kPulso, done.error().what, kFailed);
}

}  // namespace tidegate::compat
