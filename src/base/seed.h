// A number that strangers do not know, for tables that they fill.
#pragma once

#include <cstdint>
#include <random>

namespace tidegate {

// Throws where the system gives no random numbers.
[[nodiscard]] inline std::uint64_t random_seed() {
  std::random_device random;
  return std::uint64_t{random()} << 32 | random();
}

// The same all the time that the process runs.
[[nodiscard]] inline std::uint64_t process_seed() {
  static const auto seed = random_seed();
  return seed;
}

}  // namespace tidegate
