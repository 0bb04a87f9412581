// The bytes of a TZif file (RFC 8536), made by hand.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tidegate::test {

struct TzifChange {
  std::int64_t at;    // seconds since 1970, UTC
  std::uint8_t type;  // index into the offsets
};

inline void append_integer(std::string& bytes, std::int64_t value, std::size_t size) {
  while (size-- > 0) bytes.push_back(static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * size) & 0xff));
}

inline std::string tzif_block(char version, std::size_t time_size, const std::vector<TzifChange>& changes,
                              const std::vector<std::int32_t>& offsets) {
  std::string bytes = "TZif";
  bytes += version;
  bytes.append(15, '\0');
  for (const std::size_t count :
       {std::size_t{0}, std::size_t{0}, std::size_t{0}, changes.size(), offsets.size(), std::size_t{4}}) {
    append_integer(bytes, static_cast<std::int64_t>(count), 4);
  }
  for (const auto& change : changes) append_integer(bytes, change.at, time_size);
  for (const auto& change : changes) append_integer(bytes, change.type, 1);
  for (const auto offset : offsets) {
    append_integer(bytes, offset, 4);
    append_integer(bytes, 0, 2);
  }
  return bytes + std::string{"LMT\0", 4};
}

// Of version 1: one block without a footer.
inline std::string tzif_old(const std::vector<TzifChange>& changes, const std::vector<std::int32_t>& offsets) {
  return tzif_block('\0', 4, changes, offsets);
}

// Of version 2: an empty old block, the block with 64-bit times, and the rule for what comes after.
inline std::string tzif(const std::vector<TzifChange>& changes, const std::vector<std::int32_t>& offsets,
                        std::string_view rule) {
  return tzif_old({}, {0}).replace(4, 1, "2") + tzif_block('2', 8, changes, offsets) + "\n" + std::string{rule} + "\n";
}

}  // namespace tidegate::test
