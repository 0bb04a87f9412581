// Which service a sample is for: hundreds of services on one sensor, one look-up a packet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_set>
#include <vector>

#include "model/sample.h"
#include "model/service.h"

namespace tidegate {

class Router {
 public:
  // The services in the order of their index. Their ports do not overlap on one address (the configuration checked it).
  explicit Router(std::span<const ServiceSettings> services);

  // This host's own addresses; a service without addresses takes samples to these only (and to broadcast and multicast
  // addresses). Never called: to any address.
  void set_local(const std::vector<IpAddress>& addresses);

  struct Match {
    std::size_t service;  // index
    Direction direction;  // as that service sees it
  };
  // The service among whose ports the destination (in) or the source (out) is; a sample from a local client to a local
  // service is `in`, its answer `out`. None: nobody's.
  [[nodiscard]] std::optional<Match> route(const Sample& sample) const;

 private:
  struct Entry {
    PortRange ports;
    std::size_t service = 0;
    std::vector<IpAddress> addresses;  // empty: any of this host's
  };
  [[nodiscard]] std::optional<std::size_t> find(Protocol protocol, const Endpoint& endpoint, Cast cast) const;
  [[nodiscard]] bool is_for(const Entry& entry, const IpAddress& address, Cast cast) const;

  std::vector<Entry> entries_;  // by protocol and first port
  std::uint32_t widest_ = 0;    // ports in the widest range
  std::unordered_set<IpAddress> local_;
  bool knows_local_ = false;
};

}  // namespace tidegate
