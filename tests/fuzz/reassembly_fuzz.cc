// libFuzzer target: whatever segments of a stream come in whatever order, TcpStream hands on its bytes in order, each
// once, the first copy of it, and says where any are missing; and it holds no more than it may.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/check.h"
#include "http/reassembly.h"

namespace tidegate {
namespace {

constexpr std::uint32_t kFirst = 0xffff'ff80;  // wraps
constexpr std::size_t kStream = 512;           // bytes of the stream
constexpr std::size_t kMost = 4096;            // that may be held
constexpr std::size_t kCommand = 4;            // bytes of input for a segment

// What is known of a byte of the stream: nothing, that the first segment with it was cut before it, or its first copy.
constexpr int kUnknown = -2;
constexpr int kCut = -1;

class Check {
 public:
  Check() {
    first_.fill(kUnknown);
    stream_.begin(kFirst);
  }

  void segment(std::size_t begin, std::size_t size, std::uint8_t bits) {
    begin %= kStream;
    size = std::min(size, kStream - begin);
    now_ += TcpStream::kDisorder / 2;
    const std::size_t captured = (bits & 0x06) == 0x06 ? size / 2 : size;
    const std::string bytes(captured, static_cast<char>(++copy_));
    for (std::size_t i = std::max(begin, position_); i < begin + size && !ended_; ++i) {
      if (first_[i] == kUnknown) first_[i] = i < begin + captured ? copy_ : kCut;
    }
    take(stream_.add({.where = {.at = {}, .sequence = kFirst + static_cast<std::uint32_t>(begin)},
                      .bytes = bytes,
                      .length = static_cast<std::uint32_t>(size),
                      .fin = (bits & 0x81) == 0x81}));
    drain();
    if ((bits & 0x18) == 0x18) stream_.acknowledge(kFirst + static_cast<std::uint32_t>(begin));
    if ((bits & 0x60) == 0x60) stream_.give_up();
    drain();
    TIDEGATE_CHECK(stream_.held() <= kMost);
  }

  void finish() {
    while (stream_.holds()) {
      stream_.give_up();
      drain();
    }
    const bool all = std::all_of(first_.begin() + static_cast<std::ptrdiff_t>(position_), first_.end(),
                                 [](int byte) { return byte == kUnknown; });
    TIDEGATE_CHECK(all || ended_);
  }

 private:
  void drain() {
    while (const auto piece = stream_.next(kMost, now_)) take(*piece);
  }

  void take(const StreamPiece& piece) {
    const auto pass = [this](std::size_t bytes, auto expected) {
      TIDEGATE_CHECK(bytes <= kStream - position_);
      for (const auto end = position_ + bytes; position_ < end; ++position_)
        TIDEGATE_CHECK(expected(first_[position_]));
    };
    TIDEGATE_CHECK(!ended_ || (piece.gap == 0 && piece.bytes.empty() && piece.cut == 0));
    pass(piece.gap, [](int byte) { return byte == kUnknown; });
    if (!piece.bytes.empty()) TIDEGATE_CHECK(piece.where.sequence == kFirst + static_cast<std::uint32_t>(position_));
    for (const char byte : piece.bytes) pass(1, [byte](int first) { return first == static_cast<std::uint8_t>(byte); });
    pass(piece.cut, [](int byte) { return byte == kCut; });
    ended_ |= piece.end;
  }

  TcpStream stream_;
  Instant now_{std::chrono::hours{1}};
  std::array<int, kStream> first_{};
  std::size_t position_ = 0;
  std::uint8_t copy_ = 0;
  bool ended_ = false;
};

}  // namespace
}  // namespace tidegate

// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tidegate;
  Check check;
  for (std::span input{data, size}; input.size() >= kCommand; input = input.subspan(kCommand)) {
    check.segment(static_cast<std::size_t>(input[0] << 8 | input[1]), input[2], input[3]);
  }
  check.finish();
  return 0;
}
