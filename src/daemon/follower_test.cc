#include "daemon/follower.h"

#include <gtest/gtest.h>

#include <boost/asio.hpp>

namespace tidegate {
namespace {

namespace asio = boost::asio;

// What the coroutine gives, which must come to its end.
template <class T>
T run(asio::io_context& io, asio::awaitable<T> task) {
  auto result = asio::co_spawn(io, std::move(task), asio::use_future);
  io.run_for(std::chrono::seconds{30});
  io.restart();
  return result.get();
}

Event event_of(std::string service, std::string text = {}) {
  return {.at = {}, .service = std::move(service), .kind = EventKind::woke, .text = std::move(text)};
}

TEST(Follower, gives_the_events_of_its_service_in_order) {
  asio::io_context io;
  History history;
  Follower follower{history, io.get_executor(), "web"};
  history.add(event_of("web", "one"));
  history.add(event_of("mail"));
  history.add(event_of("web", "two"));
  EXPECT_EQ(run(io, follower.next()).text, "one");
  EXPECT_EQ(run(io, follower.next()).text, "two");
}

TEST(Follower, gives_nothing_where_none_comes_before_the_deadline) {
  asio::io_context io;
  History history;
  Follower follower{history, io.get_executor(), {}};
  EXPECT_FALSE(run(io, follower.next_before(std::chrono::steady_clock::now())).has_value());
}

TEST(Follower, wakes_up_for_an_event) {
  asio::io_context io;
  History history;
  Follower follower{history, io.get_executor(), {}};
  auto waiting = asio::co_spawn(io, follower.next(), asio::use_future);
  io.poll();
  asio::post(io, [&] { history.add(event_of("web", "come")); });
  io.run_for(std::chrono::seconds{30});
  EXPECT_EQ(waiting.get().text, "come");
}

TEST(Follower, keeps_the_newest_for_one_who_does_not_read) {
  asio::io_context io;
  History history;
  Follower follower{history, io.get_executor(), {}};
  for (std::size_t i = 0; i <= Follower::kMost; ++i) history.add(event_of("web", std::to_string(i)));
  EXPECT_EQ(run(io, follower.next()).text, "1");
}

}  // namespace
}  // namespace tidegate
