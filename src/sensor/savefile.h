// Packets appended to a classic pcap savefile with Ethernet frames, as tuninetd's -w: tcpdump and tshark read it.
#pragma once

#include <string>

#include "base/error.h"
#include "base/time.h"
#include "sensor/sensor.h"

namespace tidegate {

// Appends one packet, whole or not at all (one write); a file that does not exist or is empty is begun (0640). A packet
// without an Ethernet header gets a synthetic one (zero addresses, its EtherType). An existing file that is no classic
// pcap savefile of Ethernet frames is an error and is left alone.
[[nodiscard]] Result<> append_to_savefile(const std::string& path, const Frame& frame, WallTime at);

}  // namespace tidegate
