// One command of the tidegate binary. Each has a file of its own; the table of all is in cli.cc.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
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
void add_forward(CLI::App& app, int& status);
void add_quota(CLI::App& app, int& status);
void add_usage(CLI::App& app, int& status);
void add_clients(CLI::App& app, int& status);
void add_top(CLI::App& app, int& status);
void add_count(CLI::App& app, int& status);
void add_http(CLI::App& app, int& status);
void add_hold_device(CLI::App& app, int& status);
void add_doctor(CLI::App& app, int& status);
void add_demo(CLI::App& app, int& status);

// The subcommands of demo.
void add_demo_serve(CLI::App& demo, int& status);
void add_demo_load(CLI::App& demo, int& status);

// Prints `text` on standard error behind "tidegate: " and gives `status` back.
int complain(const std::string& text, int status);

// What `run`, `wake` and `forward` share: the log, the control socket, and the ways to try rules out.
struct DaemonFlags {
  std::string log_level;
  std::string log_format;
  std::string control;
  std::string replay;
  bool dry_run = false;
  bool json = false;

  // `control_default` says in the help where the control socket is, if it is not given.
  void add_to(CLI::App& command, const std::string& control_default);

  // The same without the savefile, for what no savefile tells of.
  void add_to_without_replay(CLI::App& command, const std::string& control_default);

  // Runs the daemon with this configuration, or replays the savefile; the exit status. `options` comes with what the
  // command itself knows: the configuration's file and the control socket's default. `afterwards` sees the daemon when
  // it has ended; empty: nothing does.
  [[nodiscard]] int run(Config config, DaemonOptions options,
                        const std::function<void(Daemon&)>& afterwards = {}) const;
};

}  // namespace tidegate::cli
