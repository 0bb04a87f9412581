// Samples in words, as they may leave: the client's end under its pseudonym, the service's end as it is.
#pragma once

#include <string>

#include "model/sample.h"
#include "privacy/pseudonyms.h"

namespace tidegate {

struct ShownEnds {
  std::string source;
  std::string destination;
};

// "203.0.113.7", "192.0.2.10".
[[nodiscard]] ShownEnds shown_addresses(const Sample& sample, const Pseudonyms& names);

// "203.0.113.7:50311", "192.0.2.10:8211".
[[nodiscard]] ShownEnds shown_endpoints(const Sample& sample, const Pseudonyms& names);

// As describe(sample) (model/sample.h).
[[nodiscard]] std::string describe(const Sample& sample, const Pseudonyms& names);

}  // namespace tidegate
