// What an operator asks of a service, whoever carries the words: done, and waited for until it is.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/time.h"

namespace tidegate {

class Daemon;
class Service;

// The error names what there is, or the name that was meant.
[[nodiscard]] Result<Service*> service_named(const Daemon& daemon, std::string_view name);

// The moment so many seconds from now; refuses what is no time.
[[nodiscard]] Result<WallTime> keep_until(double seconds, WallTime now);

// Each completes when the service is where it was to go: awake; asleep; awake, or past `until`. The error: there is no
// such service, or why it did not come there. Cancelled, it waits no longer, and undoes nothing.
[[nodiscard]] boost::asio::awaitable<Result<>> start_service(Daemon& daemon, std::string name);
[[nodiscard]] boost::asio::awaitable<Result<>> stop_service(Daemon& daemon, std::string name);
[[nodiscard]] boost::asio::awaitable<Result<>> keep_service(Daemon& daemon, std::string name, WallTime until);

}  // namespace tidegate
