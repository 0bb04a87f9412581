// Who may ask the API what: the bearer token (RFC 6750), and what keeps a web page that somebody on this host looks at
// from talking to an API without a token (DNS rebinding, cross-site requests). Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "model/forward.h"

namespace tidegate {

// Whether the two are equal, in a time that depends on the length of `given` alone.
[[nodiscard]] bool constant_time_equal(std::string_view given, std::string_view secret);

// What is wrong with an Authorization header (nothing: it names the token), in traffic-monitor's words: "missing
// authorization header" for an empty one, else "invalid token". `token` must not be empty.
[[nodiscard]] std::optional<std::string_view> wrong_authorization(std::string_view header, std::string_view token);

// Only this host can reach it.
[[nodiscard]] bool is_local(const ListenAddress& listen);

// Without a token the API listens where only this host reaches it, unless `insecure`. The error says what is allowed.
[[nodiscard]] Result<> check_exposure(const ListenAddress& listen, bool has_token, bool insecure);

// Whether a Host header ("localhost:8080", "[::1]") names this host by a name that no foreign DNS can point here: an
// address of the loopback, or "localhost". Any port: the client may come through a tunnel.
[[nodiscard]] bool names_loopback(std::string_view host);

// Whether a page of `origin` ("http://localhost:8080", "null") came from the server that `host` names.
[[nodiscard]] bool same_origin(std::string_view origin, std::string_view host);

}  // namespace tidegate
