// Savefiles for tests, as bytes: classic pcap (draft-ietf-opsawg-pcap) and pcapng (draft-ietf-opsawg-pcapng).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "tests/support/packet_builder.h"

namespace tidegate::test {

struct SavedPacket {
  std::int64_t nanoseconds = 0;  // since the Unix epoch
  Bytes frame;
  std::optional<std::uint32_t> wire_length = {};  // none: the whole frame was captured
};

struct SavefileStyle {
  bool big_endian = false;
  bool nanoseconds = true;  // classic only; else microseconds
  std::uint32_t snap_length = 262144;
};

namespace detail {

class Writer {
 public:
  explicit Writer(bool big_endian) : big_endian_{big_endian} {}
  void put(std::uint64_t value, unsigned bytes) {
    for (unsigned i = 0; i < bytes; ++i) {
      const unsigned shift = 8 * (big_endian_ ? bytes - 1 - i : i);
      out.push_back(static_cast<std::uint8_t>(value >> shift));
    }
  }
  void put(const Bytes& bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }
  void align4() { out.resize((out.size() + 3) / 4 * 4); }
  Bytes out;

 private:
  bool big_endian_;
};

}  // namespace detail

// A classic savefile of packets with that link type (by its number in libpcap's files).
[[nodiscard]] inline Bytes pcap_bytes(std::uint32_t link, const std::vector<SavedPacket>& packets,
                                      const SavefileStyle& style = {}) {
  detail::Writer file{style.big_endian};
  file.put(style.nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4, 4);
  file.put(2, 2);
  file.put(4, 2);
  file.put(0, 8);
  file.put(style.snap_length, 4);
  file.put(link, 4);
  for (const auto& packet : packets) {
    file.put(static_cast<std::uint64_t>(packet.nanoseconds / 1'000'000'000), 4);
    file.put(static_cast<std::uint64_t>(packet.nanoseconds % 1'000'000'000 / (style.nanoseconds ? 1 : 1000)), 4);
    file.put(packet.frame.size(), 4);
    file.put(packet.wire_length.value_or(static_cast<std::uint32_t>(packet.frame.size())), 4);
    file.put(packet.frame);
  }
  return file.out;
}

// A pcapng savefile: one section, one interface with times in nanoseconds, enhanced packet blocks.
[[nodiscard]] inline Bytes pcapng_bytes(std::uint16_t link, const std::vector<SavedPacket>& packets,
                                        const SavefileStyle& style = {}) {
  detail::Writer file{style.big_endian};
  constexpr std::uint32_t kSectionBytes = 28;
  file.put(0x0a0d0d0a, 4);
  file.put(kSectionBytes, 4);
  file.put(0x1a2b3c4d, 4);
  file.put(1, 2);
  file.put(0, 2);
  file.put(~std::uint64_t{0}, 8);
  file.put(kSectionBytes, 4);
  constexpr std::uint32_t kInterfaceBytes = 32;
  file.put(1, 4);
  file.put(kInterfaceBytes, 4);
  file.put(link, 2);
  file.put(0, 2);
  file.put(style.snap_length, 4);
  file.put(9, 2);  // if_tsresol
  file.put(1, 2);
  file.put(Bytes{9, 0, 0, 0});
  file.put(0, 4);  // end of options
  file.put(kInterfaceBytes, 4);
  for (const auto& packet : packets) {
    const auto block_bytes = 32 + (packet.frame.size() + 3) / 4 * 4;
    const auto time = static_cast<std::uint64_t>(packet.nanoseconds);
    file.put(6, 4);
    file.put(block_bytes, 4);
    file.put(0, 4);
    file.put(time >> 32, 4);
    file.put(time & 0xffffffff, 4);
    file.put(packet.frame.size(), 4);
    file.put(packet.wire_length.value_or(static_cast<std::uint32_t>(packet.frame.size())), 4);
    file.put(packet.frame);
    file.align4();
    file.put(block_bytes, 4);
  }
  return file.out;
}

}  // namespace tidegate::test
