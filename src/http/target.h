// What a request's target says: its section and its host, in the four forms of RFC 9112, section 3.2. All answers are
// parts of the text that was given, of whatever bytes, or constants.
#pragma once

#include <string_view>

namespace tidegate {

// The first segment of the path with its slash, where a second slash follows it; else "/": "/foo/index.html" → "/foo",
// "/index.html" → "/". Query and fragment do not count, of the absolute form only the path does, and the authority and
// asterisk forms have none: "/".
[[nodiscard]] std::string_view section_of(std::string_view target);

// The authority of a target of absolute form ("http://example.com:8080/x" → "example.com:8080") or, where it is that of
// CONNECT, of authority form; empty for the others.
[[nodiscard]] std::string_view authority_of(std::string_view target, bool connect);

// Without user information and port: "a@example.com:80" → "example.com", "[::1]:80" → "[::1]". Case is as it was sent.
[[nodiscard]] std::string_view host_of(std::string_view authority);

}  // namespace tidegate
