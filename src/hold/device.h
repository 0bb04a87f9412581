// A tun or tap device held open, so that the interface is there, is up and can be captured on while no other process
// has it: what arrives is read and discarded (Documentation/networking/tuntap.rst of the kernel).
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "base/error.h"
#include "hold/link.h"
#include "model/device.h"

namespace tidegate {

// Whether a device that has to be made outlives the one who holds it.
enum class Lasting : std::uint8_t {
  no,   // it goes when it is let go, as the kernel has it by default
  yes,  // it stays, with its addresses and routes, until forget_device(); and says in its alias who made it
};

struct DeviceHooks {
  std::function<void(std::span<const std::uint8_t> packet)> packet;  // each that is discarded; empty: nobody asks
  std::function<void(const Error&)> lost;                            // the device is gone; it may destroy the Device
};

class Device {
 public:
  // Takes the device, which is made where there is none, and sets it up. One that was there before it, persistent,
  // stays what it is. The error says who stands in the way; its code is EBUSY where another process holds the device.
  [[nodiscard]] static Result<std::unique_ptr<Device>> open(const boost::asio::any_io_executor& executor,
                                                            const DeviceSettings& settings, Lasting lasting,
                                                            DeviceHooks hooks);
  ~Device();  // lets it go
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  [[nodiscard]] std::uint64_t packets() const;  // read and discarded

 private:
  struct Impl;
  explicit Device(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;  // its other owner: a handler, while it runs
};

// Removes a device that open() made to last, be it long ago in another process, unless somebody holds it (EBUSY). One
// that others made, or none, is left as it is.
[[nodiscard]] Result<> forget_device(const DeviceSettings& settings);

// The error where the kernel refused the device with that errno, `there` being what has its name already.
[[nodiscard]] Error refusal(int code, const DeviceSettings& settings, const std::optional<Link>& there);

}  // namespace tidegate
