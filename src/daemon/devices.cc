#include "daemon/devices.h"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>

#include "base/log.h"
#include "observe/clock.h"

namespace tidegate {

namespace asio = boost::asio;

namespace {

// What was stopped may need a moment to let go of its device.
constexpr auto kLookAtDevice = std::chrono::milliseconds{50};
constexpr auto kWaitForDevice = std::chrono::seconds{1};

}  // namespace

Result<Devices::Keepers> Devices::prepare(const Config& config) {
  Keepers next;
  for (const auto& service : config.services) {
    if (!service.device) continue;
    auto& place = next[service.name];
    const auto old = keepers_.find(service.name);
    if (old != keepers_.end() && old->second->status().settings == *service.device) continue;
    place = std::make_unique<DeviceKeeper>(
        executor_, *service.device, [this, name = service.name](DeviceNews news, std::string text) {
          const auto kind = news == DeviceNews::held ? EventKind::held : EventKind::trouble;
          hooks_.tell({.at = system_now().wall, .service = name, .kind = kind, .text = std::move(text)});
        });
    // One that is held here for another service, or in another mode, is to be had only when that is given up.
    const bool ours = std::ranges::any_of(
        keepers_, [&](const auto& keeper) { return keeper.second->status().settings.name == service.device->name; });
    if (ours || !hooks_.rests(service.name)) continue;
    if (auto taken = place->take(); !taken) return failure("service {}: device: {}", service.name, taken.error().what);
  }
  return next;
}

Devices::Keepers Devices::commit(Keepers next) {
  Keepers gone;
  for (auto& [service, keeper] : keepers_) {
    const auto same = next.find(service);
    if (same == next.end()) {
      gone[service] = std::move(keeper);
    } else if (!same->second) {
      same->second = std::move(keeper);
    } else if (const auto forgotten = keeper->forget(); !forgotten) {
      log::warn("{}: {}; it stays", service, forgotten.error().what);
    }
  }
  keepers_ = std::move(next);
  for (const auto& [service, keeper] : keepers_) keeper->hold(hooks_.rests(service));
  return gone;
}

void Devices::follow(const std::string& service) {
  if (const auto found = keepers_.find(service); found != keepers_.end()) found->second->hold(hooks_.rests(service));
}

std::optional<DeviceStatus> Devices::status(const std::string& service) const {
  const auto found = keepers_.find(service);
  return found == keepers_.end() ? std::nullopt : std::optional{found->second->status()};
}

asio::awaitable<void> Devices::close() {
  for (auto& [service, keeper] : keepers_) co_await forget(*keeper, hooks_.rests(service));
  keepers_.clear();
}

asio::awaitable<void> Devices::forget(DeviceKeeper& keeper, bool ended) {
  asio::steady_timer timer{co_await asio::this_coro::executor};
  const auto until = system_now().instant + kWaitForDevice;
  while (true) {
    const auto forgotten = keeper.forget();
    if (forgotten) co_return;
    if (!ended || forgotten.error().code != EBUSY || system_now().instant >= until) {
      log::info("{}; it stays", forgotten.error().what);
      co_return;
    }
    timer.expires_after(kLookAtDevice);
    co_await timer.async_wait(asio::use_awaitable);
  }
}

}  // namespace tidegate
