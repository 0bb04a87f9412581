// Decodes frames of the packet builder from memory that ends where the frame does, so that a sanitizer sees a read
// beyond it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>

#include "packet/decode.h"

namespace tidegate::test {

// `wire_length` 0: no more than what was captured.
[[nodiscard]] inline std::expected<packet::Headers, packet::Reject> decoded(
    std::span<const std::uint8_t> frame, packet::LinkType link = packet::LinkType::ethernet,
    std::uint32_t wire_length = 0) {
  const auto exact = std::make_unique<std::uint8_t[]>(frame.size());
  std::ranges::copy(frame, exact.get());
  return packet::decode({exact.get(), frame.size()}, link, wire_length);
}

}  // namespace tidegate::test
