#include "daemon/tasks.h"

#include <algorithm>
#include <boost/asio.hpp>
#include <exception>

#include "base/log.h"

namespace tidegate {

namespace asio = boost::asio;

void Tasks::spawn(std::string name, asio::awaitable<void> task) {
  const auto place = tasks_.emplace(tasks_.end());
  place->name = std::move(name);
  asio::co_spawn(executor_, std::move(task),
                 asio::bind_cancellation_slot(place->stop.slot(), [this, place](const std::exception_ptr& error) {
                   try {
                     if (error) std::rethrow_exception(error);
                   } catch (const boost::system::system_error& e) {
                     if (e.code() != asio::error::operation_aborted) log::error("task {}: {}", place->name, e.what());
                   } catch (const std::exception& e) {
                     log::error("task {}: {}", place->name, e.what());
                   }
                   tasks_.erase(place);
                   if (tasks_.empty()) empty_.cancel();
                 }));
}

template <class Which>
void Tasks::cancel_if(Which which) {
  for (auto task = tasks_.begin(); task != tasks_.end();) {
    const auto current = task++;  // a task may end, and leave the list, while it is told
    if (which(*current)) current->stop.emit(asio::cancellation_type::terminal);
  }
}

void Tasks::cancel() {
  cancel_if([](const Task&) { return true; });
}

void Tasks::cancel_named(std::initializer_list<std::string_view> names) {
  cancel_if([&](const Task& task) { return std::ranges::find(names, task.name) != names.end(); });
}

asio::awaitable<void> Tasks::join() {
  while (!tasks_.empty()) {
    empty_.expires_at(asio::steady_timer::time_point::max());
    co_await empty_.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

}  // namespace tidegate
