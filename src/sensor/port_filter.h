// The capture filter for services that name ports.
#pragma once

#include <span>
#include <string>

#include "model/port.h"
#include "packet/decode.h"

namespace tidegate {

// A filter in tcpdump syntax for that link type that passes every packet to or from one of these ports: under up to two
// VLAN tags, whether the kernel has taken the outer one off or not, and behind IPv6 extension headers. Of the rest it
// passes as little as a bounded program can tell: it is a sieve in the kernel, the router decides. With many ports
// (beyond some 250, or 30 under a tag that the kernel leaves in place) neighbours become one range, so that the kernel
// takes the program whatever their number. At least one port; tcp and udp only.
[[nodiscard]] std::string port_filter(std::span<const PortRange> ports, packet::LinkType link);

}  // namespace tidegate
