#include "demo/body.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace tidegate::demo {

namespace {

constexpr std::uint32_t kMostDigits = 15;  // of a chunk's size: no overflow
constexpr std::uint32_t kMostOverhead = 16'384;

std::unexpected<Error> wrong() { return failure("the chunks of a body are not as they should be"); }

}  // namespace

Body Body::of_length(std::uint64_t bytes) {
  Body body;
  body.state_ = bytes == 0 ? State::done : State::length;
  body.left_ = bytes;
  return body;
}

Body Body::chunked() {
  Body body;
  body.state_ = State::size;
  return body;
}

Body Body::until_close() {
  Body body;
  body.state_ = State::until_close;
  return body;
}

Result<Body::Piece> Body::take(std::string_view bytes) {
  std::size_t at = 0;
  while (at < bytes.size() && state_ != State::done) {
    if (state_ == State::until_close) return Piece{bytes.size(), bytes.substr(at)};
    if (state_ == State::length || state_ == State::data) {
      const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size() - at));
      left_ -= size;
      if (left_ == 0) state_ = state_ == State::length ? State::done : State::data_end;
      overhead_ = 0;
      return Piece{at + size, bytes.substr(at, size)};
    }
    if (const auto taken = take_framing(bytes[at]); !taken) return std::unexpected{taken.error()};
    ++at;
  }
  return Piece{.taken = at, .payload = {}};
}

// A byte between the payloads. CR counts only in front of LF; LF alone ends a line too.
Result<> Body::take_framing(char c) {
  const bool after_return = std::exchange(carriage_return_, c == '\r');
  if (c == '\r') return after_return ? Result<>{wrong()} : Result<>{};
  if (after_return && c != '\n') return wrong();
  if (++overhead_ > kMostOverhead) return wrong();
  if (c == '\n') {
    const bool empty = std::exchange(line_, 0) == 0;
    switch (state_) {
      case State::size:
        if (empty) return wrong();
        [[fallthrough]];
      case State::extension:
        state_ = left_ > 0 ? State::data : State::trailer;
        return {};
      case State::data_end:
        state_ = State::size;
        return {};
      default:  // trailer
        if (empty) state_ = State::done;
        return {};
    }
  }
  ++line_;
  if (state_ == State::trailer || state_ == State::extension) return {};
  if (state_ == State::data_end) return wrong();
  if (c == ';' || c == ' ' || c == '\t') {
    if (line_ == 1) return wrong();
    state_ = State::extension;
    return {};
  }
  std::uint8_t digit = 0;
  if (line_ > kMostDigits || std::from_chars(&c, &c + 1, digit, 16).ptr == &c) return wrong();
  left_ = left_ * 16 + digit;
  return {};
}

}  // namespace tidegate::demo
