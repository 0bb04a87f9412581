// Several coroutines side by side until the first of them ends.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <exception>
#include <utility>
#include <variant>

namespace tidegate::console {

// What the part threw, as a value: the operator || would wait on for a part that ends well.
inline boost::asio::awaitable<std::exception_ptr> outcome_of(boost::asio::awaitable<void> part) {
  try {
    co_await std::move(part);
  } catch (...) {
    co_return std::current_exception();
  }
  co_return nullptr;
}

// Completes when the first part has ended and the others, which are cancelled then, too. Throws what the first threw.
template <class... Parts>
boost::asio::awaitable<void> until_first(Parts... parts) {
  using namespace boost::asio::experimental::awaitable_operators;
  const auto first = co_await (... || outcome_of(std::move(parts)));
  std::visit(
      [](const std::exception_ptr& thrown) {
        if (thrown) std::rethrow_exception(thrown);
      },
      first);
}

}  // namespace tidegate::console
