// Readiness probes; URLs as far as RFC 3986 goes for `http` without user information.
#include "config/ready.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/text.h"
#include "base/units.h"
#include "model/forward.h"
#include "model/http_url.h"

namespace tidegate {
namespace {

struct HostPort {
  std::string host;  // without brackets; empty: not given
  std::string_view port;
};

// "host:port", "[v6]:port", and each part alone where it may be.
std::optional<HostPort> split_host_port(std::string_view text) {
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view host = text.substr(1, end - 1);
    const std::string_view rest = text.substr(end + 1);
    const auto address = IpAddress::parse(host);
    if (!address || !address->is_v6() || !(rest.empty() || rest.starts_with(':'))) return std::nullopt;
    return HostPort{std::string{host}, rest.empty() ? rest : rest.substr(1)};
  }
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return HostPort{std::string{text}, {}};
  if (text.find(':', colon + 1) != std::string_view::npos) return std::nullopt;
  return HostPort{std::string{text.substr(0, colon)}, text.substr(colon + 1)};
}

std::optional<std::uint16_t> port_number(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

// "8212" or "host:8212".
template <class Probe>
Result<Probe> parse_probe(std::string_view text) {
  const auto wrong = [&] {
    return failure("\"{}\" is not a port to ask (try 8212, 127.0.0.1:8212 or [::1]:8212)", printable(text));
  };
  Probe probe;
  if (const auto port = port_number(text)) {
    probe.port = *port;
    return probe;
  }
  const auto parts = split_host_port(text);
  const auto port = parts ? port_number(parts->port) : std::nullopt;
  if (!port || !is_host(parts->host)) return wrong();
  probe.host = parts->host;
  probe.port = *port;
  return probe;
}

Result<ReadyHttp> parse_url(std::string_view text) {
  auto url = HttpUrl::parse(text);
  if (!url) return failure("\"{}\" is not a URL (try http://127.0.0.1:8080/health)", printable(text));
  if (url->tls) return failure("\"{}\": https is not asked (allowed: http)", printable(text));
  return ReadyHttp{.host = std::move(url->host),
                   .port = url->port,
                   .target = std::move(url->target),
                   .url = std::string{text},
                   .status = {}};
}

Result<ReadyDelay> parse_delay(std::string_view text) {
  const auto delay = parse_duration(text);
  if (!delay) return std::unexpected{delay.error()};
  return ReadyDelay{*delay};
}

template <class Probe>
Result<Ready> as_ready(Result<Probe> probe) {
  if (!probe) return std::unexpected{std::move(probe).error()};
  return Ready{*std::move(probe)};
}

constexpr Key<ReadyUdp> kUdpKeys[] = {
    {"port",
     [](const Value& value, ReadyUdp& udp) {
       std::uint32_t port = 0;
       read_number(value, 1, 65535, port);
       udp.port = static_cast<std::uint16_t>(port);
     }},
    {"host", [](const Value& value, ReadyUdp& udp) { value.read(udp.host, parse_host); }},
    {"send", [](const Value& value, ReadyUdp& udp) { value.read(udp.send, parse_escapes); }},
};

constexpr Key<ReadyHttp> kHttpKeys[] = {
    {"url",
     [](const Value& value, ReadyHttp& http) {
       const auto status = http.status;
       if (value.read(http, parse_url)) http.status = status;
     }},
    {"status",
     [](const Value& value, ReadyHttp& http) {
       std::uint32_t status = 0;
       read_number(value, 100, 599, status);
       http.status = static_cast<int>(status);
     }},
};

constexpr Key<std::optional<Ready>> kReadyKeys[] = {
    {"tcp",
     [](const Value& value, std::optional<Ready>& ready) {
       value.read(ready.emplace().emplace<ReadyTcp>(), parse_probe<ReadyTcp>);
     }},
    {"udp",
     [](const Value& value, std::optional<Ready>& ready) {
       auto& udp = ready.emplace().emplace<ReadyUdp>();
       if (!value.is_map()) {
         value.read(udp, parse_probe<ReadyUdp>);
         return;
       }
       read_map(value, kUdpKeys, udp);
       if (!value.gives("port")) value.fail("has no port");
     }},
    {"http",
     [](const Value& value, std::optional<Ready>& ready) {
       auto& http = ready.emplace().emplace<ReadyHttp>();
       if (!value.is_map()) {
         value.read(http, parse_url);
         return;
       }
       read_map(value, kHttpKeys, http);
       if (!value.gives("url")) value.fail("has no url");
     }},
    {"command",
     [](const Value& value, std::optional<Ready>& ready) {
       ready.emplace();
       if (auto command = read_command(value)) *ready = ReadyCommand{*std::move(command)};
     }},
    {"delay", [](const Value& value,
                 std::optional<Ready>& ready) { read_duration(value, ready.emplace().emplace<ReadyDelay>().delay); }},
};

}  // namespace

void read_ready(const Value& value, Ready& into) {
  if (!value.is_map()) {
    const auto text = value.text();
    if (!text) return;
    if (*text != "none") {
      value.fail(fmt::format("\"{}\" is no probe (allowed: none, or a map with one of {})", *text,
                             join_words(names_of(kReadyKeys), "or")));
      return;
    }
    into = ReadyNow{};
    return;
  }
  std::optional<Ready> ready;
  read_map(value, kReadyKeys, ready);
  const auto given = std::ranges::count_if(kReadyKeys, [&](const auto& key) { return value.gives(key.name); });
  if (given > 1)
    value.fail(fmt::format("more than one probe (allowed: one of {})", join_words(names_of(kReadyKeys), "or")));
  if (value.is_empty_map())
    value.fail(
        fmt::format("names no probe (allowed: none, or a map with one of {})", join_words(names_of(kReadyKeys), "or")));
  if (given == 1) into = *std::move(ready);
}

Result<std::string> parse_escapes(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      bytes += text[i];
      continue;
    }
    constexpr std::string_view kLetters = "nrt0\\";
    constexpr std::string_view kBytes{"\n\r\t\0\\", 5};
    const std::string_view rest = text.substr(i + 1);
    if (rest.empty()) return failure("\"{}\" ends in the middle of an escape (\\\\ is a backslash)", printable(text));
    if (const auto letter = kLetters.find(rest[0]); letter != std::string_view::npos) {
      bytes += kBytes[letter];
      i += 1;
      continue;
    }
    unsigned byte = 0;
    const std::string_view digits = rest.substr(1, 2);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
    if (rest[0] != 'x' || digits.size() != 2 || error != std::errc{} || end != digits.data() + 2) {
      return failure("\"{}\" has an escape that is not known (allowed: \\xNN, \\n, \\r, \\t, \\0 and \\\\)",
                     printable(text));
    }
    bytes += static_cast<char>(byte);
    i += 3;
  }
  return bytes;
}

Result<Ready> parse_ready(std::string_view kind, std::string_view value) {
  if (kind == "tcp") return as_ready(parse_probe<ReadyTcp>(value));
  if (kind == "udp") return as_ready(parse_probe<ReadyUdp>(value));
  if (kind == "http") return as_ready(parse_url(value));
  if (kind == "delay") return as_ready(parse_delay(value));
  if (kind == "command") {
    if (trim(value).empty()) return failure("the command that tells whether it is ready is empty");
    return Ready{ReadyCommand{Command::shell(std::string{value})}};
  }
  if (kind == "none" && value.empty()) return Ready{ReadyNow{}};
  return failure("\"{}\" is no probe (allowed: none, {})", printable(kind), join_words(names_of(kReadyKeys), "or"));
}

std::vector<std::string> ready_keys() {
  std::vector<std::string> keys;
  append_keys(keys, "", names_of(kReadyKeys));
  append_keys(keys, "udp", names_of(kUdpKeys));
  append_keys(keys, "http", names_of(kHttpKeys));
  return keys;
}

}  // namespace tidegate
