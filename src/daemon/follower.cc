#include "daemon/follower.h"

#include <boost/asio.hpp>

namespace tidegate {

namespace asio = boost::asio;

Follower::Follower(History& history, const asio::any_io_executor& executor, std::string service)
    : history_{history}, coming_{executor}, service_{std::move(service)} {
  listener_ = history_.listen([this](const Event& event) {
    if (!service_.empty() && event.service != service_) return;
    if (events_.size() == kMost) events_.pop_front();
    events_.push_back(event);
    coming_.cancel();
  });
}

Follower::~Follower() { history_.ignore(listener_); }

asio::awaitable<Event> Follower::next() { co_return (co_await next_before(Instant::max())).value(); }

asio::awaitable<std::optional<Event>> Follower::next_before(Instant deadline) {
  while (events_.empty()) {
    coming_.expires_at(deadline);
    const auto [error] = co_await coming_.async_wait(asio::as_tuple(asio::use_awaitable));
    if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none) {
      throw boost::system::system_error{asio::error::operation_aborted};
    }
    if (!error && events_.empty()) co_return std::nullopt;
  }
  auto event = std::move(events_.front());
  events_.pop_front();
  co_return event;
}

}  // namespace tidegate
