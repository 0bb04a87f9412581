// simple_webserver.py of Traffic Watch: `tidegate demo serve` on every address, port 5000.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "compat/compat.h"
#include "compat/front_end.h"
#include "demo/run.h"

namespace tidegate::compat {

int simple_webserver(int argc, char** argv) {
  constexpr const char* kSimpleWebserver = "simple_webserver.py";
  CLI::App app{"A web server that answers every path, on every address, port 5000", kSimpleWebserver};
  app.set_help_flag("-h,--help", "show this help message and exit");
  if (const auto status = parse(app, argc, argv)) return *status;

  const demo::ServerSettings settings{.listen = {.unix_path = {}, .address = {}, .first = 5000, .last = 5000}};
  const auto served = demo::serve(settings, [](std::uint16_t port) {
    std::printf(" * Running on http://0.0.0.0:%u/ (Press CTRL+C to quit)\n", static_cast<unsigned>(port));
    std::fflush(stdout);
  });
  return served ? kDone : complain(kSimpleWebserver, served.error().what, kFailed);
}

}  // namespace tidegate::compat
