// Prefix-preserving pseudonyms of addresses: Crypto-PAn (J. Xu, J. Fan, M. Ammar, S. Moon: Prefix-Preserving IP Address
// Anonymization, ICNP 2002) with AES-128. Two addresses with the same first n bits get pseudonyms with the same first n
// bits, and no more, so that networks can still be told apart without being known.
#pragma once

#include <openssl/evp.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "base/error.h"
#include "model/address.h"

namespace tidegate {

class CryptoPan {
 public:
  static constexpr std::size_t kBlockBytes = 16;
  static constexpr std::size_t kKeyBytes = 32;  // the first half is the cipher's key, the second makes the padding

  // The error: libcrypto refuses AES-128 (a build without it, or no memory).
  [[nodiscard]] static Result<CryptoPan> make(std::span<const std::uint8_t, kKeyBytes> key);

  // The pseudonym of an IPv4 or IPv6 address, in the same family; no address stays none. One thread at a time.
  [[nodiscard]] IpAddress of(const IpAddress& address) const;

 private:
  struct Free {
    void operator()(EVP_CIPHER_CTX* cipher) const { ::EVP_CIPHER_CTX_free(cipher); }
  };
  using Cipher = std::unique_ptr<EVP_CIPHER_CTX, Free>;
  using Block = std::array<std::uint8_t, kBlockBytes>;

  CryptoPan(Cipher cipher, const Block& padding) : cipher_{std::move(cipher)}, padding_{padding} {}

  Cipher cipher_;
  Block padding_;
};

}  // namespace tidegate
