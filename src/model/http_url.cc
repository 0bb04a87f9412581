#include "model/http_url.h"

#include <algorithm>

#include "model/address.h"
#include "model/forward.h"

namespace tidegate {
namespace {

constexpr std::string_view kHttp = "http://";
constexpr std::string_view kHttps = "https://";

constexpr std::uint16_t port_of(bool tls) { return tls ? 443 : 80; }

// Visible ASCII without what begins a fragment or ends user information.
bool is_clean(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f' && c != '#' && c != '@'; });
}

// "name", "name:80", "[::1]", "[::1]:80".
bool take_authority(std::string_view text, HttpUrl& url) {
  const bool bracketed = text.starts_with('[');
  const auto end = bracketed ? text.find(']') : text.find(':');
  if (bracketed) {
    if (end == std::string_view::npos) return false;
    url.host = text.substr(1, end - 1);
    const auto address = IpAddress::parse(url.host);
    if (!address || !address->is_v6()) return false;
    text.remove_prefix(end + 1);
  } else {
    url.host = text.substr(0, end);
    if (!is_host(url.host)) return false;
    text.remove_prefix(url.host.size());
  }
  if (text.empty()) return true;
  const auto port = PortSpan::parse(text.substr(1));
  if (text[0] != ':' || !port || port->first != port->last) return false;
  url.port = port->first;
  return true;
}

}  // namespace

Result<HttpUrl> HttpUrl::parse(std::string_view text) {
  HttpUrl url;
  url.tls = text.starts_with(kHttps);
  url.port = port_of(url.tls);
  const bool has_scheme = url.tls || text.starts_with(kHttp);
  const std::string_view rest = has_scheme ? text.substr(url.tls ? kHttps.size() : kHttp.size()) : std::string_view{};
  const auto path = std::min(rest.find_first_of("/?"), rest.size());
  if (!is_clean(text) || !take_authority(rest.substr(0, path), url)) {
    return failure("is not a URL of http or https (try https://example.net/hook)");
  }
  url.target = rest.substr(path);
  if (!url.target.starts_with('/')) url.target.insert(0, "/");
  return url;
}

std::string HttpUrl::authority() const {
  std::string text = host.contains(':') ? fmt::format("[{}]", host) : host;
  if (port != port_of(tls)) text += fmt::format(":{}", port);
  return text;
}

std::string HttpUrl::origin() const { return fmt::format("{}{}", tls ? kHttps : kHttp, authority()); }

}  // namespace tidegate
