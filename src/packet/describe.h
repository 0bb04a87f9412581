// A packet in the words of tuninetd's log.
#pragma once

#include <string>
#include <vector>

#include "packet/decode.h"

namespace tidegate::packet {

// "IPv4 192.168.1.1 > 13.107.42.14, NXT_HDR: 0x06 (TCP)"; "ARP 192.0.2.1 > 192.0.2.2"; of others the EtherType.
[[nodiscard]] std::string describe_network(const Headers& headers);

// "MAC: f4:6d:04:64:11:24 > 33:33:00:00:00:02, 802.1Q VID: 3, EtherType: 0x86DD (IPv6)"; the outer of two tags comes
// first, as "QinQ VID: 100". "-" stands for the address that a cooked header leaves out; empty where the link has none.
[[nodiscard]] std::string describe_link(const Headers& headers);

// The same as the lines of its log: "|- IPv4 …" and, where the link has addresses, "|- MAC: …".
[[nodiscard]] std::vector<std::string> describe_lines(const Headers& headers);

}  // namespace tidegate::packet
