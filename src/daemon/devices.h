// The tun and tap devices of services, held while these sleep, so that a capture on them sees what would wake the
// service; let go for as long as it runs, so that it can take them. Control thread only.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "config/config.h"
#include "hold/keeper.h"
#include "model/event.h"

namespace tidegate {

class Devices {
 public:
  struct Hooks {
    std::function<void(Event)> tell;
    std::function<bool(const std::string& service)> rests;  // it neither runs nor is about to; also when it is unknown
  };
  using Keepers = std::map<std::string, std::unique_ptr<DeviceKeeper>>;  // by service

  Devices(boost::asio::any_io_executor executor, Hooks hooks)
      : executor_{std::move(executor)}, hooks_{std::move(hooks)} {}

  // What is to be held for this configuration, as a difference: an empty place stands for a keeper that goes on. New
  // devices are taken here, or the error says why that will never do. Dropped, everything is as it was.
  [[nodiscard]] Result<Keepers> prepare(const Config& config);

  // From now on these. Gives back those of services that are no more: to be forgotten when these have ended.
  Keepers commit(Keepers next);

  // The service has come to rest, or is about to start.
  void follow(const std::string& service);

  [[nodiscard]] std::optional<DeviceStatus> status(const std::string& service) const;

  // Lets all go and removes those that were made here, but for what a service that runs on has taken.
  [[nodiscard]] boost::asio::awaitable<void> close();

  // Removes the device of a service that has ended, which may be about to let it go.
  [[nodiscard]] static boost::asio::awaitable<void> forget(DeviceKeeper& keeper, bool ended);

 private:
  boost::asio::any_io_executor executor_;
  Hooks hooks_;
  Keepers keepers_;
};

}  // namespace tidegate
