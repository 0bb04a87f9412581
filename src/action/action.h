// How a service is started and stopped: command, script (a command with start and stop as its argument) or process.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <string>

#include "action/child.h"
#include "base/error.h"
#include "model/service.h"

namespace tidegate {

// An Action outlives the starts and stops that are awaited of it, and its executor's context outlives the Action.
class Action {
 public:
  // Called when the service ended by itself (a supervised process only): `how` for people, `failed` if not with status
  // 0 (of an adopted one that is not known). What it leaves of its process group has been ended by then. It must not
  // destroy the Action.
  using Gone = std::function<void(std::string how, bool failed)>;

  Action() = default;
  Action(const Action&) = delete;
  Action& operator=(const Action&) = delete;
  virtual ~Action() = default;

  // Starts the service. A command: done when it has exited; the error says how it ended. A process: done when it runs.
  // cancel() ends it early with an error.
  [[nodiscard]] virtual boost::asio::awaitable<Result<>> start(Environment environment) = 0;

  // Stops the service. A command: done when it has exited (killed after `timeout`, which is an error). A process:
  // SIGTERM, its grace time, SIGKILL; done when it has ended, no error then, and no call of Gone.
  [[nodiscard]] virtual boost::asio::awaitable<Result<>> stop(Environment environment, Duration timeout) = 0;

  // Kills a start or stop command that is running, its process group with it. A running process is not touched.
  virtual void cancel() = 0;

  // True when it is known to run: a process that has not ended. A command never knows.
  [[nodiscard]] virtual bool running() const = 0;
};

// `state_path`: where a process's id is kept, so that the next tidegate finds it again (it is adopted at once if it
// still runs; empty: nowhere). `gone` is called on the executor's thread.
[[nodiscard]] std::unique_ptr<Action> make_action(boost::asio::any_io_executor executor, const std::string& service,
                                                  const ActionSettings& settings, std::string state_path,
                                                  Action::Gone gone);

}  // namespace tidegate
