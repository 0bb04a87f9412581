// A key of a stream with its count, as a summary of bounded memory gives it: an upper bound and how far it may be off.
#pragma once

#include <cstdint>

namespace tidegate {

template <typename Key>
struct Ranked {
  Key key;
  std::uint64_t count = 0;  // at the most; at the least count - error
  std::uint64_t error = 0;
  bool certain = false;  // at the least as heavy as anything shown after it, or not shown
  bool operator==(const Ranked&) const = default;
};

}  // namespace tidegate
