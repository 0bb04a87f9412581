// See crypto_pan.h. Bit n of the pseudonym is bit n of the address, turned over where the cipher of the n bits before
// it (filled up with the padding's) begins with a one. All blocks of an address go through the cipher in one call: they
// do not depend on each other, and AES instructions work on several at a time.
#include "privacy/crypto_pan.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace tidegate {
namespace {

constexpr std::size_t kMostBits = 128;

bool encrypt(EVP_CIPHER_CTX* cipher, std::span<std::uint8_t> blocks) {
  int written = 0;
  const int size = static_cast<int>(blocks.size());
  return ::EVP_EncryptUpdate(cipher, blocks.data(), &written, blocks.data(), size) == 1 && written == size;
}

// `bits` bits of `first`, then those of `second`.
std::uint8_t mixed(std::uint8_t first, std::uint8_t second, unsigned bits) {
  const auto mask = static_cast<std::uint8_t>(0xff00u >> bits);
  return static_cast<std::uint8_t>((first & mask) | (second & ~mask));
}

}  // namespace

Result<CryptoPan> CryptoPan::make(std::span<const std::uint8_t, kKeyBytes> key) {
  Cipher cipher{::EVP_CIPHER_CTX_new()};
  if (!cipher || ::EVP_EncryptInit_ex(cipher.get(), ::EVP_aes_128_ecb(), nullptr, key.data(), nullptr) != 1 ||
      ::EVP_CIPHER_CTX_set_padding(cipher.get(), 0) != 1) {
    return failure("set up AES-128: libcrypto refuses");
  }
  Block padding;
  std::ranges::copy(key.last<kBlockBytes>(), padding.begin());
  if (!encrypt(cipher.get(), padding)) return failure("encrypt with AES-128: libcrypto refuses");
  return CryptoPan{std::move(cipher), padding};
}

IpAddress CryptoPan::of(const IpAddress& address) const {
  const auto bytes = address.bytes();
  const std::size_t bits = bytes.size() * 8;
  std::array<Block, kMostBits> blocks;
  Block next = padding_;
  for (std::size_t bit = 0; bit < bits; ++bit) {
    const std::size_t byte = bit / 8;
    next[byte] = mixed(bytes[byte], padding_[byte], bit % 8);
    blocks[bit] = next;
    if (bit % 8 == 7) next[byte] = bytes[byte];
  }
  TIDEGATE_CHECK(bits == 0 || encrypt(cipher_.get(), {blocks.front().data(), bits * kBlockBytes}));

  Block pseudonym{};
  for (std::size_t bit = 0; bit < bits; ++bit) {
    const unsigned turned = blocks[bit][0] >> 7;
    pseudonym[bit / 8] |= static_cast<std::uint8_t>(turned << (7 - bit % 8));
  }
  for (std::size_t byte = 0; byte < bytes.size(); ++byte) pseudonym[byte] ^= bytes[byte];
  if (address.is_v4()) return IpAddress::v4(std::span{pseudonym}.first<4>());
  if (address.is_v6()) return IpAddress::v6(pseudonym);
  return {};
}

}  // namespace tidegate
