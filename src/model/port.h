// Protocols and the ports of a service: "udp/8211", "tcp/27000-27015".
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace tidegate {

enum class Protocol : std::uint8_t { other, tcp, udp, icmp, icmp6, arp };

[[nodiscard]] std::string_view to_string(Protocol protocol);  // "tcp", "udp", …

struct PortRange {
  Protocol protocol = Protocol::tcp;  // tcp or udp
  std::uint16_t first = 0;
  std::uint16_t last = 0;  // inclusive

  // "tcp/80", "udp/27000-27015"; ports 1 to 65535, first not above last. The error says what is allowed.
  [[nodiscard]] static Result<PortRange> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;
  [[nodiscard]] bool contains(Protocol p, std::uint16_t port) const {
    return p == protocol && port >= first && port <= last;
  }
  [[nodiscard]] bool overlaps(const PortRange& other) const {
    return protocol == other.protocol && first <= other.last && other.first <= last;
  }
  auto operator<=>(const PortRange&) const = default;
};

}  // namespace tidegate
