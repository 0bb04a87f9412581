// How addresses are shown: as they are, as a keyed hash, or with their prefixes preserved. Everything that shows an
// address asks one of these.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"
#include "model/address.h"
#include "model/watch.h"
#include "privacy/crypto_pan.h"
#include "privacy/keyed_hash.h"

namespace tidegate {

class Pseudonyms {
 public:
  Pseudonyms() = default;  // none: addresses as they are

  // hash: any key but an empty one. prefix: at least 32 bytes, of which the first 32 count. none: the key is not looked
  // at. The error says what is wrong with the key, never the key.
  [[nodiscard]] static Result<Pseudonyms> make(Privacy mode, std::span<const std::uint8_t> key);

  [[nodiscard]] Privacy mode() const;

  // "203.0.113.7", "2da25a664b49c9b5" or "95.9.215.7"; no address is "-" in each. One thread at a time.
  [[nodiscard]] std::string of(const IpAddress& address) const;

  // The same with its port behind: "[2001:db8::1]:80", "2da25a664b49c9b5:80".
  [[nodiscard]] std::string of(const Endpoint& endpoint) const;

 private:
  std::variant<std::monostate, KeyedHash, CryptoPan> way_;
};

// The Privacy of that name: none | hash | prefix; nothing for any other.
[[nodiscard]] std::optional<Privacy> parse_privacy(std::string_view text);

inline constexpr std::size_t kKeyFileBytes = 32;  // what a key file must hold at the least

// The key in a key file's contents: hexadecimal digits (at least 64, white space around them ignored) are the bytes
// that they stand for; anything else is the key as it is, and at least 32 bytes. The error says what is wrong, never
// the key.
[[nodiscard]] Result<std::vector<std::uint8_t>> parse_key(std::string_view contents);

}  // namespace tidegate
