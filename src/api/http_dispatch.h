// From a request to the route that answers it, or to the answer that refuses it. Pure.
#pragma once

#include <expected>
#include <span>
#include <string_view>

#include "api/http_server.h"

namespace tidegate {

// What is asked of a request before a handler is.
struct HttpAccess {
  std::string_view token;     // empty: none is asked for
  bool check_host = false;    // the Host header must name this host's loopback
  bool check_origin = false;  // a page that asks for a change must come from here
};

// The route that answers `request`, whose method and headers are set, and whose path, query and parameters are set
// here. A HEAD request is a GET. Otherwise the refusal (400, 401, 403, 404, 405), or the answer to OPTIONS.
[[nodiscard]] std::expected<const HttpRoute*, ApiResponse> find_route(ApiRequest& request, std::string_view target,
                                                                      std::span<const HttpRoute> routes,
                                                                      const HttpAccess& access);

// One server-sent event as it is written. Line ends in `event` and `id` are left out.
[[nodiscard]] std::string event_text(std::string_view event, std::string_view data, std::string_view id);

}  // namespace tidegate
