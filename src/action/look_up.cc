#include "action/look_up.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <optional>
#include <utility>

namespace tidegate {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr std::size_t kMostAddresses = 8;  // of a name

using Addresses = std::vector<asio::ip::address>;

// A look-up in progress. Shared by the coroutine that waits for it and the resolver's thread, which cannot be called
// back from the middle of a look-up: the coroutine may give up first.
struct Lookup {
  explicit Lookup(const asio::any_io_executor& executor)
      : resolver{executor}, done{executor, asio::steady_timer::time_point::max()} {}
  tcp::resolver resolver;
  asio::steady_timer done;  // never expires: cancelled when the answer is there
  std::optional<Result<Addresses>> answer;
};

}  // namespace

asio::awaitable<Result<Addresses>> look_up(std::string host) {
  boost::system::error_code not_numeric;
  const auto address = asio::ip::make_address(host, not_numeric);
  if (!not_numeric) co_return Addresses{address};
  const auto lookup = std::make_shared<Lookup>(co_await asio::this_coro::executor);
  struct GiveUp {
    Lookup& lookup;
    ~GiveUp() { lookup.resolver.cancel(); }
  } const at_the_end{*lookup};
  lookup->resolver.async_resolve(
      host, "", [lookup, host](const boost::system::error_code& error, const tcp::resolver::results_type& results) {
        if (error) {
          lookup->answer = failure("look up {}: {}", host, error.message());
        } else {
          Addresses addresses;
          for (const auto& entry : results) {
            if (addresses.size() < kMostAddresses) addresses.push_back(entry.endpoint().address());
          }
          lookup->answer = std::move(addresses);
        }
        lookup->done.cancel();
      });
  while (!lookup->answer) {
    // Throws when it begins anew after a cancellation.
    co_await lookup->done.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  co_return std::move(*lookup->answer);
}

}  // namespace tidegate
