// The link layer: Ethernet (IEEE 802.3), VLAN tags (IEEE 802.1Q), Linux cooked captures, BSD loopback, raw IP
// (https://www.tcpdump.org/linktypes.html).
#pragma once

#include <cstdint>
#include <expected>

#include "packet/rest.h"

namespace tidegate::packet {

// Takes the link header and its VLAN tags off and enters them in `headers`. The answer is the EtherType of what
// follows, also where the link type tells it in another way; 0: nothing with an EtherType.
[[nodiscard]] std::expected<std::uint16_t, Reject> read_link(Rest& rest, LinkType link, Headers& headers);

}  // namespace tidegate::packet
