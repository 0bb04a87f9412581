// A keyed hash of a few bytes: HMAC (RFC 2104) over BLAKE2b (RFC 7693) with a digest of 8 bytes, as pulso has it. An
// unkeyed hash of an IPv4 address is no privacy: all 2^32 of them are tried in minutes.
#pragma once

#include <blake2.h>

#include <array>
#include <cstdint>
#include <span>
#include <string>

namespace tidegate {

class KeyedHash {
 public:
  static constexpr std::size_t kDigestBytes = 8;
  static constexpr std::size_t kBlockBytes = BLAKE2B_BLOCKBYTES;  // 128; a longer key is hashed first

  explicit KeyedHash(std::span<const std::uint8_t> key);

  // Safe from any thread.
  [[nodiscard]] std::array<std::uint8_t, kDigestBytes> digest(std::span<const std::uint8_t> message) const;

  // The digest in 16 lower-case hexadecimal digits.
  [[nodiscard]] std::string hex(std::span<const std::uint8_t> message) const;

 private:
  // The hash after the key's block, before the message and before the inner digest: half of the work is done once.
  blake2b_state inner_{};
  blake2b_state outer_{};
};

}  // namespace tidegate
