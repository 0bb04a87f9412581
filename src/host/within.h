// A limit on the time that a coroutine may take: every wait has a deadline.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <exception>
#include <optional>
#include <utility>

#include "base/time.h"

namespace tidegate {

// The error of an operation as a value beside its result: co_await stream.async_connect(to, kAsTuple).
inline constexpr auto kAsTuple = boost::asio::as_tuple(boost::asio::use_awaitable);

// What `work` gives, or nothing where it has not completed after `limit`; it is cancelled then, which it must answer by
// throwing, and has ended when this completes. Throws what `work` throws, and operation_aborted when cancelled itself.
template <class T>
boost::asio::awaitable<std::optional<T>> within(Duration limit, boost::asio::awaitable<T> work) {
  namespace asio = boost::asio;
  const auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer{executor, limit};
  auto [order, thrown, value, timer_error] =
      co_await asio::experimental::make_parallel_group(asio::co_spawn(executor, std::move(work), asio::deferred),
                                                       timer.async_wait(asio::deferred))
          .async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
  if (!thrown) co_return std::optional<T>{std::move(value)};  // also where both came at once
  if (order[0] == 0) std::rethrow_exception(thrown);
  if (timer_error) throw boost::system::system_error{timer_error};
  co_return std::nullopt;
}

}  // namespace tidegate
