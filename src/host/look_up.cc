#include "host/look_up.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <memory>
#include <optional>
#include <utility>

#include "base/units.h"
#include "host/within.h"

namespace tidegate {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

using Addresses = std::vector<asio::ip::address>;

// A look-up in progress. Shared by the coroutine that waits for it and the resolver's thread, which cannot be called
// back from the middle of a look-up: the coroutine may give up first.
struct Lookup {
  Lookup(const asio::any_io_executor& executor, Duration limit) : resolver{executor}, done{executor, limit} {}
  tcp::resolver resolver;
  asio::steady_timer done;  // cancelled when the answer is there
  std::optional<Result<Addresses>> answer;
};

}  // namespace

asio::awaitable<Result<Addresses>> look_up(std::string host, Duration limit, std::size_t most) {
  boost::system::error_code not_numeric;
  const auto address = asio::ip::make_address(host, not_numeric);
  if (!not_numeric) co_return Addresses{address};
  const auto lookup = std::make_shared<Lookup>(co_await asio::this_coro::executor, limit);
  struct GiveUp {
    Lookup& lookup;
    ~GiveUp() { lookup.resolver.cancel(); }
  } const at_the_end{*lookup};
  lookup->resolver.async_resolve(
      host, "",
      [lookup, host, most](const boost::system::error_code& error, const tcp::resolver::results_type& results) {
        if (error) {
          lookup->answer = failure("look up {}: {}", host, error.message());
        } else {
          Addresses addresses;
          for (const auto& entry : results) {
            if (addresses.size() < most) addresses.push_back(entry.endpoint().address());
          }
          lookup->answer = std::move(addresses);
        }
        lookup->done.cancel();
      });
  while (!lookup->answer) {
    const auto [cancelled] = co_await lookup->done.async_wait(kAsTuple);  // throws when begun anew after a cancellation
    if (!cancelled) co_return failure("look up {}: no answer within {}", host, format_duration(limit));
  }
  co_return std::move(*lookup->answer);
}

IpAddress ip_address_of(const asio::ip::address& address) {
  if (address.is_v4()) return IpAddress::v4(std::span<const std::uint8_t, 4>{address.to_v4().to_bytes()});
  return IpAddress::v6(std::span<const std::uint8_t, 16>{address.to_v6().to_bytes()});
}

}  // namespace tidegate
