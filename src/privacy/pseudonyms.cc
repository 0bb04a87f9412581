#include "privacy/pseudonyms.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/text.h"

namespace tidegate {
namespace {

bool is_hex(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); });
}

std::vector<std::uint8_t> from_hex(std::string_view digits) {
  std::vector<std::uint8_t> bytes(digits.size() / 2);
  for (std::size_t i = 0; i < bytes.size(); ++i)
    std::from_chars(digits.data() + 2 * i, digits.data() + 2 * i + 2, bytes[i], 16);
  return bytes;
}

}  // namespace

Result<Pseudonyms> Pseudonyms::make(Privacy mode, std::span<const std::uint8_t> key) {
  Pseudonyms pseudonyms;
  switch (mode) {
    case Privacy::none:
      break;
    case Privacy::hash:
      if (key.empty()) return failure("privacy hash: the key is empty");
      pseudonyms.way_.emplace<KeyedHash>(key);
      break;
    case Privacy::prefix: {
      if (key.size() < CryptoPan::kKeyBytes) {
        return failure("privacy prefix: the key has {} bytes (at least {} are needed)", key.size(),
                       CryptoPan::kKeyBytes);
      }
      auto made = CryptoPan::make(key.first<CryptoPan::kKeyBytes>());
      if (!made) return failure("privacy prefix: {}", made.error().what);
      pseudonyms.way_.emplace<CryptoPan>(std::move(*made));
      break;
    }
  }
  return pseudonyms;
}

Privacy Pseudonyms::mode() const {
  if (std::holds_alternative<KeyedHash>(way_)) return Privacy::hash;
  return std::holds_alternative<CryptoPan>(way_) ? Privacy::prefix : Privacy::none;
}

std::string Pseudonyms::of(const IpAddress& address) const {
  if (!address) return address.to_string();
  if (const auto* const hash = std::get_if<KeyedHash>(&way_)) return hash->hex(address.bytes());
  if (const auto* const prefix = std::get_if<CryptoPan>(&way_)) return prefix->of(address).to_string();
  return address.to_string();
}

std::string Pseudonyms::of(const Endpoint& endpoint) const {
  const bool brackets = endpoint.address.is_v6() && mode() != Privacy::hash;
  return fmt::format("{}{}{}:{}", brackets ? "[" : "", of(endpoint.address), brackets ? "]" : "", endpoint.port);
}

std::optional<Privacy> parse_privacy(std::string_view text) {
  if (text == "none") return Privacy::none;
  if (text == "hash") return Privacy::hash;
  if (text == "prefix") return Privacy::prefix;
  return std::nullopt;
}

Result<std::vector<std::uint8_t>> parse_key(std::string_view contents) {
  const auto digits = trim(contents);
  if (digits.size() >= 2 * kKeyFileBytes && is_hex(digits)) {
    if (digits.size() % 2 != 0)
      return failure("a key in hexadecimal has an even number of digits, this one has {}", digits.size());
    return from_hex(digits);
  }
  if (contents.size() < kKeyFileBytes) {
    return failure("the key has {} bytes (at least {} are needed: head -c 32 /dev/urandom)", contents.size(),
                   kKeyFileBytes);
  }
  return std::vector<std::uint8_t>(contents.begin(), contents.end());
}

}  // namespace tidegate
