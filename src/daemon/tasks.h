// A scope for coroutines: each has a name and a place where its error goes, and none outlives the scope's join.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>
#include <initializer_list>
#include <list>
#include <string>
#include <string_view>

namespace tidegate {

class Tasks {
 public:
  explicit Tasks(const boost::asio::any_io_executor& executor) : executor_{executor}, empty_{executor} {}
  Tasks(const Tasks&) = delete;
  Tasks& operator=(const Tasks&) = delete;

  // Runs `task` on the executor. What it throws is logged under its name and ends that task only.
  void spawn(std::string name, boost::asio::awaitable<void> task);

  // Asks every task, or those of these names, to end (terminal cancellation).
  void cancel();
  void cancel_named(std::initializer_list<std::string_view> names);

  // Completes when no task is left.
  [[nodiscard]] boost::asio::awaitable<void> join();

  [[nodiscard]] bool empty() const { return tasks_.empty(); }
  [[nodiscard]] const boost::asio::any_io_executor& executor() const { return executor_; }

 private:
  template <class Which>
  void cancel_if(Which which);

  struct Task {
    std::string name;
    boost::asio::cancellation_signal stop;
  };

  boost::asio::any_io_executor executor_;
  boost::asio::steady_timer empty_;  // cancelled when the last task ends
  std::list<Task> tasks_;
};

}  // namespace tidegate
