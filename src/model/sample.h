// What a sensor saw, copied by value, and what the meter made of it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/time.h"
#include "model/address.h"
#include "model/port.h"

namespace tidegate {

// As the capturing host saw the frame, or, after the router, as the service sees it: `in` is towards the service.
enum class Direction : std::uint8_t { unknown, in, out };

// The frame's destination, by its link-layer or network address.
enum class Cast : std::uint8_t { unicast, multicast, broadcast };

namespace tcp_flag {  // RFC 9293, section 3.1
inline constexpr std::uint8_t kFin = 0x01, kSyn = 0x02, kRst = 0x04, kPsh = 0x08, kAck = 0x10, kUrg = 0x20;
}  // namespace tcp_flag

struct FlowKey {
  Endpoint source;
  Endpoint destination;
  Protocol protocol = Protocol::other;
  auto operator<=>(const FlowKey&) const = default;
};

struct Sample {
  Now at{};  // when the packet passed
  FlowKey flow;
  Direction direction = Direction::unknown;
  Cast cast = Cast::unicast;
  std::uint8_t tcp_flags = 0;
  std::uint8_t icmp_type = 0;   // of ICMP and ICMPv6
  std::uint32_t bytes = 0;      // from the network header on
  std::uint32_t payload = 0;    // behind the TCP or UDP header
  std::uint32_t interface = 0;  // index of the interface, 0 where the sensor does not know
};

// What a sample means to a gate: wakes it, renews its idle time without waking it, or nothing.
enum class Class : std::uint8_t { ignore, keep, wake };

[[nodiscard]] constexpr const char* to_string(Class c) {
  return c == Class::wake ? "wake" : c == Class::keep ? "keep" : "ignore";
}

// "UDP 203.0.113.7:50311 → 192.0.2.10:8211, 148 bytes"; what has no ports is named without them.
[[nodiscard]] std::string describe(const Sample& sample);
// The same, its ends called so.
[[nodiscard]] std::string describe(const Sample& sample, std::string_view source, std::string_view destination);

// Whether the protocol has ports, and the ends of its flows are told with them.
[[nodiscard]] constexpr bool has_ports(Protocol protocol) {
  return protocol == Protocol::tcp || protocol == Protocol::udp;
}

// The two sides of the flow, whichever way the packet goes.
[[nodiscard]] inline const Endpoint& client_of(const Sample& sample) {
  return sample.direction == Direction::out ? sample.flow.destination : sample.flow.source;
}
[[nodiscard]] inline const Endpoint& service_of(const Sample& sample) {
  return sample.direction == Direction::out ? sample.flow.source : sample.flow.destination;
}

// One sample as one service's meter read it.
struct Reading {
  Sample sample;
  Class meaning = Class::ignore;
};

}  // namespace tidegate
