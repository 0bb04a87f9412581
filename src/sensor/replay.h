// Sensor `replay`: a pcap or pcapng savefile, driven by the packets' own time.
#pragma once

#include <functional>
#include <string>

#include "base/error.h"
#include "sensor/sensor.h"

namespace tidegate {

struct ReplayCount {
  std::uint64_t packets = 0;
  std::uint64_t rejected = 0;  // not understood
};

// Reads the savefile ("-": standard input) from its first packet to its last and calls the sink for each one that the
// filter passes. Time is the packets': both clocks of Now::at run with it (Instant's epoch is the Unix epoch here) and
// never backwards: a packet older than the one before it is given that one's time. A savefile cut short gives what it
// has, then the error. What has been read is added to `count`, packet by packet, before the sink is called. `ends` is
// asked at each packet, also at those that do not pass: true ends it.
[[nodiscard]] Result<> replay(const std::string& path, const std::string& filter, ReplayCount& count,
                              const SampleSink& sink, const std::function<bool()>& ends = {});

}  // namespace tidegate
