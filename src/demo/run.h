// The demo server and the demo load from their begin to their end, which SIGINT and SIGTERM may bring early: what the
// commands and the older tools' names have in common. Each call takes these two signals over, for the whole process.
#pragma once

#include <functional>
#include <string_view>

#include "base/error.h"
#include "demo/load.h"
#include "demo/server.h"
#include "model/forward.h"

namespace tidegate::demo {

// Serves until it is told to end. `on_ready` is given the port. The error is that of Server::start().
[[nodiscard]] Result<ServerCounts> serve(const ServerSettings& settings,
                                         const std::function<void(std::uint16_t port)>& on_ready);

// Looks the target's name up (getaddrinfo(3)), IPv4 before IPv6; the target and the host of `settings` are its. It is
// one host and port.
[[nodiscard]] Result<> aim(LoadSettings& settings, const Target& target);

struct LoadWatchers {
  std::function<void(std::string_view payload)> on_answer;                // as Load's
  std::function<void(const LoadReport& report, Duration since)> on_tick;  // five times a second; empty: not wanted
};

// Sends until the profile has ended. The error is one of starting.
[[nodiscard]] Result<LoadReport> load(const LoadSettings& settings, const LoadWatchers& watchers);

}  // namespace tidegate::demo
