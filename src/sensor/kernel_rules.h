// The rules of a service as the eBPF program of the sensor `kernel` knows them. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "model/service.h"
#include "sensor/bpf/maps.h"

namespace tidegate {

// All of a gate but where it is watched and what it waits for.
[[nodiscard]] kernel_gate compile_gate(const ServiceSettings& service);

// One of the service's ports, for the gate of that number.
[[nodiscard]] kernel_port compile_port(const ServiceSettings& service, Protocol protocol, std::uint16_t port,
                                       std::uint32_t gate);

struct CompiledNetwork {
  kernel_network network;
  std::uint8_t of = 0;  // KERNEL_WAKE_FROM, … or-ed
};
// The networks of both rules, each once. The kernel looks for the narrowest that holds an address; so each says also
// what the wider ones around it would.
[[nodiscard]] std::vector<CompiledNetwork> compile_networks(const ServiceSettings& service, std::uint32_t gate);

}  // namespace tidegate
