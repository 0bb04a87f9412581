// One service of the file.
#pragma once

#include <string>
#include <vector>

#include "config/reader.h"
#include "model/service.h"

namespace tidegate {

// The service that the map describes; what is wrong is told, and the rest is read all the same. What the file leaves
// out has its default, but for the readiness probe: default_ready() wants to know the forwards too.
[[nodiscard]] ServiceSettings read_service(const Value& value);

// Every key a service may have: "name", "wake", "wake.from", "sensors.pcap.filter", …
[[nodiscard]] std::vector<std::string> service_keys();

}  // namespace tidegate
