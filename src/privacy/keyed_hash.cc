#include "privacy/keyed_hash.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/check.h"

namespace tidegate {
namespace {

using Digest = std::array<std::uint8_t, KeyedHash::kDigestBytes>;
using Block = std::array<std::uint8_t, KeyedHash::kBlockBytes>;

blake2b_state begin() {
  blake2b_state state;
  TIDEGATE_CHECK(::blake2b_init(&state, KeyedHash::kDigestBytes) == 0);
  return state;
}

void update(blake2b_state& state, std::span<const std::uint8_t> bytes) {
  TIDEGATE_CHECK(::blake2b_update(&state, bytes.data(), bytes.size()) == 0);
}

Digest end(blake2b_state& state) {
  Digest digest{};
  TIDEGATE_CHECK(::blake2b_final(&state, digest.data(), digest.size()) == 0);
  return digest;
}

blake2b_state behind_padded(const Block& key, std::uint8_t pad) {
  Block block;
  std::ranges::transform(key, block.begin(),
                         [pad](std::uint8_t byte) { return static_cast<std::uint8_t>(byte ^ pad); });
  auto state = begin();
  update(state, block);
  return state;
}

}  // namespace

KeyedHash::KeyedHash(std::span<const std::uint8_t> key) {
  Block block{};
  if (key.size() <= block.size()) {
    std::ranges::copy(key, block.begin());
  } else {
    auto state = begin();
    update(state, key);
    std::ranges::copy(end(state), block.begin());
  }
  inner_ = behind_padded(block, 0x36);
  outer_ = behind_padded(block, 0x5c);
}

Digest KeyedHash::digest(std::span<const std::uint8_t> message) const {
  auto inner = inner_;
  update(inner, message);
  auto outer = outer_;
  update(outer, end(inner));
  return end(outer);
}

std::string KeyedHash::hex(std::span<const std::uint8_t> message) const {
  return fmt::format("{:02x}", fmt::join(digest(message), ""));
}

}  // namespace tidegate
