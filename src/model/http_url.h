// A URL of http or https, as far as RFC 3986 goes without user information and fragment.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace tidegate {

struct HttpUrl {
  bool tls = false;          // https
  std::string host;          // a name or an address, an IPv6 one without its brackets
  std::uint16_t port = 80;   // where none is given, that of the scheme
  std::string target = "/";  // path and query, as they go into a request

  // "https://example.net/hook?x=1", "http://[::1]:8080". The error does not quote the text: what stands in a path is a
  // secret often.
  [[nodiscard]] static Result<HttpUrl> parse(std::string_view text);

  // "example.net", "[::1]:8080": host, and the port where it is not the scheme's, as in the field Host.
  [[nodiscard]] std::string authority() const;

  // "https://example.net": what may be shown of it anywhere.
  [[nodiscard]] std::string origin() const;

  bool operator==(const HttpUrl&) const = default;
};

}  // namespace tidegate
