#include "host/within.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <stdexcept>

#include "host/task.h"
#include "tests/support/test_loop.h"

namespace tidegate {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::minutes;

asio::awaitable<int> seven_after(Duration delay) {
  asio::steady_timer timer{co_await asio::this_coro::executor, delay};
  co_await timer.async_wait(asio::use_awaitable);
  co_return 7;
}

asio::awaitable<int> broken() {
  throw std::runtime_error{"broken"};
  co_return 0;
}

TEST(Within, gives_what_the_work_gives_in_time) {
  test::TestLoop loop;
  EXPECT_EQ(loop.run(within(minutes{1}, seven_after(milliseconds{1}))), 7);
}

TEST(Within, gives_nothing_and_ends_the_work_when_the_time_is_over) {
  test::TestLoop loop;
  EXPECT_EQ(loop.run(within(milliseconds{1}, seven_after(minutes{10}))), std::nullopt);
}

TEST(Within, throws_what_the_work_throws) {
  test::TestLoop loop;
  EXPECT_THROW(loop.run(within(minutes{1}, broken())), std::runtime_error);
}

TEST(Within, throws_when_it_is_cancelled_itself) {
  test::TestLoop loop;
  asio::cancellation_signal stop;
  std::exception_ptr thrown;
  asio::co_spawn(loop.executor(), within(minutes{1}, seven_after(minutes{1})),
                 asio::bind_cancellation_slot(
                     stop.slot(), [&](const std::exception_ptr& e, const std::optional<int>&) { thrown = e; }));
  loop.until([turns = 0]() mutable { return ++turns > 2; });
  stop.emit(asio::cancellation_type::terminal);
  loop.until([&] { return thrown != nullptr; });
  EXPECT_THROW(std::rethrow_exception(thrown), boost::system::system_error);
}

TEST(LogFailureOf, logs_what_ended_a_task_under_its_name) {
  test::TestLoop loop;
  testing::internal::CaptureStderr();
  bool over = false;
  asio::co_spawn(loop.executor(), broken(), [&](const std::exception_ptr& thrown, int) {
    log_failure_of("palworld: a task")(thrown);
    log_failure_of("palworld: another task")(nullptr);
    over = true;
  });
  loop.until([&] { return over; });
  const std::string logged = testing::internal::GetCapturedStderr();
  EXPECT_THAT(logged, testing::HasSubstr("palworld: a task: broken\n"));
  EXPECT_THAT(logged, testing::Not(testing::HasSubstr("another")));
}

}  // namespace
}  // namespace tidegate
