// See kernel_rules.h.
#include "sensor/kernel_rules.h"

#include <algorithm>
#include <tuple>

namespace tidegate {
namespace {

constexpr std::uint32_t kPrefixOfKey = 64;  // the gate and the family, which stand before the address

static_assert(KERNEL_BROADCAST == static_cast<int>(Noise::broadcast));
static_assert(KERNEL_MULTICAST == static_cast<int>(Noise::multicast));
static_assert(KERNEL_RST == static_cast<int>(Noise::rst));

kernel_rule compile_rule(const SampleRule& rule) {
  const unsigned both = 1U << KERNEL_IN | 1U << KERNEL_OUT;
  const unsigned ways = !rule.direction || *rule.direction == Direction::unknown ? both
                        : *rule.direction == Direction::in                       ? 1U << KERNEL_IN
                                                                                 : 1U << KERNEL_OUT;
  kernel_rule compiled{};
  compiled.ways = static_cast<std::uint8_t>(ways);
  compiled.flags_set = rule.flags.set;
  compiled.flags_clear = rule.flags.clear;
  compiled.ack_only = rule.ack_only ? 1 : 0;
  compiled.also = rule.also;
  compiled.min_bytes = rule.min_bytes;
  return compiled;
}

bool counts_for(const SampleRule& rule, Protocol protocol, std::uint16_t port) {
  return rule.ports.empty() ||
         std::ranges::any_of(rule.ports, [&](const PortRange& ports) { return ports.contains(protocol, port); });
}

// A network, and of which rules it is by itself.
struct Source {
  Cidr network;
  std::uint8_t of;
};

std::vector<Source> sources_of(const ServiceSettings& service) {
  std::vector<Source> sources;
  const auto add = [&](const std::vector<Cidr>& networks, int of) {
    for (const auto& network : networks) sources.push_back({network, static_cast<std::uint8_t>(of)});
  };
  add(service.wake.from, KERNEL_WAKE_FROM);
  add(service.wake.not_from, KERNEL_WAKE_NOT_FROM);
  add(service.keep.from, KERNEL_KEEP_FROM);
  add(service.keep.not_from, KERNEL_KEEP_NOT_FROM);
  return sources;
}

bool is_inside(const Cidr& inner, const Cidr& outer) {
  return inner.prefix() >= outer.prefix() && outer.contains(inner.network());
}

}  // namespace

kernel_gate compile_gate(const ServiceSettings& service) {
  kernel_gate gate{};
  gate.wake = compile_rule(service.wake);
  gate.keep = compile_rule(service.keep);
  for (const auto& source : sources_of(service)) gate.from |= source.of;
  return gate;
}

kernel_port compile_port(const ServiceSettings& service, Protocol protocol, std::uint16_t port, std::uint32_t gate) {
  const int flags = (service.addresses.empty() ? 0 : KERNEL_PORT_ADDRESSED) |
                    (counts_for(service.wake, protocol, port) ? KERNEL_PORT_WAKES : 0) |
                    (counts_for(service.keep, protocol, port) ? KERNEL_PORT_KEEPS : 0);
  return {.gate = static_cast<std::uint16_t>(gate + 1), .flags = static_cast<std::uint8_t>(flags), .pad = 0};
}

std::vector<CompiledNetwork> compile_networks(const ServiceSettings& service, std::uint32_t gate) {
  const auto sources = sources_of(service);
  std::vector<CompiledNetwork> compiled;
  for (const auto& [network, own] : sources) {
    CompiledNetwork entry{};
    for (const auto& outer : sources) {
      if (is_inside(network, outer.network)) entry.of |= outer.of;
    }
    entry.network.prefix = kPrefixOfKey + network.prefix();
    entry.network.gate = gate;
    entry.network.family = network.network().is_v4() ? 4 : 6;
    std::ranges::copy(network.network().bytes(), entry.network.bytes);
    const auto same = [&](const CompiledNetwork& other) {
      return other.network.prefix == entry.network.prefix && other.network.family == entry.network.family &&
             std::ranges::equal(other.network.bytes, entry.network.bytes);
    };
    if (std::ranges::none_of(compiled, same)) compiled.push_back(entry);
  }
  return compiled;
}

}  // namespace tidegate
