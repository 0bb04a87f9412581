#include "cli/command.h"

#include <boost/json.hpp>
#include <cstdio>

#include "api/json_text.h"
#include "base/text.h"
#include "base/units.h"
#include "cli/print.h"
#include "daemon/hiding.h"
#include "daemon/report.h"
#include "daemon/simulation.h"

namespace tidegate::cli {

int complain(const std::string& text, int status) {
  std::fprintf(stderr, "tidegate: %s\n", printable(text).c_str());
  return status;
}

namespace {

// What the flags say of the log goes over what the configuration says. The error names the flag.
Result<> configure_log(const DaemonFlags& flags, const Config& config) {
  log::Settings settings{.level = config.log_level, .format = config.log_format};
  if (!flags.log_level.empty()) {
    const auto level = log::parse_level(flags.log_level);
    if (!level) return failure("--log-level: {}", level.error().what);
    settings.level = *level;
  }
  if (!flags.log_format.empty()) {
    const auto format = log::parse_format(flags.log_format);
    if (!format) return failure("--log-format: {}", format.error().what);
    settings.format = *format;
  }
  log::configure(settings);
  return {};
}

// "watches over 2 services and serves 1 forward".
std::string purpose(const Config& config) {
  const auto services = config.services.size();
  const auto forwards = config.forwards.size();
  auto text =
      forwards > 0 && services == 0 ? "" : fmt::format("watches over {} service{}", services, services == 1 ? "" : "s");
  if (forwards > 0)
    text += fmt::format("{}serves {} forward{}", text.empty() ? "" : " and ", forwards, forwards == 1 ? "" : "s");
  return text;
}

// Prints each event that the savefile would have brought about, addresses as the daemon would show them.
int replay_savefile(const Config& config, const std::string& savefile, bool json) {
  const auto hiding = hiding_of(config);
  if (!hiding) return complain(hiding.error().what, kFailed);
  const auto replayed = simulate(config, hiding->names, savefile, [&](const Event& event) {
    print_line(json ? json_text(report::event(event))
                    : event_line(event.at, event.service, to_string(event.kind), event.text));
  });
  if (!replayed) return complain(replayed.error().what, kFailed);
  if (!json) {
    print_line(fmt::format("{} packets read, {} of them not understood", replayed->packets + replayed->rejected,
                           replayed->rejected));
  }
  return kDone;
}

}  // namespace

void DaemonFlags::add_to(CLI::App& command, const std::string& control_default) {
  add_to_without_replay(command, control_default);
  command
      .add_option("-r,--replay", replay,
                  "a pcap or pcapng savefile in place of the network: print what would have happened")
      ->type_name("SAVEFILE");
  command.add_flag("--json", json, "with --replay: one JSON object an event");
}

void DaemonFlags::add_to_without_replay(CLI::App& command, const std::string& control_default) {
  command.add_option("--control", control, "the control socket; default: " + control_default)->type_name("PATH");
  command.add_flag("--dry-run", dry_run, "everything but the actions: say what would be started and stopped");
  command.add_option("--log-level", log_level, "debug, info, warn or error; default: as configured, else info")
      ->type_name("LEVEL");
  command.add_option("--log-format", log_format, "text or json; default: as configured, else text")
      ->type_name("FORMAT");
}

int DaemonFlags::run(Config config, DaemonOptions options, const std::function<void(Daemon&)>& afterwards) const {
  if (const auto configured = configure_log(*this, config); !configured)
    return complain(configured.error().what, kUsage);
  if (!replay.empty()) return replay_savefile(config, replay, json);
  if (!control.empty()) options.control = control;
  options.dry_run = dry_run;
  const auto greeting = fmt::format("tidegate " TIDEGATE_VERSION " {}{}{}", purpose(config),
                                    options.control.empty() ? "" : ", control socket " + options.control,
                                    dry_run ? ", dry run: nothing is started or stopped" : "");
  Daemon daemon{std::move(config), std::move(options)};
  if (const auto opened = daemon.open(); !opened) return complain(opened.error().what, kFailed);
  log::info("{}", greeting);
  daemon.run();
  if (afterwards) afterwards(daemon);
  return kDone;
}

}  // namespace tidegate::cli
