// The file that holds the key of pseudonyms.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"

namespace tidegate {

inline constexpr std::size_t kMostKeyFileBytes = 4096;

// Reads a key (privacy/pseudonyms.h, parse_key) of at most 4 KiB from a file. The error says what was done to which
// file; one that others than its owner and group may read or write is refused: such a key keeps no secret.
[[nodiscard]] Result<std::vector<std::uint8_t>> read_key_file(const std::string& path);

}  // namespace tidegate
