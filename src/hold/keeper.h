// Holds a device for as long as it is to be held, and tries again where another process has not let go of it yet.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/error.h"
#include "hold/device.h"
#include "model/device.h"

namespace tidegate {

struct DeviceStatus {
  DeviceSettings settings;
  bool held = false;
  std::string trouble;        // why it is not, though it is to be held; for people
  std::uint64_t packets = 0;  // discarded since the beginning
};

// What a person should know: it is not to be had, once for each reason; and that it is held again after that.
enum class DeviceNews : std::uint8_t { trouble, held };

class DeviceKeeper {
 public:
  using Tell = std::function<void(DeviceNews, std::string text)>;

  // The device, where it has to be made, lasts until forget(). Nothing is held yet.
  DeviceKeeper(const boost::asio::any_io_executor& executor, DeviceSettings settings, Tell tell);
  ~DeviceKeeper();  // as forget(), where it has ever held the device
  DeviceKeeper(const DeviceKeeper&) = delete;
  DeviceKeeper& operator=(const DeviceKeeper&) = delete;

  // Takes it for the first time, and is to hold it from now on. The error: it will not be had by waiting. Where another
  // process has it, it is tried again soon, and that is told then.
  [[nodiscard]] Result<> take();

  // Whether it is to be held. Let go at once, but perhaps not had at once.
  void hold(bool held);

  // Lets it go for good, and removes it if it was made by a keeper. The error's code is EBUSY where another process
  // holds it; the device is still there then.
  [[nodiscard]] Result<> forget();

  [[nodiscard]] DeviceStatus status() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;  // its other owner: a handler, while it runs
};

}  // namespace tidegate
