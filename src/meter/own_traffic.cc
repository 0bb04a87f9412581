#include "meter/own_traffic.h"

#include <algorithm>

namespace tidegate {

void OwnTraffic::add(Protocol protocol, Endpoint endpoint, Instant now) {
  while (!entries_.empty() && (entries_.size() >= kMost || now - entries_.front().added > kLinger))
    entries_.pop_front();
  entries_.push_back({protocol, endpoint, now});
}

bool OwnTraffic::covers(const Sample& sample) const {
  // The latest are the likeliest; mostly there are none at all.
  return std::any_of(entries_.rbegin(), entries_.rend(), [&](const Entry& entry) {
    const auto speaks = [&](const Endpoint& end) {
      const auto& [address, port] = entry.endpoint;
      const bool any = !address || std::ranges::all_of(address.bytes(), [](auto byte) { return byte == 0; });
      return port == end.port && (any || address == end.address);
    };
    return entry.protocol == sample.flow.protocol && sample.at.instant - entry.added <= kLinger &&
           (speaks(sample.flow.source) || speaks(sample.flow.destination));
  });
}

}  // namespace tidegate
