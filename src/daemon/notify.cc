#include "daemon/notify.h"

#include <systemd/sd-daemon.h>

#include <boost/asio.hpp>

#include "observe/clock.h"

namespace tidegate::notify {

namespace asio = boost::asio;

void ready() { ::sd_notify(0, "READY=1"); }
void stopping() { ::sd_notify(0, "STOPPING=1"); }
void status(const std::string& text) { ::sd_notify(0, ("STATUS=" + text).c_str()); }

void reloading() {
  const auto now =
      std::chrono::duration_cast<std::chrono::microseconds>(system_now().instant.time_since_epoch()).count();
  ::sd_notify(0, fmt::format("RELOADING=1\nMONOTONIC_USEC={}", now).c_str());
}

asio::awaitable<void> feed_watchdog() {
  std::uint64_t microseconds = 0;
  if (::sd_watchdog_enabled(0, &microseconds) <= 0) co_return;
  asio::steady_timer timer{co_await asio::this_coro::executor};
  while (true) {
    ::sd_notify(0, "WATCHDOG=1");
    timer.expires_after(std::chrono::microseconds{microseconds / 2});
    co_await timer.async_wait(asio::use_awaitable);
  }
}

}  // namespace tidegate::notify
