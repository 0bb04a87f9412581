// The target of an HTTP request, taken apart: path segments and query (RFC 3986 section 3, RFC 9112 section 3.2), and
// patterns that paths are matched against. Pure.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace tidegate {

struct HttpTarget {
  std::string authority;                                  // of the absolute form, "http://HOST:PORT/…"; else empty
  std::vector<std::string> path;                          // decoded segments; "/" has none
  std::map<std::string, std::string, std::less<>> query;  // decoded, "+" is a space; of a name given twice the last
};

// Refuses what no client of ours sends and what a file name or a log had better not contain: a wrong escape, a control
// character, a segment "." or "..".
[[nodiscard]] Result<HttpTarget> parse_target(std::string_view target);

// What the parameters of `pattern` ("/forwards/{name}/usage") are in `path`, by name; nothing where it does not fit. A
// parameter is one whole segment and never empty.
[[nodiscard]] std::optional<std::map<std::string, std::string, std::less<>>> match_path(
    std::string_view pattern, std::span<const std::string> path);

}  // namespace tidegate
