// Events as they come, for one client: bounded, so that one who does not read costs nothing but its own events.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "base/time.h"
#include "daemon/history.h"

namespace tidegate {

class Follower {
 public:
  static constexpr std::size_t kMost = 1000;  // not yet taken; the oldest leave past these

  // Follows the events of `service`; empty: all. The history outlives it.
  Follower(History& history, const boost::asio::any_io_executor& executor, std::string service);
  ~Follower();
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  // The next event, once it is there. Throws system_error (operation_aborted) when the task is cancelled.
  [[nodiscard]] boost::asio::awaitable<Event> next();

  // The same; nothing where none has come until `deadline`.
  [[nodiscard]] boost::asio::awaitable<std::optional<Event>> next_before(Instant deadline);

 private:
  History& history_;
  boost::asio::steady_timer coming_;
  std::string service_;
  std::deque<Event> events_;
  std::uint64_t listener_ = 0;
};

}  // namespace tidegate
