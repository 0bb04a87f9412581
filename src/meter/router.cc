#include "meter/router.h"

#include <algorithm>
#include <tuple>

namespace tidegate {

Router::Router(std::span<const ServiceSettings> services) {
  for (std::size_t i = 0; i < services.size(); ++i) {
    for (const auto& ports : services[i].ports) {
      entries_.push_back({ports, i, services[i].addresses});
      widest_ = std::max<std::uint32_t>(widest_, ports.last - ports.first + 1U);
    }
  }
  std::ranges::sort(entries_, {}, [](const Entry& entry) {
    return std::tuple{entry.ports.protocol, entry.ports.first, entry.service};
  });
}

void Router::set_local(const std::vector<IpAddress>& addresses) {
  local_ = {addresses.begin(), addresses.end()};
  knows_local_ = true;
}

bool Router::is_for(const Entry& entry, const IpAddress& address, Cast cast) const {
  if (!entry.addresses.empty()) return std::ranges::find(entry.addresses, address) != entry.addresses.end();
  return !knows_local_ || cast != Cast::unicast || local_.contains(address) || address.is_loopback();
}

std::optional<std::size_t> Router::find(Protocol protocol, const Endpoint& endpoint, Cast cast) const {
  // Back from the first entry that begins behind the port, as far as the widest range could still reach it.
  auto entry = std::ranges::upper_bound(entries_, std::tuple{protocol, endpoint.port}, {},
                                        [](const Entry& e) { return std::tuple{e.ports.protocol, e.ports.first}; });
  while (entry != entries_.begin()) {
    --entry;
    if (entry->ports.protocol != protocol || endpoint.port - entry->ports.first >= static_cast<int>(widest_)) break;
    if (entry->ports.contains(protocol, endpoint.port) && is_for(*entry, endpoint.address, cast)) return entry->service;
  }
  return std::nullopt;
}

std::optional<Router::Match> Router::route(const Sample& sample) const {
  const auto protocol = sample.flow.protocol;
  if (protocol != Protocol::tcp && protocol != Protocol::udp) return std::nullopt;
  if (const auto to = find(protocol, sample.flow.destination, sample.cast)) return Match{*to, Direction::in};
  if (const auto from = find(protocol, sample.flow.source, Cast::unicast)) return Match{*from, Direction::out};
  return std::nullopt;
}

}  // namespace tidegate
