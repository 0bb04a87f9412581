// Samples in words, as they may leave: the client's end always under its pseudonym, the service's end as it is only
// where its address is known to be the service's. Of a packet that is only forwarded here either end is a stranger.
#pragma once

#include <functional>
#include <string>

#include "model/sample.h"
#include "privacy/pseudonyms.h"

namespace tidegate {

// Whether an address is the service's or this host's own, and no stranger's. Never empty.
using IsOwn = std::function<bool(const IpAddress&)>;

struct ShownEnds {
  std::string source;
  std::string destination;
};

// "203.0.113.7", "192.0.2.10".
[[nodiscard]] ShownEnds shown_addresses(const Sample& sample, const Pseudonyms& names, const IsOwn& own);

// "203.0.113.7:50311", "192.0.2.10:8211".
[[nodiscard]] ShownEnds shown_endpoints(const Sample& sample, const Pseudonyms& names, const IsOwn& own);

// As describe(sample) (model/sample.h).
[[nodiscard]] std::string describe(const Sample& sample, const Pseudonyms& names, const IsOwn& own);

}  // namespace tidegate
