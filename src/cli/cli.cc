#include "cli/cli.h"

#include <array>

#include "cli/command.h"

namespace tidegate::cli {

namespace {

constexpr std::array kCommands = {
    add_run,   add_check, add_wake,        add_forward, add_status, add_why,   add_events,
    add_start, add_stop,  add_keep,        add_reload,  add_quota,  add_usage, add_clients,
    add_count, add_http,  add_hold_device, add_doctor,  add_demo,   add_top,
};

// A flag's type and default, where it has one; CLI11's own shows the lists that flags are kept in.
class Help final : public CLI::Formatter {
 public:
  std::string make_option_opts(const CLI::Option* option) const override {
    if (option->get_type_size() == 0) return {};
    const auto standard = option->get_default_str();
    return (option->get_type_name().empty() ? "" : " " + option->get_type_name()) +
           (standard.empty() || standard == "[]" ? "" : "=" + standard) + (option->get_required() ? " (required)" : "");
  }
};

}  // namespace

int run(int argc, char** argv) {
  CLI::App app{
      "tidegate starts a service when traffic for it arrives, stops it when the traffic has gone, and on the way "
      "forwards, counts and limits what flows.",
      "tidegate"};
  app.set_version_flag("--version", "tidegate " TIDEGATE_VERSION);
  app.require_subcommand(1);
  app.option_defaults()->always_capture_default();
  app.formatter(std::make_shared<Help>());  // shared with the commands
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
