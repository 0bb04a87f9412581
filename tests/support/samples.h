// Samples for the tests of this folder.
#pragma once

#include "model/sample.h"

namespace tidegate::test {

inline IpAddress ip(const char* text) { return IpAddress::parse(text).value(); }

inline Sample tcp_sample(const char* from, std::uint16_t from_port, const char* to, std::uint16_t to_port,
                         std::uint8_t flags) {
  Sample sample;
  sample.flow = {{ip(from), from_port}, {ip(to), to_port}, Protocol::tcp};
  sample.tcp_flags = flags;
  sample.bytes = 60;
  return sample;
}

inline Sample udp_sample(const char* from, std::uint16_t from_port, const char* to, std::uint16_t to_port,
                         std::uint32_t payload = 20) {
  Sample sample;
  sample.flow = {{ip(from), from_port}, {ip(to), to_port}, Protocol::udp};
  sample.payload = payload;
  sample.bytes = payload + 28;
  return sample;
}

inline Now at(Duration since_start) { return {Instant{since_start}, WallTime{since_start}}; }

}  // namespace tidegate::test
