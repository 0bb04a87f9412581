// The transport layer: TCP (RFC 9293), UDP (RFC 768), ICMP (RFC 792), ICMPv6 (RFC 4443).
#pragma once

#include "packet/rest.h"

namespace tidegate::packet {

struct Fragment {
  bool more = false;   // others follow
  bool later = false;  // others come before it
};

// Reads the header of headers.next_header, with which `rest` begins and which ends where the IP packet does.
[[nodiscard]] Fault read_transport(Rest rest, Fragment fragment, Headers& headers);

}  // namespace tidegate::packet
