// tidegate run: the daemon.
#include "cli/command.h"
#include "daemon/load.h"

namespace tidegate::cli {

namespace {

struct RunFlags {
  std::string file;
  std::string control;
  std::string replay;
  bool dry_run = false;
  bool json = false;
  LogFlags log;
};

int run_command(RunFlags& flags) {
  if (flags.file.empty()) {
    auto found = find_config();
    if (!found) return complain(found.error().what, kUsage);
    flags.file = *found;
  }
  auto config = load_config(flags.file);
  if (!config) return complain(config.error().what, kUsage);
  if (const auto applied = flags.log.apply(*config); !applied) return complain(applied.error().what, kUsage);
  if (!flags.replay.empty()) return replay_savefile(*config, flags.replay, flags.json);
  DaemonOptions options;
  options.config_file = flags.file;
  options.control = !flags.control.empty()     ? flags.control
                    : !config->control.empty() ? config->control
                                               : default_control_path();
  options.dry_run = flags.dry_run;
  return run_daemon(std::move(*config), std::move(options));
}

}  // namespace

void add_run(CLI::App& app, int& status) {
  auto flags = std::make_shared<RunFlags>();  // shared with the callback, which outlives this function
  auto* command = app.add_subcommand("run", "The daemon: watch over every service of a configuration");
  command
      ->add_option("-c,--config", flags->file,
                   "the configuration; default: ./tidegate.yaml, else /etc/tidegate/tidegate.yaml")
      ->type_name("FILE");
  command
      ->add_option("--control", flags->control,
                   "the control socket; default: as configured, else " + default_control_path())
      ->type_name("PATH");
  command->add_flag("--dry-run", flags->dry_run, "everything but the actions: say what would be started and stopped");
  command
      ->add_option("-r,--replay", flags->replay,
                   "a pcap or pcapng savefile in place of the network: print what would have happened")
      ->type_name("SAVEFILE");
  command->add_flag("--json", flags->json, "with --replay: one JSON object an event");
  flags->log.add_to(*command);
  command->footer(
      "SIGHUP reads the configuration again; SIGTERM ends.\n\nExamples:\n"
      "  tidegate run -c /etc/tidegate/tidegate.yaml\n"
      "  tidegate run -c tidegate.yaml --dry-run --log-level debug");
  command->callback([flags, &status] { status = run_command(*flags); });
}

}  // namespace tidegate::cli
