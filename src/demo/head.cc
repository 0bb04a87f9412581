#include "demo/head.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/ascii.h"
#include "base/text.h"

namespace tidegate::demo {

namespace {

using Failed = std::unexpected<BadHead>;

Failed bad(std::string_view why, int status = 400) { return Failed{BadHead{status, why}}; }

// RFC 9110 section 5.6.2.
constexpr std::array<bool, 256> kIsToken = [] {
  std::array<bool, 256> is{};
  for (const char c : std::string_view{"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"})
    is[static_cast<unsigned char>(c)] = true;
  return is;
}();

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return kIsToken[static_cast<unsigned char>(c)]; });
}

bool is_control(char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; }

bool same(std::string_view text, std::string_view name) {
  return std::ranges::equal(text, name, {}, lower_case);  // `name` is in lower case
}

// The next line without its end; none while it is not complete.
std::optional<std::string_view> take_line(std::string_view& bytes) {
  const auto end = bytes.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  auto line = bytes.substr(0, end);
  bytes.remove_prefix(end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// What comes in front of the next `separator`, which goes too; all that is left where there is none.
std::string_view take_until(std::string_view& text, char separator) {
  const auto end = text.find(separator);
  const auto piece = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return piece;
}

// What the fields of a head say together.
struct Fields {
  Framing& framing;
  bool close = false;
  bool keep_alive = false;
  bool coded = false;
  bool expects_continue = false;
  int hosts = 0;

  std::expected<void, BadHead> take(std::string_view name, std::string_view value) {
    if (same(name, "host")) ++hosts;
    if (same(name, "content-length")) return take_length(value);
    if (same(name, "transfer-encoding")) return take_coding(value);
    if (same(name, "connection")) take_connection(value);
    if (same(name, "expect")) {
      if (!same(value, "100-continue")) return bad("an expectation that is none of HTTP's", 417);
      expects_continue = true;
    }
    return {};
  }

  std::expected<void, BadHead> take_length(std::string_view value) {
    std::uint64_t length = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), length);
    if (error == std::errc::result_out_of_range) return bad("a length past all bounds", 413);
    if (value.empty() || error != std::errc{} || end != value.data() + value.size()) return bad("a wrong length");
    if (framing.content_length && *framing.content_length != length) return bad("two lengths");
    framing.content_length = length;
    return {};
  }

  std::expected<void, BadHead> take_coding(std::string_view value) {
    if (framing.chunked || coded || !same(value, "chunked")) coded = true;
    framing.chunked = !coded;
    return {};
  }

  void take_connection(std::string_view value) {
    while (!value.empty()) {
      const auto option = trim(take_until(value, ','));
      if (same(option, "close")) close = true;
      if (same(option, "keep-alive")) keep_alive = true;
    }
  }
};

// Reads fields up to the empty line; false while that has not come.
std::expected<bool, BadHead> read_fields(std::string_view& rest, Fields& fields) {
  while (true) {
    const auto line = take_line(rest);
    if (!line) return false;
    if (line->empty()) return true;
    const auto colon = line->find(':');
    if (colon == std::string_view::npos || !is_token(line->substr(0, colon))) return bad("a line that is no field");
    const auto value = trim(line->substr(colon + 1));
    if (std::ranges::any_of(value, is_control)) return bad("a control character in a field");
    if (const auto taken = fields.take(line->substr(0, colon), value); !taken) return Failed{taken.error()};
  }
}

// "HTTP/1.1": whether it is 1.0.
std::expected<bool, BadHead> read_version(std::string_view text) {
  const auto digit = [&](std::size_t i) { return text[i] >= '0' && text[i] <= '9'; };
  if (text.size() != 8 || !text.starts_with("HTTP/") || text[6] != '.' || !digit(5) || !digit(7))
    return bad("a version that is none of HTTP's");
  if (text[5] != '1') return bad("a version of HTTP that is not 1.0 or 1.1", 505);
  return text[7] == '0';
}

// The parts that both kinds have in common: the first line, read by `read_first`, then the fields.
template <class Head, class ReadFirst, class Finish>
std::expected<std::optional<Head>, BadHead> read_head(std::string_view bytes, int too_long_line, ReadFirst read_first,
                                                      Finish finish) {
  Head head;
  std::string_view rest = bytes;
  std::optional<std::string_view> first;
  do {  // RFC 9112 section 2.2: at least one empty line in front is to be ignored
    first = take_line(rest);
  } while (first && first->empty());
  if (!first) {
    if (rest.size() > kMostFirstLine) return bad("a first line that is too long", too_long_line);
    if (bytes.size() > kMostHead) return bad("too many empty lines");
    return std::nullopt;
  }
  if (first->size() > kMostFirstLine) return bad("a first line that is too long", too_long_line);
  if (const auto read = read_first(head, *first); !read) return Failed{read.error()};
  Fields fields{.framing = head};
  const auto complete = read_fields(rest, fields);
  if (!complete) return Failed{complete.error()};
  head.head_bytes = bytes.size() - rest.size();
  if (head.head_bytes > kMostHead || (!*complete && bytes.size() > kMostHead))
    return bad("a head that is too long", 431);
  if (!*complete) return std::nullopt;
  head.keep_alive = !fields.close && (!head.version_1_0 || fields.keep_alive);
  if (const auto finished = finish(head, fields); !finished) return Failed{finished.error()};
  return head;
}

std::expected<void, BadHead> read_request_line(RequestHead& head, std::string_view line) {
  head.method = take_until(line, ' ');
  head.target = take_until(line, ' ');
  if (!is_token(head.method)) return bad("a method that is none");
  if (head.target.empty() || std::ranges::any_of(head.target, [](char c) { return is_control(c) || c == '\t'; }))
    return bad("a target that is none");
  const auto version_1_0 = read_version(line);
  if (!version_1_0) return Failed{version_1_0.error()};
  head.version_1_0 = *version_1_0;
  return {};
}

std::expected<void, BadHead> finish_request(RequestHead& head, const Fields& fields) {
  if (fields.hosts > 1 || (fields.hosts == 0 && !head.version_1_0)) return bad("no host, or several");
  if (fields.coded) return bad("a transfer coding that is not chunked", 501);
  // RFC 9112 section 6.1: what smuggles requests past others is refused.
  if (head.chunked && (head.content_length || head.version_1_0)) return bad("a chunked body that has a length");
  head.expects_continue = fields.expects_continue && !head.version_1_0;
  return {};
}

std::expected<void, BadHead> read_status_line(ResponseHead& head, std::string_view line) {
  const auto version_1_0 = read_version(take_until(line, ' '));
  if (!version_1_0) return Failed{version_1_0.error()};
  head.version_1_0 = *version_1_0;
  const auto digits = take_until(line, ' ');
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), head.status);
  if (digits.size() != 3 || error != std::errc{} || end != digits.data() + 3 || head.status < 100)
    return bad("a status that is none");
  return {};
}

std::expected<void, BadHead> finish_response(ResponseHead& head, const Fields& fields) {
  head.coded = fields.coded;
  if (head.coded || head.chunked) head.content_length.reset();  // RFC 9112 section 6.3
  return {};
}

}  // namespace

std::expected<std::optional<RequestHead>, BadHead> read_request_head(std::string_view bytes) {
  return read_head<RequestHead>(bytes, 414, read_request_line, finish_request);
}

std::expected<std::optional<ResponseHead>, BadHead> read_response_head(std::string_view bytes) {
  return read_head<ResponseHead>(bytes, 400, read_status_line, finish_response);
}

}  // namespace tidegate::demo
