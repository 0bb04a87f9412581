// Sensor `kernel`: an eBPF program counts by port in the kernel, and hands up only the packet that is to wake a
// service.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "meter/clients.h"
#include "model/address.h"
#include "model/port.h"
#include "model/service.h"
#include "sensor/kernel_hooks.h"
#include "sensor/sensor.h"

namespace tidegate {

struct KernelSettings {
  KernelHook hook = KernelHook::tcx;  // clsact where the kernel has no tcx
};

// What was counted of one service since it is watched.
struct CountedTraffic {
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::vector<Client> clients;  // the latest first; one that was silent for long may be forgotten
};

class KernelSensor {
 public:
  // A packet that may wake `service`; `sensor` is its interface's name, "kernel on eth0".
  using Sink = std::function<void(const std::string& service, const std::string& sensor, const Sample&, const Frame&)>;

  // The error: the kernel is too old, or a capability is missing.
  [[nodiscard]] static Result<std::unique_ptr<KernelSensor>> open(boost::asio::any_io_executor executor,
                                                                  KernelSettings settings, Sink sink);
  ~KernelSensor();
  KernelSensor(const KernelSensor&) = delete;
  KernelSensor& operator=(const KernelSensor&) = delete;

  // Removes what a tidegate that was killed left behind on this host's interfaces (a kernel before 6.6 keeps it).
  static void forget_hooks() { KernelHooks::forget(); }

  // Watches the ports of these services (each must be one that needs no packet handed over, and no two may share a port
  // and address), which are taken to be asleep; those it watched already keep what was counted and how they are. On an
  // error, a map that is full, none is watched any more.
  [[nodiscard]] Result<> watch(const std::vector<ServiceSettings>& services);

  // This host's own addresses, to which a service without addresses listens.
  void set_local(const std::vector<IpAddress>& addresses);

  // Tidegate itself speaks from there until then: such packets do not count. An unknown or unspecified address: any.
  void set_own(Protocol protocol, const Endpoint& endpoint, Instant until);

  // True: hand up what would wake the service. False: it is awake, and a packet costs nobody a wake-up.
  void set_listening(const std::string& service, bool listening);

  // When a packet last renewed the service, or up to kKernelTick before that; none: none did, or it is not watched
  // here.
  [[nodiscard]] std::optional<Instant> renewed(const std::string& service) const;

  // None: it is not watched here.
  [[nodiscard]] std::optional<CountedTraffic> counted(const std::string& service) const;

  [[nodiscard]] SensorStatus status() const;

 private:
  struct Impl;
  explicit KernelSensor(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;  // its other owner: a handler, while it runs
};

}  // namespace tidegate
