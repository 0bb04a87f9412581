#include "daemon/tasks.h"

#include <gtest/gtest.h>

#include <boost/asio.hpp>

namespace tidegate {
namespace {

namespace asio = boost::asio;

asio::awaitable<void> forever(int& ended) {
  struct Count {
    int& ended;
    ~Count() { ++ended; }
  };
  const Count count{ended};
  asio::steady_timer timer{co_await asio::this_coro::executor, asio::steady_timer::time_point::max()};
  co_await timer.async_wait(asio::use_awaitable);
}

asio::awaitable<void> fail() {
  throw std::runtime_error{"on purpose"};
  co_return;
}

TEST(Tasks, are_all_gone_when_joined_after_being_cancelled) {
  asio::io_context io;
  Tasks tasks{io.get_executor()};
  int ended = 0;
  tasks.spawn("one", forever(ended));
  tasks.spawn("two", forever(ended));
  bool joined = false;
  io.poll();
  tasks.cancel();
  asio::co_spawn(io, tasks.join(), [&](const std::exception_ptr&) { joined = true; });
  io.run_for(std::chrono::seconds{10});
  EXPECT_TRUE(joined);
  EXPECT_EQ(ended, 2);
  EXPECT_TRUE(tasks.empty());
}

TEST(Tasks, end_by_name_and_leave_the_others_running) {
  asio::io_context io;
  Tasks tasks{io.get_executor()};
  int ended = 0;
  tasks.spawn("one", forever(ended));
  tasks.spawn("two", forever(ended));
  io.poll();
  tasks.cancel_named({"two"});
  io.poll();
  EXPECT_EQ(ended, 1);
  EXPECT_FALSE(tasks.empty());
  tasks.cancel();
  io.poll();
}

TEST(Tasks, survive_one_that_fails) {
  asio::io_context io;
  Tasks tasks{io.get_executor()};
  int ended = 0;
  tasks.spawn("broken", fail());
  tasks.spawn("sound", forever(ended));
  io.poll();
  EXPECT_EQ(ended, 0);
  tasks.cancel();
  io.poll();
  EXPECT_TRUE(tasks.empty());
}

}  // namespace
}  // namespace tidegate
