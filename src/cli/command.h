// One command of the tidegate binary. Each has a file of its own; the table of all is in cli.cc.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>

#include "base/log.h"
#include "config/config.h"
#include "daemon/daemon.h"

namespace tidegate::cli {

// Exit statuses (interface: done, it failed, wrong arguments or configuration).
inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;

// Adds the command to `app`; when it is chosen its callback runs and leaves its exit status in `status`.
using AddCommand = void (*)(CLI::App& app, int& status);

void add_run(CLI::App& app, int& status);
void add_check(CLI::App& app, int& status);
void add_wake(CLI::App& app, int& status);
void add_status(CLI::App& app, int& status);
void add_why(CLI::App& app, int& status);
void add_events(CLI::App& app, int& status);
void add_start(CLI::App& app, int& status);
void add_stop(CLI::App& app, int& status);
void add_keep(CLI::App& app, int& status);
void add_reload(CLI::App& app, int& status);

// Prints `text` on standard error behind "tidegate: " and gives `status` back.
int complain(const std::string& text, int status);

// The flags of a long-running command's log, and their effect.
struct LogFlags {
  std::string level;
  std::string format;
  void add_to(CLI::App& command);
  // What the flags say, else what the configuration says. The error names the flag.
  [[nodiscard]] Result<> apply(Config& config) const;
};

// Opens and runs the daemon; the exit status.
int run_daemon(Config config, DaemonOptions options);

// Replays a savefile in place of running and prints each event; the exit status.
int replay_savefile(const Config& config, const std::string& savefile, bool json);

}  // namespace tidegate::cli
