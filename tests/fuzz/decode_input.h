// What the bytes of a fuzzer's input mean to decode_fuzz.cc: a link type, a number of bytes that were sent but not
// captured, and the frame.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "packet/decode.h"

namespace tidegate::test {

// The last one is none that decode() knows.
inline constexpr std::array kFuzzedLinks{packet::LinkType::ethernet,   packet::LinkType::null,
                                         packet::LinkType::loop,       packet::LinkType::linux_sll,
                                         packet::LinkType::linux_sll2, packet::LinkType::raw,
                                         packet::LinkType::raw_101,    packet::LinkType::ipv4,
                                         packet::LinkType::ipv6,       static_cast<packet::LinkType>(105)};

struct DecodeInput {
  static constexpr std::size_t kPrefix = 3;

  packet::LinkType link;
  std::uint32_t not_captured;
  std::span<const std::uint8_t> frame;

  // `input` holds no less than kPrefix bytes.
  static DecodeInput of(std::span<const std::uint8_t> input) {
    return {.link = kFuzzedLinks[input[0] % kFuzzedLinks.size()],
            .not_captured = static_cast<std::uint32_t>(input[1] << 8 | input[2]) * 2,  // beyond 64 KiB too
            .frame = input.subspan(kPrefix)};
  }
};

}  // namespace tidegate::test
