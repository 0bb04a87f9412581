// What systemd is told of the daemon, by sd_notify(3); nothing where it was not started by systemd.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>

namespace tidegate::notify {

void ready();
void reloading();
void stopping();
void status(const std::string& text);

// Keeps the watchdog fed at half its interval, where there is one; ends by cancellation.
[[nodiscard]] boost::asio::awaitable<void> feed_watchdog();

}  // namespace tidegate::notify
