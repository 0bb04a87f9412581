#include "cli/command.h"

#include <boost/json.hpp>
#include <cstdio>

#include "api/json_text.h"
#include "base/text.h"
#include "base/units.h"
#include "cli/print.h"
#include "daemon/report.h"
#include "daemon/simulation.h"

namespace tidegate::cli {

int complain(const std::string& text, int status) {
  std::fprintf(stderr, "tidegate: %s\n", text.c_str());
  return status;
}

void LogFlags::add_to(CLI::App& command) {
  command.add_option("--log-level", level, "debug, info, warn or error; default: as configured, else info")
      ->type_name("LEVEL");
  command.add_option("--log-format", format, "text or json; default: as configured, else text")->type_name("FORMAT");
}

Result<> LogFlags::apply(Config& config) const {
  if (!level.empty()) {
    const auto parsed = log::parse_level(level);
    if (!parsed) return failure("--log-level: {}", parsed.error().what);
    config.log_level = *parsed;
  }
  if (!format.empty()) {
    const auto parsed = log::parse_format(format);
    if (!parsed) return failure("--log-format: {}", parsed.error().what);
    config.log_format = *parsed;
  }
  log::configure({.level = config.log_level, .format = config.log_format});
  return {};
}

int run_daemon(Config config, DaemonOptions options) {
  const auto count = config.services.size();
  const std::string control = options.control;
  const bool dry_run = options.dry_run;
  Daemon daemon{std::move(config), std::move(options)};
  if (const auto opened = daemon.open(); !opened) return complain(opened.error().what, kFailed);
  log::info("tidegate " TIDEGATE_VERSION " watches over {} service{}{}{}", count, count == 1 ? "" : "s",
            control.empty() ? "" : ", control socket " + control,
            dry_run ? ", dry run: nothing is started or stopped" : "");
  daemon.run();
  return kDone;
}

int replay_savefile(const Config& config, const std::string& savefile, bool json) {
  const auto replayed = simulate(config, savefile, [&](const Event& event) {
    if (json) {
      print_line(json_text(report::event(event)));
    } else {
      print_line(event_line(event.at, event.service, to_string(event.kind), event.text));
    }
  });
  if (!replayed) return complain(replayed.error().what, kFailed);
  if (!json) {
    print_line(fmt::format("{} packets read, {} of them not understood", replayed->packets + replayed->rejected,
                           replayed->rejected));
  }
  return kDone;
}

}  // namespace tidegate::cli
