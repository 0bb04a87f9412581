#include "config/kernel_forward.h"

#include <algorithm>

#include "base/text.h"

namespace tidegate {
namespace {

constexpr std::string_view kHolds = "goes only with \"engine: user\" (the kernel holds nobody by itself)";
constexpr std::string_view kWhole =
    "goes only with \"engine: user\" (the kernel slows a forward as a whole: rate: {all: 20Mbit/s})";
constexpr std::string_view kTimeouts =
    "goes only with \"engine: user\" (with kernel those of connection tracking apply: sysctl "
    "net.netfilter.nf_conntrack_…)";
constexpr std::string_view kProxy = "goes only with \"engine: user\" (the kernel writes nothing into a connection)";
constexpr std::string_view kSessions =
    "goes only with \"engine: user\" (with kernel: connections: {all: …, each_client: …})";

constexpr UserKey kKeys[] = {
    {"hold", kHolds, [](const ForwardSettings& f) { return f.hold != HoldSettings{}; }},
    {"rate.each_client", kWhole, [](const ForwardSettings& f) { return f.rate.each_client != 0; }},
    {"rate.each_connection", kWhole, [](const ForwardSettings& f) { return f.rate.each_connection != 0; }},
    {"timeouts", kTimeouts, [](const ForwardSettings& f) { return f.timeouts != TimeoutSettings{}; }},
    {"proxy_protocol", kProxy, [](const ForwardSettings& f) { return f.proxy_protocol != ProxyProtocolSettings{}; }},
    {"transparent",
     "goes only with \"engine: user\" (the kernel keeps the client's address unless it masquerades: masquerade: never)",
     [](const ForwardSettings& f) { return f.transparent; }},
    {"udp_sessions", kSessions,
     [](const ForwardSettings& f) { return f.udp_sessions != ForwardSettings{}.udp_sessions; }},
    {"udp_sessions_each_client", kSessions,
     [](const ForwardSettings& f) { return f.udp_sessions_each_client != ForwardSettings{}.udp_sessions_each_client; }},
};

constexpr std::string_view kUnix = "a UNIX socket goes only with \"engine: user\" (the kernel forwards IP packets)";

}  // namespace

std::span<const UserKey> keys_of_engine_user() { return kKeys; }

void validate_kernel_forward(const std::string& path, const ForwardSettings& forward, Problems& problems) {
  const auto add = [&](std::string_view key, std::string_view what) {
    problems.add(path_to(path, key), std::string{what});
  };
  for (const UserKey& key : kKeys) {
    if (key.is_set(forward)) add(key.key, key.reason);
  }
  if (forward.listen.is_unix()) add("listen", kUnix);
  for (std::size_t i = 0; i < forward.targets.size(); ++i) {
    const Target& target = forward.targets[i];
    const std::string key = fmt::format("targets[{}]", i);
    if (target.is_unix()) add(key, kUnix);
    const auto address = IpAddress::parse(target.host);
    if (!address) continue;
    const IpAddress& listen = forward.listen.address;
    if (listen && listen.is_v4() != address->is_v4()) {
      add(key, fmt::format("{} is of another IP version than {}: only \"engine: user\" leads from one to the other",
                           address->to_string(), listen.to_string()));
    }
  }
  // What a limit of nf_tables can count (nft_limit_init() of the kernel: nanoseconds times bytes in 64 bits).
  constexpr std::uint64_t kMostRate = 12'500'000'000;
  const auto rate = [&](std::string_view key, std::uint64_t bytes_per_second) {
    if (bytes_per_second > kMostRate) add(key, "is more than the kernel can count (at most 100Gbit/s)");
  };
  rate("rate.all", forward.rate.all);
  rate("limit_throttle", forward.limit_throttle);
  if (forward.quota) rate("quota.to", forward.quota->throttle);
  if (forward.balance == Balance::least_connections) {
    add("balance", "\"least_connections\" goes only with \"engine: user\" (allowed: round_robin or source)");
  }
}

void watch_listening_ports(std::vector<PortRange>& ports, const ForwardSettings& forward) {
  for (const Protocol protocol : {Protocol::tcp, Protocol::udp}) {
    const bool carried = carries(forward.protocol, protocol == Protocol::udp);
    const PortRange range{.protocol = protocol, .first = forward.listen.first, .last = forward.listen.last};
    const auto covers = [&](const PortRange& other) {
      return other.contains(protocol, range.first) && other.contains(protocol, range.last);
    };
    if (carried && range.first != 0 && std::ranges::none_of(ports, covers)) ports.push_back(range);
  }
}

}  // namespace tidegate
