// tidegate demo: something to watch.
#include "cli/command.h"

namespace tidegate::cli {

void add_demo(CLI::App& app, int& status) {
  auto* const demo = app.add_subcommand("demo", "Something to watch: a web server, and requests for it");
  demo->require_subcommand(1);
  add_demo_serve(*demo, status);
  add_demo_load(*demo, status);
  demo->footer("Examples:\n  tidegate demo serve\n  tidegate demo load --profile 20/s:10s");
}

}  // namespace tidegate::cli
