#include "api/http_dispatch.h"

#include <algorithm>
#include <boost/json.hpp>
#include <optional>

#include "api/access.h"
#include "api/http_target.h"
#include "api/json_text.h"
#include "base/text.h"

namespace tidegate {
namespace {

// The routes of one path.
struct Matches {
  const HttpRoute* route = nullptr;  // the first of the method
  ApiRequest::Fields parameters;
  bool known = false;                   // the path has a route
  bool needs_token = false;             // one of them does
  std::vector<std::string_view> allow;  // methods
};

Matches match(const ApiRequest& request, std::span<const HttpRoute> routes) {
  Matches matches;
  matches.needs_token = !request.path.empty() && request.path.front() == "api";
  for (const auto& route : routes) {
    auto parameters = match_path(route.pattern, request.path);
    if (!parameters) continue;
    matches.needs_token = matches.known ? matches.needs_token || route.needs_token : route.needs_token;
    matches.known = true;
    matches.allow.emplace_back(route.method);
    if (route.method == "GET") matches.allow.emplace_back("HEAD");
    if (matches.route != nullptr || route.method != request.method) continue;
    matches.route = &route;
    matches.parameters = std::move(*parameters);
  }
  if (matches.known) matches.allow.emplace_back("OPTIONS");
  return matches;
}

bool changes_nothing(std::string_view method) { return method == "GET" || method == "OPTIONS"; }

ApiResponse unauthorized(std::string_view error) {
  auto response = error_response(401, error);
  response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

ApiResponse not_here(const ApiRequest& request, const Matches& matches) {
  const bool asked = request.method == "OPTIONS";
  const auto allow = fmt::format("{}", fmt::join(matches.allow, ", "));
  auto response = asked ? ApiResponse{.status = 204, .content_type = {}, .body = {}}
                        : error_response(405, fmt::format("{} is not possible here, but {} is",
                                                          printable(request.method), join_words(matches.allow, "or")));
  response.headers.emplace_back("Allow", allow);
  return response;
}

std::string without_line_ends(std::string_view text) {
  std::string line{text};
  std::erase_if(line, [](char c) { return c == '\n' || c == '\r' || c == '\0'; });
  return line;
}

}  // namespace

ApiResponse json_response(const boost::json::value& answer, int status) {
  return {.status = status, .body = json_text(answer) + "\n"};
}

ApiResponse error_response(int status, std::string_view error) {
  return json_response(boost::json::object{{"error", error}}, status);
}

std::expected<const HttpRoute*, ApiResponse> find_route(ApiRequest& request, std::string_view target,
                                                        std::span<const HttpRoute> routes, const HttpAccess& access) {
  auto parsed = parse_target(target);
  if (!parsed) return std::unexpected{error_response(400, parsed.error().what)};
  // The absolute form wins over the header (RFC 9112 section 3.2.2). No header at all: HTTP/1.0, no browser.
  const auto host = parsed->authority.empty() ? std::string{request.header("host")} : parsed->authority;
  if (access.check_host && !host.empty() && !names_loopback(host)) {
    return std::unexpected{error_response(
        403, fmt::format("\"{}\" is not a name of this API: ask for localhost, 127.0.0.1 or [::1], or set a token",
                         printable(host)))};
  }
  request.path = std::move(parsed->path);
  request.query = std::move(parsed->query);
  if (request.method == "HEAD") request.method = "GET";

  auto matches = match(request, routes);
  if (!access.token.empty() && matches.needs_token) {
    const auto wrong = wrong_authorization(request.header("authorization"), access.token);
    if (wrong) return std::unexpected{unauthorized(*wrong)};
  }
  if (!matches.known) return std::unexpected{error_response(404, "there is nothing at this path")};
  if (matches.route == nullptr) return std::unexpected{not_here(request, matches)};
  const auto origin = request.header("origin");
  if (access.check_origin && !changes_nothing(request.method) && !origin.empty() && !same_origin(origin, host)) {
    return std::unexpected{
        error_response(403, fmt::format("a page of {} may not change anything here", printable(origin)))};
  }
  request.parameters = std::move(matches.parameters);
  return matches.route;
}

std::string event_text(std::string_view event, std::string_view data, std::string_view id) {
  std::string text;
  if (!event.empty()) text += fmt::format("event: {}\n", without_line_ends(event));
  if (!id.empty()) text += fmt::format("id: {}\n", without_line_ends(id));
  while (true) {  // any of \n, \r and \r\n ends a line
    const auto end = std::min(data.find_first_of("\r\n"), data.size());
    text += fmt::format("data: {}\n", data.substr(0, end));
    if (end == data.size()) break;
    data.remove_prefix(data.substr(end).starts_with("\r\n") ? end + 2 : end + 1);
  }
  return text + "\n";
}

}  // namespace tidegate
