#include "daemon/kernel_choice.h"

#include <algorithm>

namespace tidegate {
namespace {

bool share_a_port(const ServiceSettings& a, const ServiceSettings& b) {
  return std::ranges::any_of(a.ports, [&](const PortRange& own) {
    return std::ranges::any_of(b.ports, [&](const PortRange& other) { return own.overlaps(other); });
  });
}

bool share_an_address(const ServiceSettings& a, const ServiceSettings& b) {
  if (a.addresses.empty() || b.addresses.empty()) return true;
  return std::ranges::find_first_of(a.addresses, b.addresses) != a.addresses.end();
}

}  // namespace

std::vector<ServiceSettings> kernel_choice(const Config& config) {
  std::vector<ServiceSettings> chosen;
  for (const auto& service : config.services) {
    if (service.ports.empty() || service.sensor == PortSensor::pcap || !needs_each_packet(service).empty()) continue;
    const bool taken = std::ranges::any_of(chosen, [&](const ServiceSettings& earlier) {
      return share_a_port(service, earlier) && share_an_address(service, earlier);
    });
    if (!taken) chosen.push_back(service);
  }
  return chosen;
}

}  // namespace tidegate
