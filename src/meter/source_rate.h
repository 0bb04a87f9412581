// "N packets in M seconds from one source", in bounded memory whatever strangers send.
#pragma once

#include <cstddef>
#include <deque>
#include <list>
#include <unordered_map>

#include "base/time.h"
#include "model/address.h"
#include "model/service.h"

namespace tidegate {

class SourceRate {
 public:
  static constexpr std::size_t kMostSources = 4096;
  static constexpr std::size_t kMostPackets = 1000;  // what the configuration allows for N

  // At least one packet and at most kMostPackets; `within` above zero.
  explicit SourceRate(PacketRate rate);

  // Counts a packet of `source` at `at`; true when this makes `packets` of them within the last `within`.
  // Past kMostSources the source silent for longest is forgotten.
  bool add(const IpAddress& source, Instant at);

  [[nodiscard]] std::size_t sources() const { return sources_.size(); }

 private:
  struct Source {
    IpAddress address;
    std::deque<Instant> packets;  // the last ones, at most rate_.packets
  };

  PacketRate rate_;
  std::list<Source> sources_;  // the latest heard first
  std::unordered_map<IpAddress, std::list<Source>::iterator> by_address_;
};

}  // namespace tidegate
