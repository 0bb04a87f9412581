// traffic_watch.py of Traffic Watch: `tidegate http` with one alert, on the screen of the original.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/text.h"
#include "compat/argparse.h"
#include "compat/compat.h"
#include "compat/front_end.h"
#include "console/locale.h"
#include "observe/http.h"
#include "observe/print.h"

namespace tidegate::compat {

namespace {

constexpr const char* kTrafficWatch = "traffic_watch.py";
constexpr double kMostMinutes = 60;

// An option as it was typed: "-ts", "--ts" or its long name.
std::string typed(const CLI::Option& option, std::span<char* const> words) {
  for (const std::string_view word : words) {
    const auto name = word.substr(0, word.find('='));
    const auto bare = name.substr(std::min(name.size(), name.find_first_not_of('-')));
    if (bare.size() < name.size() && option.check_lname(std::string{bare})) return std::string{name};
  }
  return option.get_name();
}

// A number of requests that can raise the alert.
Result<double> threshold(const std::string& text) {
  const auto digits = std::string_view{text}.substr(text.starts_with('+') ? 1 : 0);
  double value = 0;
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (code != std::errc{} || end != digits.data() + digits.size() || !std::isfinite(value))
    return failure("\"{}\" is not a number", printable(text));
  if (value <= 0) return failure("{} is too little: it must be above 0", printable(text));
  return value;
}

}  // namespace

int traffic_watch(int argc, char** argv) {
  std::uint16_t port = 8080;
  std::string address;
  std::string backend;
  std::string per_second = "20";
  std::string total;
  double minutes = 2;
  CLI::App app{"Traffic Watch: an HTTP traffic monitor", kTrafficWatch};
  app.set_help_flag("-h,--help", "show this help message and exit");
  app.add_option("-p,--port", port, "the port to watch; default: 8080")->check(CLI::Range(1, 65535))->type_name("PORT");
  app.add_option("--ip", address, "(also -ip) only requests to this address")->type_name("IP");
  auto* const rate =
      app.add_option("--ts,--traffic_threshold_per_second", per_second,
                     "(also -ts) requests a second, as a mean over the period, that raise the alert; default: 20")
          ->type_name("N");
  auto* const sum = app.add_option("--tt,--traffic_threshold_total", total,
                                   "(also -tt) requests in the whole period that raise it; in place of -ts")
                        ->type_name("N");
  rate->excludes(sum);
  app.add_option("--threshold_period", minutes, "minutes; default: 2")
      ->check(CLI::Range(1.0 / 60, kMostMinutes))
      ->type_name("MINUTES");
  app.add_option("-b,--backend", backend, "accepted; there is one way of capturing")->type_name("NAME");
  if (const auto status = parse_argparse(app, argc, argv, {"ip", "ts", "tt"})) return *status;

  HttpCommand command;
  command.watch.name = "http";
  command.watch.ports = {port};
  if (!address.empty()) {
    auto parsed = IpAddress::parse(address);
    if (!parsed) return complain(kTrafficWatch, "-ip: " + parsed.error().what, kUsage);
    command.watch.address = *parsed;
  }
  const bool in_total = sum->count() > 0;
  const auto level = threshold(in_total ? total : per_second);
  if (!level) {
    const auto name = typed(in_total ? *sum : *rate, std::span{argv, static_cast<std::size_t>(argc)});
    return complain(kTrafficWatch, name + ": " + level.error().what, kUsage);
  }
  AlertSettings alert{.name = "High traffic"};
  alert.when = {.quantity = AlertQuantity::requests, .total = in_total, .value = *level};
  alert.over = std::chrono::round<std::chrono::seconds>(std::chrono::duration<double, std::ratio<60>>{minutes});
  command.watch.alerts.push_back(std::move(alert));
  command.charset = console::charset_of_environment();
  const auto done = watch_http(command, Pseudonyms{}, print_at_once, {});
  return done ? kDone : complain(kTrafficWatch, done.error().what, kFailed);
}

}  // namespace tidegate::compat
