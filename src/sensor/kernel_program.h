// The eBPF program of the sensor `kernel`, loaded, and its maps (bpf/maps.h has their shapes).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "model/address.h"
#include "model/port.h"
#include "sensor/bpf/maps.h"
#include "sensor/kernel_hooks.h"

namespace tidegate {

constexpr Duration kKernelTick = std::chrono::milliseconds{10};  // the longest of Linux (CONFIG_HZ=100)

class KernelProgram {
 public:
  // The error says what the kernel or a missing capability refuses.
  [[nodiscard]] static Result<std::unique_ptr<KernelProgram>> load();
  ~KernelProgram();
  KernelProgram(const KernelProgram&) = delete;
  KernelProgram& operator=(const KernelProgram&) = delete;

  [[nodiscard]] KernelPrograms programs() const;

  // The program's own memory, shared with it: what is written here holds for the next packet.
  [[nodiscard]] kernel_gate& gate(std::uint32_t number);
  [[nodiscard]] kernel_port& port(Protocol protocol, std::uint16_t port);  // of tcp and udp
  void set_own_until(Instant until);

  [[nodiscard]] Result<> put_addressed(Protocol protocol, const Endpoint& endpoint, const kernel_port& port);
  void remove_addressed(Protocol protocol, const Endpoint& endpoint);
  [[nodiscard]] Result<> put_network(const kernel_network& network, std::uint8_t of);
  void remove_network(const kernel_network& network);
  [[nodiscard]] Result<> put_local(const IpAddress& address);
  void remove_local(const IpAddress& address);
  [[nodiscard]] Result<> put_own(Protocol protocol, const Endpoint& endpoint, Instant until);

  struct ClientCount {
    kernel_client client;
    kernel_traffic traffic;
  };
  // Each client in the map, in no order, handed to `each`; for no longer than the call.
  void read_clients(const std::function<void(const ClientCount&)>& each) const;
  void remove_client(const kernel_client& client);

  [[nodiscard]] kernel_counters counters(std::uint32_t gate) const;  // sums, and the latest time
  void clear_counters(std::uint32_t gate);
  [[nodiscard]] kernel_losses losses() const;

  // A descriptor that is readable while packets wait that were handed up; and those, each while `take` runs.
  [[nodiscard]] int descriptor() const;
  [[nodiscard]] Result<> read_events(const std::function<void(const kernel_event&)>& take);

 private:
  struct Impl;
  explicit KernelProgram(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// An address as the maps hold it, and back.
[[nodiscard]] kernel_address to_kernel(const IpAddress& address);
[[nodiscard]] IpAddress from_kernel(const kernel_address& address);

}  // namespace tidegate
