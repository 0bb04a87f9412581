// A forward as configured: where it listens, where it leads, and within which bounds. Plain, validated values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "model/address.h"
#include "model/quota.h"

namespace tidegate {

enum class ForwardProtocol : std::uint8_t { tcp, udp, both };
[[nodiscard]] std::string_view to_string(ForwardProtocol protocol);  // "tcp", "udp", "both"
[[nodiscard]] constexpr bool carries_tcp(ForwardProtocol protocol) { return protocol != ForwardProtocol::udp; }
[[nodiscard]] constexpr bool carries_udp(ForwardProtocol protocol) { return protocol != ForwardProtocol::tcp; }
[[nodiscard]] constexpr bool carries(ForwardProtocol protocol, bool udp) {
  return udp ? carries_udp(protocol) : carries_tcp(protocol);
}

// Who carries the bytes: tidegate's data threads, or the kernel by rules of nf_tables.
enum class ForwardEngine : std::uint8_t { user, kernel };
[[nodiscard]] std::string_view to_string(ForwardEngine engine);  // "user", "kernel"

// What the bytes of such a forward are: "payload", or "ip packets": headers included, one for all segments of a packet
// that the kernel handles as one (GSO).
[[nodiscard]] std::string_view bytes_counted(ForwardEngine engine);

// True for an address, and for a name of letters, digits, -, . and _.
[[nodiscard]] bool is_host(std::string_view text);

// A port or several in a row, as a forward has them: "10001", "10000-19999"; 1 to 65535, first not above last.
struct PortSpan {
  std::uint16_t first = 0;
  std::uint16_t last = 0;  // inclusive

  [[nodiscard]] static Result<PortSpan> parse(std::string_view text);
  bool operator==(const PortSpan&) const = default;
};

// Where a forward listens: "192.0.2.10:10001", "[::]:10001", "*:10000-19999", "unix:/run/x.sock".
struct ListenAddress {
  std::string unix_path;  // a UNIX stream socket; then nothing else counts
  IpAddress address;      // none: every address of this host, IPv4 and IPv6
  std::uint16_t first = 0;
  std::uint16_t last = 0;  // inclusive

  [[nodiscard]] static Result<ListenAddress> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;
  [[nodiscard]] bool is_unix() const { return !unix_path.empty(); }
  [[nodiscard]] std::size_t ports() const { return is_unix() ? 1 : static_cast<std::size_t>(last - first) + 1; }
  bool operator==(const ListenAddress&) const = default;
};

// Where a forward leads: "127.0.0.1:10000", "db.example.net:5432", "[::1]:80", "unix:/run/app.sock".
struct Target {
  std::string unix_path;     // a UNIX stream socket; then nothing else counts but the weight
  std::string host;          // an address or a name
  std::uint16_t port = 0;    // of the first listening port; 0: the same port that was listened on
  bool each_port = false;    // a range: the nth listening port leads to the nth port from `port` on
  std::uint16_t last = 0;    // of a range as it was written, inclusive; 0: as many ports as are listened on
  std::uint32_t weight = 1;  // 1 to 256

  [[nodiscard]] static Result<Target> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;
  [[nodiscard]] bool is_unix() const { return !unix_path.empty(); }
  bool operator==(const Target&) const = default;
};

enum class Balance : std::uint8_t { round_robin, least_connections, source };

// Active health check of the targets: a TCP connection is opened, and closed again.
struct HealthCheck {
  Duration every = std::chrono::seconds{5};
  Duration timeout = std::chrono::seconds{2};
  std::uint32_t fall = 3;  // failures in a row before a target is left out
  std::uint32_t rise = 2;  // answers in a row before it is taken again
  bool operator==(const HealthCheck&) const = default;
};

// What a client gets that cannot be held any longer, or not at all.
enum class HoldAnswer : std::uint8_t {
  close,
  reset,
  http_503,   // for HTTP: 503 with Retry-After
  http_page,  // for HTTP: 503 with a small page that reloads itself
};

// How clients wait while the service of the forward is not ready.
struct HoldSettings {
  std::uint32_t clients = 1000;                  // that wait at once: connections, or UDP sessions
  Duration duration = std::chrono::seconds{60};  // `for`
  HoldAnswer then = HoldAnswer::close;
  std::uint64_t udp_bytes = 65'536;  // of datagrams waiting, for a client
  std::uint32_t udp_datagrams = 64;  // likewise
  bool operator==(const HoldSettings&) const = default;
};

// Bytes per second, both directions together; 0: no limit. Bursts of up to a tenth of a second.
struct RateSettings {
  std::uint64_t all = 0;
  std::uint64_t each_client = 0;
  std::uint64_t each_connection = 0;
  bool operator==(const RateSettings&) const = default;
};

// "20/s", "300/m": how many new ones in a time; count 0: no limit.
struct NewRate {
  std::uint32_t count = 0;
  Duration within = std::chrono::seconds{1};
  bool operator==(const NewRate&) const = default;
};

// Open at once, and new ones; 0: no limit. UDP sessions count as connections.
struct ConnectionSettings {
  std::uint32_t all = 0;
  std::uint32_t each_client = 0;
  NewRate new_all;
  NewRate new_each_client;
  bool operator==(const ConnectionSettings&) const = default;
};

struct TimeoutSettings {
  Duration connect = std::chrono::seconds{5};
  std::optional<Duration> idle;                   // of a TCP connection without a byte either way
  Duration half_close = std::chrono::minutes{1};  // one side has closed, and the other is silent
  Duration udp = std::chrono::seconds{60};        // of a session without a datagram either way
  Duration keepalive = std::chrono::minutes{1};   // of silence, before a peer is asked whether it lives (TCP keepalive)
  Duration user = std::chrono::seconds{60};       // that sent bytes may stay unacknowledged (TCP_USER_TIMEOUT)
  bool operator==(const TimeoutSettings&) const = default;
};

enum class ProxyHeader : std::uint8_t { none, v1, v2 };

struct ProxyProtocolSettings {
  ProxyHeader send = ProxyHeader::none;
  std::vector<Cidr> accept_from;  // sources that must send a header; from others none is read
  bool operator==(const ProxyProtocolSettings&) const = default;
};

// Whether an open connection keeps the forward's service awake by itself, or only its traffic does.
enum class IdleConnections : std::uint8_t { keep, traffic };

// Engine kernel: whether targets see this host's address instead of the client's. Automatic: where their answers would
// not come back through here by themselves, as far as this host can tell.
enum class Masquerade : std::uint8_t { automatic, always, never };

struct ForwardSettings {
  std::string name;
  ForwardEngine engine = ForwardEngine::user;
  Masquerade masquerade = Masquerade::automatic;
  ForwardProtocol protocol = ForwardProtocol::tcp;
  ListenAddress listen;
  std::vector<Target> targets;
  Balance balance = Balance::round_robin;
  std::optional<HealthCheck> check;
  std::string service;  // woken by the first connection or datagram, which waits; empty: none
  HoldSettings hold;
  IdleConnections idle_connections = IdleConnections::keep;
  std::uint64_t limit = 0;                      // bytes for all time; 0: none
  std::uint64_t limit_monthly = 0;              // bytes for a calendar month; 0: none
  std::optional<QuotaSettings> quota;           // of its own; its group's are in the configuration's list
  LimitAction limit_action = LimitAction::cut;  // of limit and limit_monthly
  std::uint64_t limit_throttle = 0;             // bytes per second, of throttle
  RateSettings rate;
  ConnectionSettings connections;
  std::vector<Cidr> allow;  // empty: any source
  std::vector<Cidr> deny;   // wins over `allow`
  TimeoutSettings timeouts;
  ProxyProtocolSettings proxy_protocol;
  bool transparent = false;             // towards the target, bytes come from the client's address (IP_TRANSPARENT)
  std::uint32_t udp_sessions = 65'536;  // at once; the one idle for longest leaves first
  std::uint32_t udp_sessions_each_client = 1024;  // likewise, for one client address
  bool operator==(const ForwardSettings&) const = default;
};

}  // namespace tidegate
