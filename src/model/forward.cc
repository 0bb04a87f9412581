#include "model/forward.h"

#include <array>
#include <charconv>

#include "base/text.h"

namespace tidegate {

namespace {

constexpr std::size_t kMostUnixPath = 107;  // sun_path of unix(7), less its NUL
constexpr std::string_view kUnix = "unix:";

std::optional<std::uint16_t> port_of(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

std::optional<PortSpan> ports_of(std::string_view text) {
  const auto dash = text.find('-');
  const auto first = port_of(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : port_of(text.substr(dash + 1));
  if (!first || !last || *last < *first) return std::nullopt;
  return PortSpan{*first, *last};
}

struct HostPort {
  std::string_view host;  // without brackets
  PortSpan ports;
};

std::optional<HostPort> split_host_port(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const auto ports = ports_of(text.substr(colon + 1));
  if (!ports) return std::nullopt;
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    if (const auto address = IpAddress::parse(host); !address || !address->is_v6()) return std::nullopt;
  } else if (host.contains(':')) {
    return std::nullopt;
  }
  return HostPort{host, *ports};
}

Result<std::string> parse_unix_path(std::string_view text) {
  text.remove_prefix(kUnix.size());
  if (text.empty() || text.size() > kMostUnixPath || text.find('\0') != std::string_view::npos) {
    return failure("\"{}\" is not the path of a UNIX socket (1 to {} bytes)", printable(text), kMostUnixPath);
  }
  return std::string{text};
}

}  // namespace

std::string_view to_string(ForwardEngine engine) { return engine == ForwardEngine::user ? "user" : "kernel"; }

std::string_view bytes_counted(ForwardEngine engine) {
  return engine == ForwardEngine::user ? "payload" : "ip packets";
}

bool is_host(std::string_view text) {
  constexpr std::size_t kMost = 253;  // RFC 1035, section 2.3.4
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
  if (IpAddress::parse(text)) return true;
  return !text.empty() && text.size() <= kMost && text.find_first_not_of(kAllowed) == std::string_view::npos;
}

Result<PortSpan> PortSpan::parse(std::string_view text) {
  const auto ports = ports_of(text);
  if (!ports) return failure("\"{}\" is not a port (try 10001 or 10000-19999; 1 to 65535)", printable(text));
  return *ports;
}

std::string_view to_string(ForwardProtocol protocol) {
  constexpr std::array<std::string_view, 3> kNames = {"tcp", "udp", "both"};
  return kNames.at(static_cast<std::size_t>(protocol));
}

Result<ListenAddress> ListenAddress::parse(std::string_view text) {
  if (text.starts_with(kUnix)) {
    auto path = parse_unix_path(text);
    if (!path) return std::unexpected{std::move(path.error())};
    return ListenAddress{.unix_path = std::move(*path), .address = {}};
  }
  const auto wrong = [&] {
    return failure(
        "\"{}\" is not an address to listen on (try 10001, 192.0.2.10:10001, [::]:10001, *:10000-19999 or "
        "unix:/run/x.sock)",
        printable(text));
  };
  if (const auto ports = ports_of(text)) {
    return ListenAddress{.unix_path = {}, .address = {}, .first = ports->first, .last = ports->last};
  }
  const auto parts = split_host_port(text);
  if (!parts) return wrong();
  ListenAddress listen{.unix_path = {}, .address = {}, .first = parts->ports.first, .last = parts->ports.last};
  if (parts->host == "*") return listen;
  const auto address = IpAddress::parse(parts->host);
  if (!address) return wrong();
  listen.address = *address;
  return listen;
}

std::string ListenAddress::to_string() const {
  if (is_unix()) return std::string{kUnix} + unix_path;
  const std::string host = !address ? "*" : address.is_v6() ? "[" + address.to_string() + "]" : address.to_string();
  return first == last ? fmt::format("{}:{}", host, first) : fmt::format("{}:{}-{}", host, first, last);
}

Result<Target> Target::parse(std::string_view text) {
  if (text.starts_with(kUnix)) {
    auto path = parse_unix_path(text);
    if (!path) return std::unexpected{std::move(path.error())};
    return Target{.unix_path = std::move(*path), .host = {}};
  }
  const auto parts = split_host_port(text);
  if (!parts || !is_host(parts->host)) {
    return failure("\"{}\" is not a target (try 127.0.0.1:10000, db.example.net:5432, [::1]:80 or unix:/run/app.sock)",
                   printable(text));
  }
  return Target{.unix_path = {},
                .host = std::string{parts->host},
                .port = parts->ports.first,
                .each_port = parts->ports.first != parts->ports.last,
                .last = parts->ports.first != parts->ports.last ? parts->ports.last : std::uint16_t{0}};
}

std::string Target::to_string() const {
  if (is_unix()) return std::string{kUnix} + unix_path;
  std::string name = host.find(':') == std::string::npos ? host : "[" + host + "]";
  if (port == 0) return name;
  if (!each_port) return fmt::format("{}:{}", name, port);
  return last == 0 ? fmt::format("{}:{}-…", name, port) : fmt::format("{}:{}-{}", name, port, last);
}

}  // namespace tidegate
