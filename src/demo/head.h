// Heads of HTTP/1 messages, read strictly (RFC 9112 sections 2 to 6, RFC 9110 section 5): what the demo server gets and
// what the demo load is answered. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>

namespace tidegate::demo {

inline constexpr std::size_t kMostFirstLine = 8192;  // bytes of a request or status line
inline constexpr std::size_t kMostHead = 32'768;     // bytes of a head altogether

// What of the fields decides where the message ends and whether another one may follow.
struct Framing {
  std::size_t head_bytes = 0;  // with the empty line at its end
  bool version_1_0 = false;    // else 1.1, or a later 1.x
  bool keep_alive = true;
  bool chunked = false;
  std::optional<std::uint64_t> content_length;
};

struct RequestHead : Framing {
  std::string_view method;
  std::string_view target;
  bool expects_continue = false;
};

struct ResponseHead : Framing {
  int status = 0;
  bool coded = false;  // by a transfer coding that is not "chunked": its body ends with the connection
};

// Why the bytes are no message that could be answered with 200, and with what instead.
struct BadHead {
  int status = 400;
  std::string_view why;
};

// The head at the front of `bytes`, whose views point into them; none while it is not complete. Lines may end with LF
// alone. Empty lines before a request are skipped and belong to its head.
[[nodiscard]] std::expected<std::optional<RequestHead>, BadHead> read_request_head(std::string_view bytes);
[[nodiscard]] std::expected<std::optional<ResponseHead>, BadHead> read_response_head(std::string_view bytes);

}  // namespace tidegate::demo
