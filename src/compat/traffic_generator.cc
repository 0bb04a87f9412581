// traffic_generator.py of Traffic Watch: `tidegate demo load` with the profile of the original, which printed each
// answer's text.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <random>
#include <string>

#include "base/text.h"
#include "compat/argparse.h"
#include "compat/compat.h"
#include "compat/front_end.h"
#include "demo/run.h"

namespace tidegate::compat {

namespace {

constexpr const char* kTrafficGenerator = "traffic_generator.py";

void print_answer(std::string_view payload) {
  std::printf("%s\n", printable(payload).c_str());
  std::fflush(stdout);
}

}  // namespace

int traffic_generator(int argc, char** argv) {
  Target target{.unix_path = {}, .host = "127.0.0.1", .port = 5000};
  bool quiet = false;
  CLI::App app{"This program sends a number of requests to a predefined server", kTrafficGenerator};
  app.set_help_flag("-h,--help", "show this help message and exit");
  app.add_option("-p,--port", target.port, "The port to send to; default: 5000")
      ->check(CLI::Range(1, 65535))
      ->type_name("PORT");
  app.add_option("--ip", target.host, "(also -ip) The address to send to; default: 127.0.0.1")->type_name("IP");
  app.add_flag("-q,--quiet", quiet, "turn off output");
  if (const auto status = parse_argparse(app, argc, argv, {"ip"})) return *status;

  demo::LoadSettings settings{.connections = 1, .seed = std::random_device{}()};
  if (const auto aimed = demo::aim(settings, target); !aimed)
    return complain(kTrafficGenerator, aimed.error().what, kFailed);
  demo::LoadWatchers watchers;
  if (!quiet) watchers.on_answer = print_answer;
  const auto report = demo::load(settings, watchers);
  if (!report) return complain(kTrafficGenerator, report.error().what, kFailed);
  for (const auto& [reason, count] : report->failures)
    complain(kTrafficGenerator, fmt::format("{} requests failed: {}", count, reason), kFailed);
  return report->answered > 0 ? kDone : kFailed;
}

}  // namespace tidegate::compat
