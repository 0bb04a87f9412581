// The keyed hash of the tables whose keys strangers choose: multiply and fold, 16 bytes a step, after wyhash (Wang Yi,
// github.com/wangyi-fudan/wyhash, public domain). The seed keeps who does not know it from aiming at one place of a
// table; it never decides what a table holds or in which order it is shown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "model/address.h"

namespace tidegate {

namespace key_hash {

inline constexpr std::uint64_t kFirst = 0xa0761d6478bd642fULL;
inline constexpr std::uint64_t kSecond = 0xe7037ed1a0b428dbULL;

[[nodiscard]] inline std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product >> 64) ^ static_cast<std::uint64_t>(product);
}

template <typename Word>
[[nodiscard]] std::uint64_t load(const char* from) {
  Word word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

}  // namespace key_hash

// Bytes of any kind and number. The same text and seed give the same hash on one machine.
[[nodiscard]] inline std::uint64_t hash_bytes(std::string_view text, std::uint64_t seed) {
  using namespace key_hash;
  const char* at = text.data();
  std::size_t left = text.size();
  seed ^= kFirst;
  for (; left > 16; at += 16, left -= 16) {
    seed = fold(load<std::uint64_t>(at) ^ kSecond, load<std::uint64_t>(at + 8) ^ seed);
  }
  // What is left is read as two words that overlap where there is too little for both.
  std::uint64_t head = 0;
  std::uint64_t tail = 0;
  if (left >= 8) {
    head = load<std::uint64_t>(at);
    tail = load<std::uint64_t>(at + left - 8);
  } else if (left >= 4) {
    head = load<std::uint32_t>(at);
    tail = load<std::uint32_t>(at + left - 4);
  } else if (left > 0) {
    head = load<std::uint8_t>(at) << 16 | load<std::uint8_t>(at + left / 2) << 8 | load<std::uint8_t>(at + left - 1);
  }
  return fold(kSecond ^ text.size(), fold(head ^ kSecond, tail ^ seed));
}

[[nodiscard]] inline std::uint64_t hash_address(const IpAddress& address, std::uint64_t seed) {
  const auto bytes = address.bytes();
  const char* at = reinterpret_cast<const char*>(bytes.data());
  seed ^= key_hash::kFirst + bytes.size();
  if (bytes.size() == 16) {
    seed = key_hash::fold(key_hash::load<std::uint64_t>(at) ^ key_hash::kSecond,
                          key_hash::load<std::uint64_t>(at + 8) ^ seed);
  } else if (bytes.size() == 4) {
    seed = key_hash::fold(key_hash::load<std::uint32_t>(at) ^ key_hash::kSecond, seed);
  }
  return key_hash::fold(seed, key_hash::kFirst);
}

// Of a connection, from `one` to `other`.
[[nodiscard]] inline std::uint64_t hash_endpoints(const Endpoint& one, const Endpoint& other, std::uint64_t seed) {
  const auto ports = std::uint64_t{one.port} << 16 | other.port;
  return hash_address(one.address, hash_address(other.address, key_hash::fold(ports ^ seed, key_hash::kSecond)));
}

}  // namespace tidegate
