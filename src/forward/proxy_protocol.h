// The PROXY protocol, versions 1 and 2: the first bytes of a connection, by which a proxy tells who is at its other end
// (haproxy.org, proxy-protocol.txt). Pure functions on bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "model/address.h"
#include "model/forward.h"

namespace tidegate {

// The longest header that is read. Version 1 has at most 107 bytes; version 2 may say 65,551, of which we take what
// HAProxy calls reasonable: addresses, and TLVs up to this.
inline constexpr std::size_t kMostProxyHeader = 536;

// The bytes to send ahead of the connection's own, for a client at `source` that came to `destination`. Where one is
// IPv4 and the other IPv6, the first is mapped. Without both addresses: UNKNOWN (v1) or LOCAL (v2). None for `none`.
[[nodiscard]] std::string format_proxy_header(ProxyHeader version, const Endpoint& source, const Endpoint& destination);

struct ProxyHeaderResult {
  enum class Kind : std::uint8_t { need_more, invalid, header };

  Kind kind = Kind::need_more;
  std::string_view reason;  // invalid: what is wrong with it, of static storage
  std::size_t length = 0;   // header: its bytes; what follows is the connection's own
  Endpoint source;          // header: the client; none for UNKNOWN, LOCAL and what is not TCP over IP
  Endpoint destination;     // likewise; IPv4-mapped addresses come as IPv4
};

// What a connection's first bytes say. Of a valid header every shorter beginning needs more, and no kMostProxyHeader
// bytes ever do. TLVs are skipped.
[[nodiscard]] ProxyHeaderResult parse_proxy_header(std::span<const std::uint8_t> so_far);

}  // namespace tidegate
