// Bodies of HTTP/1 messages (RFC 9112 sections 6 and 7): where one ends, and what of it is payload. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"

namespace tidegate::demo {

class Body {
 public:
  // No body: done at once.
  Body() = default;
  [[nodiscard]] static Body of_length(std::uint64_t bytes);
  [[nodiscard]] static Body chunked();
  [[nodiscard]] static Body until_close();

  struct Piece {
    std::size_t taken = 0;  // bytes of what was given, payload or not
    std::string_view payload;
  };

  // Takes what belongs to the body from the front of `bytes`, up to the end of the next piece of payload. Nothing is
  // taken of what comes behind a body that is done. The error: the chunks are not as they should be.
  [[nodiscard]] Result<Piece> take(std::string_view bytes);

  [[nodiscard]] bool done() const { return state_ == State::done; }
  [[nodiscard]] bool ends_with_connection() const { return state_ == State::until_close; }

 private:
  enum class State : std::uint8_t { done, length, until_close, size, extension, data, data_end, trailer };

  [[nodiscard]] Result<> take_framing(char c);

  State state_ = State::done;
  std::uint64_t left_ = 0;        // of the length, or of the chunk
  std::uint32_t line_ = 0;        // bytes of the present line but its end: of a size its digits, of a trailer all
  std::uint32_t overhead_ = 0;    // bytes of extensions and trailers since the last payload
  bool carriage_return_ = false;  // the last byte was one
};

}  // namespace tidegate::demo
