// A child process: its own process group, its output in the log, its end awaited through a pidfd. Never blocks.
#pragma once

#include <sys/types.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "model/service.h"

namespace tidegate {

using Environment = std::vector<std::pair<std::string, std::string>>;  // added to tidegate's own

struct ChildSettings {
  Command command;
  Environment environment;
  std::string label;   // in front of each line of output in the log: "palworld: start"
  bool quiet = false;  // output to /dev/null
};

// How a process ended.
struct ExitStatus {
  int code = 0;  // exit status, meaningful when signal == 0
  int signal = 0;
  bool unknown = false;  // it was not our child (adopted): only that it ended is known
  [[nodiscard]] bool ok() const { return !unknown && signal == 0 && code == 0; }
  [[nodiscard]] std::string to_string() const;  // "exited 1", "ended by signal 9 (Killed)"; unknown: "ended"
};

inline constexpr Duration kKillTime = std::chrono::seconds{5};  // between SIGKILL and giving up

// The executor's context has one thread and outlives the Child; tidegate itself ignores SIGPIPE and leaves SIGCHLD at
// its default (main() sees to both).
class Child {
 public:
  // Starts it at once (posix_spawn: the caller's thread waits for the exec only). The error names the program: `run
  // /srv/x: No such file or directory`. In the child: SIGPIPE ignored (as systemd does, so that it outlives our end of
  // its output pipe), other signals at their defaults, none blocked, standard input /dev/null, no inherited
  // descriptors. Output is logged line by line (at most 4 KiB a line, 200 lines a second; what is left out is counted
  // and said), also after the child itself has ended while a grandchild still writes.
  [[nodiscard]] static Result<std::unique_ptr<Child>> spawn(const boost::asio::any_io_executor& executor,
                                                            ChildSettings settings);

  // Takes a process that an earlier tidegate started. The error: it is gone, or it is another one (start_time, from
  // /proc/PID/stat in clock ticks, differs).
  [[nodiscard]] static Result<std::unique_ptr<Child>> adopt(const boost::asio::any_io_executor& executor, pid_t pid,
                                                            std::uint64_t start_time);

  ~Child();  // neither kills nor waits; a child of ours that ends later is still reaped
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  [[nodiscard]] pid_t pid() const;
  [[nodiscard]] std::uint64_t start_time() const;
  [[nodiscard]] bool ended() const;

  // Completes when it has ended; any number of callers, before or after the end. Cancellable
  // (asio::cancellation_type::terminal).
  [[nodiscard]] boost::asio::awaitable<ExitStatus> wait();

  // SIGTERM to its process group, SIGKILL after `grace` to what is left of the group, then its exit status. Where even
  // that does not end it within 5 s (it hangs in the kernel), ended() stays false and the status is unknown. Completes
  // when the whole group has ended; works also on what is left of the group after the process itself. Cancellable.
  [[nodiscard]] boost::asio::awaitable<ExitStatus> terminate(Duration grace);

  // SIGKILL to the process group, now.
  void kill();

 private:
  struct Impl;
  explicit Child(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;  // shared with the tasks that read its output and wait for its end
};

}  // namespace tidegate
