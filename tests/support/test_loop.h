// For tests: an event loop with a deadline, and looks at files and child processes from outside.
#pragma once

#include <sys/types.h>
#include <sys/wait.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <csignal>
#include <exception>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace tidegate::test {

class TestLoop {
 public:
  static constexpr std::chrono::seconds kDeadline{20};

  TestLoop() { ::signal(SIGPIPE, SIG_IGN); }  // as tidegate's main() does

  [[nodiscard]] boost::asio::io_context::executor_type executor() { return context_.get_executor(); }

  // Runs until `condition` holds. Throws when it does not within the deadline.
  template <class Condition>
  void until(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + kDeadline;
    while (!condition()) {
      if (std::chrono::steady_clock::now() >= deadline) throw std::runtime_error{"the deadline of the test has passed"};
      context_.restart();
      context_.run_one_for(std::chrono::milliseconds{2});
    }
  }

  // Runs `work` to its end and gives what it gives, or throws what it throws.
  template <class T>
  T run(boost::asio::awaitable<T> work) {
    std::optional<T> value;
    std::exception_ptr thrown;
    boost::asio::co_spawn(context_, std::move(work), [&](std::exception_ptr e, T result) {
      thrown = std::move(e);
      value = std::move(result);
    });
    until([&] { return value.has_value(); });
    if (thrown) std::rethrow_exception(thrown);
    return std::move(*value);
  }

 private:
  boost::asio::io_context context_{1};
};

[[nodiscard]] inline std::string file_text(const std::string& path) {
  std::ifstream stream{path};
  return {std::istreambuf_iterator<char>{stream}, std::istreambuf_iterator<char>{}};
}

// True when the file has a whole line in it.
[[nodiscard]] inline bool has_line(const std::string& path) { return file_text(path).ends_with('\n'); }

// True while the process is a child of this one, a zombie included.
[[nodiscard]] inline bool is_our_child(pid_t pid) {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

[[nodiscard]] inline bool has_children() {
  siginfo_t info{};
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

}  // namespace tidegate::test
