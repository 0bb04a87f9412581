#include "api/access.h"

#include <algorithm>
#include <charconv>

#include "base/ascii.h"
#include "base/text.h"

namespace tidegate {
namespace {

bool equal_but_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower_case(x) == lower_case(y); });
}

bool is_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc{} && stop == text.data() + text.size();
}

}  // namespace

bool constant_time_equal(std::string_view given, std::string_view secret) {
  // volatile: the compiler may not find out that the answer is known early.
  volatile unsigned char difference = given.size() == secret.size() ? 0 : 1;
  const std::string_view against = given.size() == secret.size() ? secret : given;
  for (std::size_t i = 0; i < given.size(); ++i) {
    difference = static_cast<unsigned char>(difference | (given[i] ^ against[i]));
  }
  return difference == 0;
}

std::optional<std::string_view> wrong_authorization(std::string_view header, std::string_view token) {
  constexpr std::string_view kScheme = "Bearer ";
  if (header.empty()) return "missing authorization header";
  if (!equal_but_case(header.substr(0, kScheme.size()), kScheme)) return "invalid token";
  if (!constant_time_equal(trim(header.substr(kScheme.size())), token)) return "invalid token";
  return std::nullopt;
}

bool is_local(const ListenAddress& listen) { return listen.is_unix() || listen.address.is_loopback(); }

Result<> check_exposure(const ListenAddress& listen, bool has_token, bool insecure) {
  if (has_token || insecure || is_local(listen)) return {};
  return failure(
      "api: {} is reached from other hosts, and there is no token: set token:, token_file: or the environment variable "
      "TIDEGATE_TOKEN, listen on 127.0.0.1, [::1] or a UNIX socket, or say insecure: true",
      listen.to_string());
}

bool names_loopback(std::string_view host) {
  // The colon before a port; those of an IPv6 address stand in brackets.
  const auto colon = host.find(':', host.starts_with('[') ? std::min(host.find(']'), host.size()) : 0);
  if (colon != std::string_view::npos) {
    if (!is_port(host.substr(colon + 1))) return false;
    host = host.substr(0, colon);
  }
  if (equal_but_case(host, "localhost")) return true;
  const bool brackets = host.starts_with('[') && host.ends_with(']');
  const auto address = IpAddress::parse(brackets ? host.substr(1, host.size() - 2) : host);
  return address && address->is_loopback() && address->is_v6() == brackets;
}

bool same_origin(std::string_view origin, std::string_view host) {
  const auto scheme = origin.find("://");
  return scheme != std::string_view::npos && equal_but_case(origin.substr(scheme + 3), host);
}

}  // namespace tidegate
