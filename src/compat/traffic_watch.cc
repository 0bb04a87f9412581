// traffic_watch.py of Traffic Watch: `tidegate http` with one alert, on the screen of the original.
#include <CLI/CLI.hpp>
#include <string>

#include "compat/argparse.h"
#include "compat/compat.h"
#include "compat/front_end.h"
#include "observe/http.h"
#include "observe/print.h"

namespace tidegate::compat {

namespace {

constexpr const char* kTrafficWatch = "traffic_watch.py";
constexpr double kMostMinutes = 60;

}  // namespace

int traffic_watch(int argc, char** argv) {
  std::uint16_t port = 8080;
  std::string address;
  std::string backend;
  double per_second = 20;
  double total = 0;
  double minutes = 2;
  CLI::App app{"Traffic Watch: an HTTP traffic monitor", kTrafficWatch};
  app.set_help_flag("-h,--help", "show this help message and exit");
  app.add_option("-p,--port", port, "the port to watch; default: 8080")->check(CLI::Range(1, 65535))->type_name("PORT");
  app.add_option("--ip", address, "(also -ip) only requests to this address")->type_name("IP");
  auto* const rate =
      app.add_option("--ts,--traffic_threshold_per_second", per_second,
                     "(also -ts) requests a second, as a mean over the period, that raise the alert; default: 20")
          ->check(CLI::PositiveNumber)
          ->type_name("N");
  auto* const sum = app.add_option("--tt,--traffic_threshold_total", total,
                                   "(also -tt) requests in the whole period that raise it; in place of -ts")
                        ->check(CLI::PositiveNumber)
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
  AlertSettings alert{.name = "High traffic"};
  alert.when = {.quantity = AlertQuantity::requests, .total = in_total, .value = in_total ? total : per_second};
  alert.over = std::chrono::round<std::chrono::seconds>(std::chrono::duration<double, std::ratio<60>>{minutes});
  command.watch.alerts.push_back(std::move(alert));
  const auto done = watch_http(command, Pseudonyms{}, print_at_once, {});
  return done ? kDone : complain(kTrafficWatch, done.error().what, kFailed);
}

}  // namespace tidegate::compat
