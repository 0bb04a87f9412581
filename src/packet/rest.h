// What is left of a frame while its headers are taken off the front, one by one. Every read goes through take(), which
// checks the capture's length once, and be16<At>() and be32<At>(), whose offsets the compiler checks.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "packet/decode.h"

namespace tidegate::packet {

template <std::size_t N>
using Field = std::span<const std::uint8_t, N>;

// Numbers in network byte order.
template <std::size_t At, std::size_t N>
[[nodiscard]] constexpr std::uint16_t be16(Field<N> header) {
  static_assert(At + 2 <= N);
  return static_cast<std::uint16_t>(header[At] << 8 | header[At + 1]);
}
template <std::size_t At, std::size_t N>
[[nodiscard]] constexpr std::uint32_t be32(Field<N> header) {
  static_assert(At + 4 <= N);
  return std::uint32_t{be16<At>(header)} << 16 | be16<At + 2>(header);
}

class Rest {
 public:
  // `sent` is the length on the wire: no less than what was captured of it.
  Rest(std::span<const std::uint8_t> captured, std::uint32_t sent) : captured_{captured}, sent_{sent} {}

  // How many bytes the sender sent from here on, captured or not.
  [[nodiscard]] std::uint32_t sent() const { return sent_; }

  // How many bytes of the frame lie before.
  [[nodiscard]] std::uint32_t at() const { return at_; }

  // The next N bytes, which stay; nothing where fewer were captured.
  template <std::size_t N>
  [[nodiscard]] std::optional<Field<N>> peek() const {
    if (captured_.size() < N) return std::nullopt;
    return captured_.first<N>();
  }

  // Takes N bytes off the front; nothing, and nothing taken, where fewer were captured.
  template <std::size_t N>
  [[nodiscard]] std::optional<Field<N>> take() {
    const auto header = peek<N>();
    if (header) advance(N);
    return header;
  }

  // Takes `bytes` off the front unread; false, and nothing taken, where fewer were captured.
  [[nodiscard]] bool skip(std::uint32_t bytes) {
    if (captured_.size() < bytes) return false;
    advance(bytes);
    return true;
  }

  // Forgets what lies behind the next `bytes`: padding.
  void trim(std::uint32_t bytes) {
    sent_ = std::min(sent_, bytes);
    captured_ = captured_.first(std::min<std::size_t>(captured_.size(), bytes));
  }

  // Why the next `bytes` are not there: the sender did not send so many, or the capture is cut.
  [[nodiscard]] Reject missing(std::uint32_t bytes, Reject not_sent, Reject cut) const {
    return sent_ < bytes ? not_sent : cut;
  }

 private:
  void advance(std::uint32_t bytes) {
    captured_ = captured_.subspan(bytes);
    sent_ -= bytes;
    at_ += bytes;
  }

  std::span<const std::uint8_t> captured_;
  std::uint32_t sent_;  // never less than captured_.size()
  std::uint32_t at_ = 0;
};

// Why reading stopped, if it did.
using Fault = std::optional<Reject>;

}  // namespace tidegate::packet
