// Every key that the file may have, for documents and their tests.
#pragma once

#include <string>
#include <vector>

namespace tidegate {

// From the tables that read the file: "log.level", "services.wake.from", "services.sensors.pcap.filter", …
[[nodiscard]] std::vector<std::string> known_keys();

}  // namespace tidegate
