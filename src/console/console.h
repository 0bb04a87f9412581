// A view that is kept up to date on the terminal, with keys: the loop that `http` and `top` share.
//
//   auto console = Console::open(executor, {.view = …, .act = …});
//   if (console) co_await (*console)->run(1s);      // else print plain_lines(view, …) at each interval
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>

#include "base/error.h"
#include "base/time.h"
#include "console/state.h"
#include "console/view.h"

namespace tidegate::console {

// Called on the console's executor, one at a time.
struct ConsoleHooks {
  std::function<View()> view;              // what there is to see now
  std::function<void(Action action)> act;  // Action::reset or Action::next_window; the view is asked for afterwards
};

// One at a time in a process; the executor's context has one thread, and outlives it.
class Console {
 public:
  // Takes the terminal over. The error says why there is none that could be used (console/terminal.h).
  [[nodiscard]] static Result<std::unique_ptr<Console>> open(const boost::asio::any_io_executor& executor,
                                                             ConsoleHooks hooks);
  // Gives the terminal back, as it was.
  ~Console();
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  // Shows the view and obeys keys, with a new view each interval (unless it is paused; without an interval: only when
  // refresh() is called), until the reader quits, the terminal goes away, or SIGINT, SIGTERM or SIGHUP comes. May be
  // cancelled.
  [[nodiscard]] boost::asio::awaitable<void> run(std::optional<Duration> interval);

  // Asks for a new view now: the figures have changed.
  void refresh();

 private:
  struct Impl;
  explicit Console(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tidegate::console
