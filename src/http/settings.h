// What an HttpReader is told: which traffic is meant, and how much it may remember of it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/time.h"
#include "model/address.h"

namespace tidegate {

struct HttpReaderSettings {
  std::vector<std::uint16_t> ports;  // of the servers; empty: any, whichever side sends requests is the client
  std::optional<IpAddress> address;  // of the servers; none: any

  std::size_t connections = 65'536;     // past it the one silent for longest is forgotten
  std::size_t stream_bytes = 262'144;   // kept out of order, for one direction of a connection
  std::size_t head_bytes = 65'536;      // a longer head is passed over
  std::size_t held_bytes = 67'108'864;  // of all connections: out of order, unfinished heads, long queues of requests
  Duration gap = std::chrono::seconds{2};      // of packet time: then a missing segment will not come any more
  Duration idle = std::chrono::minutes{5};     // of packet time: a connection without packets leaves
  Duration linger = std::chrono::seconds{10};  // a closed one is remembered, so that its late copies are known
  std::uint64_t seed = 0;  // random, where strangers send: it keeps them from filling one place of the table
};

}  // namespace tidegate
