// Where the lines of a text end, found 64 bytes at a time: the lines of a head are short, and a search of its own for
// each of them would take most of the time that a message takes.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace tidegate {

class LineEnds {
 public:
  // From `from` on, which is within the text. The text stays where it is.
  LineEnds(std::string_view text, std::size_t from) : text_{text}, block_{from}, next_block_{from} {}

  // Where the next LF stands; npos: there is none.
  [[nodiscard]] std::size_t next() {
    while (found_ == 0) {
      if (next_block_ == text_.size()) return std::string_view::npos;
      load();
    }
    const auto at = block_ + static_cast<std::size_t>(std::countr_zero(found_));
    found_ &= found_ - 1;
    return at;
  }

 private:
  static constexpr std::size_t kBlock = 64;
  using Bytes = char __attribute__((vector_size(kBlock)));
  using Flags = bool __attribute__((ext_vector_type(kBlock)));

  static std::uint64_t line_feeds(const char* text, std::size_t size) {
    Bytes bytes{};
    std::memcpy(&bytes, text, size);
    return __builtin_bit_cast(std::uint64_t, __builtin_convertvector(bytes == '\n', Flags));
  }

  // Looks through the next block. The last one overlaps the one before it, so that all but short texts are loaded
  // whole.
  void load() {
    const auto left = text_.size() - next_block_;
    block_ = next_block_;
    if (left >= kBlock) {
      found_ = line_feeds(text_.data() + block_, kBlock);
    } else if (text_.size() >= kBlock) {
      found_ = line_feeds(text_.data() + text_.size() - kBlock, kBlock) >> (kBlock - left);
    } else {
      found_ = line_feeds(text_.data() + block_, left);
    }
    next_block_ += std::min(left, kBlock);
  }

  std::string_view text_;
  std::size_t block_;
  std::size_t next_block_;
  std::uint64_t found_ = 0;  // a bit for each LF of the block that was not yet told
};

}  // namespace tidegate
