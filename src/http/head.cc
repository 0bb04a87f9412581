#include "http/head.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "base/ascii.h"

namespace tidegate {
namespace {

constexpr std::string_view kVersion = "HTTP/";
constexpr auto kNowhere = std::string_view::npos;
constexpr std::size_t kVersionBytes = 8;                       // "HTTP/1.1"
constexpr std::uint64_t kMostLength = std::uint64_t{1} << 62;  // beyond it no length is meant

// The bytes of a token (RFC 9110, section 5.6.2).
constexpr auto kTokenBytes = [] {
  std::array<bool, 256> token{};
  for (const char c : std::string_view{"!#$%&'*+-.^_`|~0123456789"
                                       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"}) {
    token[static_cast<unsigned char>(c)] = true;
  }
  return token;
}();

// The methods in use: of HTTP (RFC 9110, 5789), of WebDAV and CalDAV (RFC 4918, 3253, 5323, 4791), of UPnP, of caches.
constexpr auto kMethods = std::to_array<std::string_view>(
    {"GET",        "HEAD",     "POST",   "PUT",       "DELETE",      "CONNECT",  "OPTIONS",   "TRACE",  "PATCH",
     "COPY",       "MOVE",     "LOCK",   "UNLOCK",    "MKCOL",       "PROPFIND", "PROPPATCH", "REPORT", "SEARCH",
     "MKCALENDAR", "M-SEARCH", "NOTIFY", "SUBSCRIBE", "UNSUBSCRIBE", "PURGE",    "QUERY"});

bool is_token(char c) { return kTokenBytes[static_cast<unsigned char>(c)]; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_blank(char c) { return c == ' ' || c == '\t'; }
// `name` is in lower case.
bool same_name(std::string_view text, std::string_view name) {
  return text.size() == name.size() &&
         std::ranges::equal(text, name, [](char a, char b) { return lower_case(a) == b; });
}

// Without blanks around it, of which a folded line's ends are some.
std::string_view trimmed(std::string_view text) {
  const auto is_space = [](char c) { return is_blank(c) || c == '\r' || c == '\n'; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

// Takes the first element off a list with commas between.
std::string_view take_element(std::string_view& list) {
  const auto comma = list.find(',');
  const auto element = trimmed(list.substr(0, comma));
  list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
  return element;
}

// As much of "HTTP/1.1" as there is.
bool begins_version(std::string_view text) {
  for (std::size_t i = 0; i < std::min(text.size(), kVersionBytes); ++i) {
    const bool right = i < kVersion.size() ? text[i] == kVersion[i] : i == 6 ? text[i] == '.' : is_digit(text[i]);
    if (!right) return false;
  }
  return true;
}

// As much of "HTTP/1.1 200 OK" as there is.
bool begins_status_line(std::string_view text) {
  if (!begins_version(text)) return false;
  for (std::size_t i = kVersionBytes; i < std::min<std::size_t>(text.size(), 13); ++i) {
    const char c = text[i];
    const bool digit = is_digit(c) && (i > 9 || c != '0');
    if (!(i == 8 ? is_blank(c) : i == 12 ? is_blank(c) || c == '\r' : digit)) return false;
  }
  return true;
}

bool is_status_line(std::string_view line) { return line.size() >= kVersionBytes + 4 && begins_status_line(line); }

// The method with which a request line begins; empty: none. `open`: the line may go on behind the text.
std::string_view method_of(std::string_view line, bool open) {
  std::size_t size = 0;
  while (size < line.size() && is_token(line[size])) ++size;
  if (size > Head::kMostMethod || (size == line.size() ? !open : line[size] != ' ')) return {};
  return line.substr(0, size);
}

bool names_field(std::string_view line) {
  const auto end = std::ranges::find_if_not(line, is_token);
  return end != line.begin() && end != line.end() && *end == ':';
}

// How many bytes the longest of the methods has with which `text` ends; 0: it ends with none.
std::size_t method_at_end(std::string_view text) {
  std::size_t size = 0;
  if (text.empty() || text.back() < 'A' || text.back() > 'Z') return size;
  for (const auto method : kMethods) {
    if (text.ends_with(method)) size = std::max(size, method.size());
  }
  return size;
}

// Where the last status line of `line` begins.
std::size_t find_status_line(std::string_view line) {
  const auto at = line.rfind(kVersion);
  return at != kNowhere && is_status_line(line.substr(at)) ? at : kNowhere;
}

// Where the request line begins with which `line` ends.
std::size_t find_request_line(std::string_view line, bool torn) {
  if (!torn && names_field(line)) return kNowhere;  // of a head whose begin is lost
  const auto version = line.rfind(' ');
  if (version == kNowhere || version == 0 || line.size() - version != kVersionBytes + 1) return kNowhere;
  const auto target = line.rfind(' ', version - 1);
  if (target == kNowhere || target + 1 == version || !begins_version(line.substr(version + 1))) return kNowhere;
  const auto method = method_at_end(line.substr(0, target));
  return method == 0 ? kNowhere : target - method;
}

// The first place of `prefix` that begins a status line, as far as it goes.
std::size_t find_begin_of_status_line(std::string_view prefix) {
  auto at = prefix.find(kVersion.front());
  while (at != kNowhere && !begins_status_line(prefix.substr(at))) at = prefix.find(kVersion.front(), at + 1);
  return at;
}

// The first place of `prefix` that begins a method with a blank behind it, as far as it goes. What is or may become a
// field is kept whole, as one that quotes a request line is none.
std::size_t find_begin_of_request_line(std::string_view prefix, bool torn) {
  if (!torn && (names_field(prefix) || std::ranges::all_of(prefix, is_token))) return 0;
  for (auto blank = prefix.find(' '); blank != kNowhere; blank = prefix.find(' ', blank + 1)) {
    if (const auto method = method_at_end(prefix.substr(0, blank)); method > 0) return blank - method;
  }
  const auto begins_method = [](std::string_view text) {
    return std::ranges::any_of(kMethods, [text](std::string_view method) { return method.starts_with(text); });
  };
  auto at = prefix.size() - std::min(prefix.size(), Head::kMostMethod);
  while (at < prefix.size() && !begins_method(prefix.substr(at))) ++at;
  return at < prefix.size() ? at : kNowhere;
}

}  // namespace

bool may_begin_start_line(std::string_view prefix, MessageKind kind) {
  if (kind != MessageKind::request && (begins_status_line(prefix) || prefix == "\r")) return true;
  return kind != MessageKind::response && (!method_of(prefix, true).empty() || prefix == "\r");
}

std::size_t find_start_line(std::string_view line, MessageKind kind, bool torn) {
  const auto response = kind == MessageKind::request ? kNowhere : find_status_line(line);
  return response != kNowhere || kind == MessageKind::response ? response : find_request_line(line, torn);
}

std::size_t find_begin_of_start_line(std::string_view prefix, MessageKind kind, bool torn) {
  return std::min(kind == MessageKind::request ? kNowhere : find_begin_of_status_line(prefix),
                  kind == MessageKind::response ? kNowhere : find_begin_of_request_line(prefix, torn));
}

bool is_field_line(std::string_view line) { return !line.empty() && (is_blank(line.front()) || names_field(line)); }

Head::Line Head::read_start(std::string_view text, std::size_t size, MessageKind kind) {
  const auto line = text.substr(0, size);
  if (line.starts_with(kVersion)) return kind == MessageKind::request ? Line::bad : read_response(line);
  return kind == MessageKind::response ? Line::bad : read_request(line);
}

Head::Line Head::read_response(std::string_view line) {
  if (!is_status_line(line)) return Line::bad;
  status_ = static_cast<std::uint16_t>((line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0'));
  return Line::good;
}

Head::Line Head::read_request(std::string_view line) {
  const auto* const text = line.data();
  while (!line.empty() && is_blank(line.back())) line.remove_suffix(1);
  const auto method = method_of(line, false);
  if (method.empty() || line.size() < method.size() + 3 + kVersionBytes) return Line::bad;
  const auto version = line.size() - kVersionBytes;
  if (!is_blank(line[version - 1]) || !begins_version(line.substr(version))) return Line::bad;
  const auto target = trimmed(line.substr(method.size(), version - method.size()));
  if (target.empty()) return Line::bad;
  if (method == "PRI" && target == "*" && line.ends_with("2.0")) return Line::preface;
  method_ = {.size = static_cast<std::uint32_t>(method.size())};
  target_ = {.at = static_cast<std::uint32_t>(target.data() - text), .size = static_cast<std::uint32_t>(target.size())};
  return Line::good;
}

void Head::read_field(std::string_view text, std::size_t at, std::size_t size) {
  const auto line = text.substr(at, size);
  // The length of the name stands for the name until the rest of it is compared: most lines end here. Blanks before the
  // colon are wrong, and taken by servers all the same.
  const auto value_of = [line](std::string_view name) -> std::optional<std::string_view> {
    auto colon = name.size();
    while (colon < line.size() && is_blank(line[colon])) ++colon;
    if (colon >= line.size() || line[colon] != ':' || !same_name(line.substr(0, name.size()), name)) {
      return std::nullopt;
    }
    return trimmed(line.substr(colon + 1));
  };
  if (line.empty()) return;
  switch (lower_case(line.front())) {
    case 'h':
      if (const auto host = value_of("host"); host && host_.size == 0) {
        host_ = {.at = static_cast<std::uint32_t>(host->data() - text.data()),
                 .size = static_cast<std::uint32_t>(host->size())};
      }
      break;
    case 'c':
      if (const auto value = value_of("content-length")) read_length(*value);
      break;
    case 't':
      if (const auto value = value_of("transfer-encoding")) read_coding(*value);
      break;
    case 'u':
      if (auto value = value_of("upgrade")) {
        while (!value->empty()) http2_ |= same_name(take_element(*value), "h2c");
      }
      break;
    default:
      break;
  }
}

// A list of the same number over and over is taken for that number (RFC 9112, section 6.3).
void Head::read_length(std::string_view value) {
  do {
    const auto text = take_element(value);
    std::uint64_t length = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), length);
    const bool number = error == std::errc{} && stop == text.data() + text.size() && length <= kMostLength;
    if (!number || (length_ && *length_ != length)) bad_length_ = true;
    if (number) length_ = length;
  } while (!value.empty());
}

void Head::read_coding(std::string_view value) {
  while (!value.empty()) {
    const auto coding = take_element(value);
    if (coding.empty() || same_name(coding, "identity")) continue;
    coding_ = same_name(coding, "chunked") ? TransferCoding::chunked : TransferCoding::other;
  }
}

}  // namespace tidegate
