// Which endpoints are servers that somebody watches.
#pragma once

#include <bitset>
#include <optional>
#include <vector>

#include "model/address.h"

namespace tidegate {

class ServerFilter {
 public:
  // No ports: all of them; no address: any.
  ServerFilter(const std::vector<std::uint16_t>& ports, const std::optional<IpAddress>& address) : address_{address} {
    if (ports.empty()) ports_.set();
    for (const auto port : ports) ports_.set(port);
  }

  [[nodiscard]] bool matches(const IpAddress& address, std::uint16_t port) const {
    return ports_.test(port) && (!address_ || *address_ == address);
  }
  // Whether a port is enough to tell a server from its clients.
  [[nodiscard]] bool by_port() const { return !ports_.all(); }
  [[nodiscard]] bool matches(const Endpoint& server) const { return matches(server.address, server.port); }

 private:
  std::bitset<65'536> ports_;
  std::optional<IpAddress> address_;
};

}  // namespace tidegate
