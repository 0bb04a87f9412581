// tidegate run: the daemon.
#include "cli/command.h"
#include "daemon/load.h"

namespace tidegate::cli {

namespace {

int run_configuration(std::string file, const DaemonFlags& flags) {
  if (file.empty()) {
    auto found = find_config();
    if (!found) return complain(found.error().what, kUsage);
    file = *found;
  }
  auto config = load_config(file);
  if (!config) return complain(config.error().what, kUsage);
  DaemonOptions options;
  options.config_file = file;
  options.control = config->control.empty() ? default_control_path() : config->control;
  options.store = config->store.empty() ? default_store_path() : config->store;
  return flags.run(std::move(*config), std::move(options));
}

}  // namespace

void add_run(CLI::App& app, int& status) {
  struct Flags {
    std::string file;
    DaemonFlags daemon;
  };
  auto flags = std::make_shared<Flags>();  // shared with the callback, which outlives this function
  auto* command = app.add_subcommand("run", "The daemon: watch over every service of a configuration");
  command
      ->add_option("-c,--config", flags->file,
                   "the configuration; default: ./tidegate.yaml, else /etc/tidegate/tidegate.yaml")
      ->type_name("FILE");
  flags->daemon.add_to(*command, "as configured, else " + default_control_path());
  command->footer(
      "SIGHUP reads the configuration again; SIGTERM ends.\n\nExamples:\n"
      "  tidegate run -c /etc/tidegate/tidegate.yaml\n"
      "  tidegate run -c tidegate.yaml --dry-run --log-level debug");
  command->callback([flags, &status] { status = run_configuration(flags->file, flags->daemon); });
}

}  // namespace tidegate::cli
