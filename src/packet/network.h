// The network layer: IPv4 (RFC 791), IPv6 with its extension headers (RFC 8200), ARP (RFC 826).
#pragma once

#include "packet/rest.h"

namespace tidegate::packet {

// Each reads one packet to its transport header and enters it in `headers`; a fault where it cannot.
[[nodiscard]] Fault read_ipv4(Rest rest, Headers& headers);
[[nodiscard]] Fault read_ipv6(Rest rest, Headers& headers);
[[nodiscard]] Fault read_arp(Rest rest, Headers& headers);

}  // namespace tidegate::packet
