// What hides addresses, as the key `privacy` of a configuration says.
#pragma once

#include <cstdint>
#include <vector>

#include "base/error.h"
#include "config/config.h"
#include "privacy/pseudonyms.h"

namespace tidegate {

struct Hiding {
  std::vector<std::uint8_t> key;  // empty where nothing is to be hidden
  Pseudonyms names;
};

// Reads the key file where anything is to be hidden, be it the sources of one tally. The error begins with
// "privacy.key_file", and never shows the key.
[[nodiscard]] Result<Hiding> hiding_of(const Config& config);

}  // namespace tidegate
