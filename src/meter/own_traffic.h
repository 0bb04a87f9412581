// The endpoints that tidegate's own probes speak from, so that they neither wake nor renew.
#pragma once

#include <cstddef>
#include <deque>

#include "base/time.h"
#include "model/sample.h"

namespace tidegate {

class OwnTraffic {
 public:
  static constexpr std::size_t kMost = 1024;                     // past it the oldest is forgotten
  static constexpr Duration kLinger = std::chrono::seconds{30};  // late packets of a closed probe are still ours

  // A probe speaks from this endpoint from now on; the address may be unknown (the port decides then).
  void add(Protocol protocol, Endpoint endpoint, Instant now);

  // True when the sample's source or destination is a probe of ours, seen within kLinger of its registration.
  [[nodiscard]] bool covers(const Sample& sample) const;

 private:
  struct Entry {
    Protocol protocol;
    Endpoint endpoint;
    Instant added;
  };
  std::deque<Entry> entries_;
};

}  // namespace tidegate
