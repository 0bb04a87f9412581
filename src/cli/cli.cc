#include "cli/cli.h"

#include <array>

#include "cli/command.h"

namespace tidegate::cli {

namespace {

constexpr std::array<AddCommand, 10> kCommands = {
    add_run, add_check, add_wake, add_status, add_why, add_events, add_start, add_stop, add_keep, add_reload,
};

}  // namespace

int run(int argc, char** argv) {
  CLI::App app{"tidegate starts a service when traffic for it arrives and stops it when the traffic has gone.",
               "tidegate"};
  app.set_version_flag("--version", "tidegate " TIDEGATE_VERSION);
  app.require_subcommand(1);
  app.option_defaults()->always_capture_default();
  app.get_formatter()->column_width(34);
  app.footer(
      "`tidegate COMMAND --help` shows a command's flags and two examples.\n"
      "The older tools: call tidegate under their names, or `tidegate compat NAME ARGS…`.\n"
      "Exit status: 0 done, 1 it failed, 2 wrong arguments or configuration.");
  int status = kDone;
  for (const auto& add : kCommands) add(app, status);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    app.exit(error);
    return kUsage;
  }
  return status;
}

}  // namespace tidegate::cli
