// What must hold of forwards and of the groups of quotas; see validate.h.
#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "base/units.h"
#include "config/kernel_forward.h"
#include "config/validate.h"

namespace tidegate {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMostForwards = 2000;
constexpr std::size_t kMostQuotas = 1000;
constexpr std::size_t kMostPorts = 20'000;   // listened on, over all forwards; each is a descriptor a thread
constexpr std::size_t kMostTargets = 256;    // of one forward
constexpr Duration kMostKeepalive = 32767s;  // TCP_KEEPIDLE of tcp(7)
constexpr Duration kMostUser = 24 * 24h;     // TCP_USER_TIMEOUT is milliseconds in 31 bits

bool is_wildcard(const IpAddress& address) {
  return std::ranges::all_of(address.bytes(), [](std::uint8_t byte) { return byte == 0; });
}

// Whether something that comes to `address` comes to a socket bound to `bound`, and the other way around.
bool addresses_meet(const IpAddress& a, const IpAddress& b) {
  if (!a || !b) return true;
  if (a.is_v4() != b.is_v4()) return false;
  return a == b || is_wildcard(a) || is_wildcard(b);
}

bool listens_meet(const ListenAddress& a, const ListenAddress& b) {
  if (a.is_unix() || b.is_unix()) return a.unix_path == b.unix_path;
  return a.first <= b.last && b.first <= a.last && addresses_meet(a.address, b.address);
}

bool protocols_meet(ForwardProtocol a, ForwardProtocol b) {
  return (carries_tcp(a) && carries_tcp(b)) || (carries_udp(a) && carries_udp(b));
}

// The ports that a target has behind those that are listened on.
PortSpan ports_of(const Target& target, const ListenAddress& listen) {
  if (target.port == 0) return {listen.first, listen.last};
  if (!target.each_port) return {target.port, target.port};
  const unsigned last = target.port + unsigned{listen.last} - listen.first;
  return {target.port, static_cast<std::uint16_t>(std::min(last, 65535U))};
}

// Whether what is forwarded would come back: the target is where the forward itself listens, on this host for sure.
bool leads_to_itself(const ListenAddress& listen, const Target& target) {
  if (listen.is_unix() || target.is_unix()) return listen.is_unix() && listen.unix_path == target.unix_path;
  const PortSpan ports = ports_of(target, listen);
  if (ports.first > listen.last || listen.first > ports.last) return false;
  if (target.host == "localhost") {
    return !listen.address || is_wildcard(listen.address) || listen.address.is_loopback();
  }
  const auto address = IpAddress::parse(target.host);
  if (!address) return false;
  const bool is_here = address->is_loopback() || is_wildcard(*address) || *address == listen.address;
  return is_here && addresses_meet(*address, listen.address);
}

class ForwardValidator {
 public:
  ForwardValidator(const std::string& path, const ForwardSettings& forward, Problems& problems)
      : path_{path}, forward_{forward}, problems_{problems} {}

  void run() {
    missing();
    validate_name(path_to(path_, "name"), forward_.name, problems_);
    validate_name(path_to(path_, "service"), forward_.service, problems_);
    listen();
    if (forward_.targets.size() > kMostTargets) {
      add("targets", fmt::format("has {} targets (at most {})", forward_.targets.size(), kMostTargets));
    }
    for (std::size_t i = 0; i < forward_.targets.size(); ++i)
      target(fmt::format("targets[{}]", i), forward_.targets[i]);
    check();
    hold();
    limits();
    timeouts();
    addresses();
    if (forward_.engine == ForwardEngine::kernel) validate_kernel_forward(path_, forward_, problems_);
  }

 private:
  void add(std::string_view key, std::string what) { problems_.add(path_to(path_, key), std::move(what)); }
  void positive(std::string_view key, Duration duration) {
    validate_positive(path_to(path_, key), duration, problems_);
  }

  [[nodiscard]] bool has_listen() const { return forward_.listen.is_unix() || forward_.listen.first != 0; }

  // All at once: they are told at one place.
  void missing() {
    std::vector<std::string_view> keys;
    if (forward_.name.empty()) keys.emplace_back("name");
    if (!has_listen()) keys.emplace_back("listen_port (or listen)");
    if (forward_.targets.empty()) keys.emplace_back("target_port (or targets)");
    if (!keys.empty()) problems_.add(path_, fmt::format("has no {}", join_words(keys)));
  }

  void listen() {
    const ListenAddress& listen = forward_.listen;
    if (listen.is_unix() && carries_udp(forward_.protocol)) {
      add("listen", fmt::format("a UNIX socket carries only tcp, and protocol is {}", to_string(forward_.protocol)));
    }
    if (listen.last < listen.first) add("listen", "its last port is below its first");
    if (listen.address.is_multicast() || listen.address.is_broadcast()) {
      add("listen", fmt::format("{} is no address of a host", listen.address.to_string()));
    }
  }

  void target(const std::string& key, const Target& target) {
    const ListenAddress& listen = forward_.listen;
    const std::string text = printable(target.to_string());
    if (target.weight < 1 || target.weight > 256) {
      add(key + ".weight", fmt::format("{} is not from 1 to 256", target.weight));
    }
    if (target.is_unix() && carries_udp(forward_.protocol)) {
      add(key, fmt::format("a UNIX socket carries only tcp, and protocol is {}", to_string(forward_.protocol)));
    }
    if (!target.is_unix() && !is_host(target.host)) {
      add(key, fmt::format("\"{}\" is not a host", printable(target.host)));
    }
    if (!has_listen() || listen.last < listen.first) return;
    if (!target.is_unix() && target.port == 0 && listen.is_unix()) add(key, fmt::format("{} has no port", text));
    const std::size_t last = target.port + listen.ports() - 1;
    if (target.each_port && target.last != 0 && target.last != last) {
      add(key, fmt::format("{} has {} ports, and {} are listened on (as many, or a single one)", text,
                           target.last - target.port + 1, listen.ports()));
    } else if (target.each_port && last > 65535) {
      add(key, fmt::format("{} ports from {} on would end above 65535", listen.ports(), target.port));
    }
    if (leads_to_itself(listen, target)) {
      add(key, fmt::format("{} is where this forward listens itself ({})", text, printable(listen.to_string())));
    }
  }

  void check() {
    constexpr Duration kLeast = 100ms;
    if (!forward_.check) return;
    const HealthCheck& check = *forward_.check;
    if (check.every < kLeast) {
      add("check.tcp.every",
          fmt::format("{} is too often (at least {})", config_duration(check.every), config_duration(kLeast)));
    }
    positive("check.tcp.timeout", check.timeout);
    if (check.fall == 0) add("check.tcp.fall", "must be at least 1");
    if (check.rise == 0) add("check.tcp.rise", "must be at least 1");
  }

  void hold() {
    positive("hold.for", forward_.hold.duration);
    const bool speaks_http = forward_.hold.then == HoldAnswer::http_503 || forward_.hold.then == HoldAnswer::http_page;
    if (speaks_http && !carries_tcp(forward_.protocol)) {
      add("hold.then", "an answer by HTTP goes only to tcp, and protocol is udp (allowed: close or reset)");
    }
  }

  void limits() {
    const bool throttles = forward_.limit_action == LimitAction::throttle;
    if (throttles && forward_.limit_throttle == 0) {
      add("limit_action", "\"throttle\" needs a rate (limit_throttle: 1Mbit/s)");
    }
    if (!throttles && forward_.limit_throttle != 0) add("limit_throttle", "goes only with \"limit_action: throttle\"");
    if (!forward_.quota) return;
    if (forward_.quota->bytes == 0 && forward_.quota->group.empty()) add("quota", "has no bytes (or group)");
    validate_quota(path_to(path_, "quota"), *forward_.quota, problems_);
  }

  void timeouts() {
    const TimeoutSettings& t = forward_.timeouts;
    positive("timeouts.connect", t.connect);
    if (t.idle) positive("timeouts.idle", *t.idle);
    positive("timeouts.half_close", t.half_close);
    positive("timeouts.udp", t.udp);
    if (t.keepalive < 1s || t.keepalive > kMostKeepalive) {
      add("timeouts.keepalive",
          fmt::format("{} is not from 1s to {}", config_duration(t.keepalive), config_duration(kMostKeepalive)));
    }
    if (t.user < 1ms || t.user > kMostUser) {
      add("timeouts.user",
          fmt::format("{} is not from 1ms to {}", config_duration(t.user), config_duration(kMostUser)));
    }
    const auto within = [&](std::string_view key, const NewRate& rate) {
      if (rate.count != 0) positive(key, rate.within);
    };
    within("connections.new_all", forward_.connections.new_all);
    within("connections.new_each_client", forward_.connections.new_each_client);
    if (forward_.udp_sessions == 0) add("udp_sessions", "must be at least 1");
    if (forward_.udp_sessions_each_client == 0) add("udp_sessions_each_client", "must be at least 1");
  }

  // How the client's address is kept.
  void addresses() {
    const ProxyProtocolSettings& proxy = forward_.proxy_protocol;
    constexpr std::string_view kOnlyTcp =
        "the PROXY protocol goes with tcp only (v2 for UDP is not supported), and protocol is udp";
    if (!carries_tcp(forward_.protocol)) {
      if (proxy.send != ProxyHeader::none) add("proxy_protocol.send", std::string{kOnlyTcp});
      if (!proxy.accept_from.empty()) add("proxy_protocol.accept_from", std::string{kOnlyTcp});
    }
    const bool has_unix = forward_.listen.is_unix() || std::ranges::any_of(forward_.targets, &Target::is_unix);
    if (forward_.transparent && has_unix) add("transparent", "a UNIX socket has no addresses to keep");
  }

  const std::string& path_;
  const ForwardSettings& forward_;
  Problems& problems_;
};

// The forwards and groups together.
class Together {
 public:
  Together(const Config& config, Problems& problems) : config_{config}, problems_{problems} {}

  void run() {
    groups();
    names();
    references();
    engines_of_groups();
    ports();
    listens();
  }

 private:
  static std::string path_of(std::size_t i, std::string_view key) { return fmt::format("forwards[{}].{}", i, key); }

  void groups() {
    std::map<std::string_view, std::size_t> first;
    for (std::size_t i = 0; i < config_.quotas.size(); ++i) {
      const QuotaSettings& quota = config_.quotas[i];
      const std::string path = fmt::format("quotas[{}]", i);
      if (quota.group.empty()) {
        problems_.add(path, "has no group");
      } else if (const auto [at, is_first] = first.try_emplace(quota.group, i); !is_first) {
        problems_.add(path + ".group",
                      fmt::format("\"{}\" is the group of quotas[{}] already", printable(quota.group), at->second));
      }
      if (quota.bytes == 0) problems_.add(path, "has no bytes");
      validate_quota(path, quota, problems_);
      groups_.push_back(quota.group);
    }
  }

  void names() {
    std::map<std::string_view, std::size_t> first;
    for (std::size_t i = 0; i < config_.forwards.size(); ++i) {
      const std::string& name = config_.forwards[i].name;
      if (name.empty()) continue;
      if (const auto [at, is_first] = first.try_emplace(name, i); !is_first) {
        problems_.add(path_of(i, "name"),
                      fmt::format("\"{}\" is the name of another forward already", printable(name)));
      }
    }
  }

  void references() {
    std::vector<std::string_view> services;
    services.reserve(config_.services.size());
    for (const ServiceSettings& service : config_.services) services.push_back(service.name);
    for (std::size_t i = 0; i < config_.forwards.size(); ++i) {
      const ForwardSettings& forward = config_.forwards[i];
      validate_reference(path_of(i, "service"), forward.service, "service", services, problems_);
      if (!forward.quota) continue;
      validate_reference(path_of(i, "quota.group"), forward.quota->group, "group in quotas", groups_, problems_);
    }
  }

  // What is left of a quota is handed out by one engine alone, else it would not hold to the last byte.
  void engines_of_groups() {
    std::map<std::string_view, const ForwardSettings*> first;
    for (std::size_t i = 0; i < config_.forwards.size(); ++i) {
      const ForwardSettings& forward = config_.forwards[i];
      if (!forward.quota || forward.quota->group.empty()) continue;
      const auto [at, is_first] = first.try_emplace(forward.quota->group, &forward);
      if (is_first || at->second->engine == forward.engine) continue;
      problems_.add(
          path_of(i, "quota.group"),
          fmt::format("\"{}\" is of engine {}, and \"{}\" of the same group of engine {} (one for all of a group)",
                      printable(forward.name), to_string(forward.engine), printable(at->second->name),
                      to_string(at->second->engine)));
    }
  }

  void ports() {
    std::size_t ports = 0;
    for (std::size_t i = 0; i < config_.forwards.size(); ++i) {
      const ListenAddress& listen = config_.forwards[i].listen;
      if (listen.last < listen.first) continue;
      ports += listen.ports();
      if (ports <= kMostPorts) continue;
      problems_.add(path_of(i, "listen"),
                    fmt::format("the forwards listen on {} ports with this one (at most {})", ports, kMostPorts));
      return;
    }
  }

  // The first earlier one each meets, which is enough to be told.
  void listens() {
    for (std::size_t later = 0; later < config_.forwards.size(); ++later) {
      const ForwardSettings& b = config_.forwards[later];
      if (!b.listen.is_unix() && b.listen.first == 0) continue;
      const auto taken = [&](const ForwardSettings& a) {
        return protocols_meet(a.protocol, b.protocol) && listens_meet(a.listen, b.listen);
      };
      const auto end = config_.forwards.begin() + static_cast<std::ptrdiff_t>(later);
      if (const auto a = std::find_if(config_.forwards.begin(), end, taken); a != end) {
        problems_.add(path_of(later, "listen"),
                      fmt::format("{} is where \"{}\" listens already ({})", printable(b.listen.to_string()),
                                  printable(a->name), printable(a->listen.to_string())));
      }
      if (config_.api.enabled && carries_tcp(b.protocol)) meet_api(later, b.listen);
    }
  }

  void meet_api(std::size_t i, const ListenAddress& listen) {
    const auto api = std::ranges::find_if(config_.api.listen,
                                          [&](const ListenAddress& other) { return listens_meet(listen, other); });
    if (api == config_.api.listen.end()) return;
    problems_.add(path_of(i, "listen"), fmt::format("{} is where the API listens ({})", printable(listen.to_string()),
                                                    printable(api->to_string())));
  }

  const Config& config_;
  Problems& problems_;
  std::vector<std::string_view> groups_;
};

}  // namespace

void validate_forward(const std::string& path, const ForwardSettings& forward, Problems& problems) {
  ForwardValidator{path, forward, problems}.run();
}

void validate_forwards(const Config& config, Problems& problems) {
  if (config.forwards.size() > kMostForwards) {
    problems.add("forwards", fmt::format("has {} forwards (at most {})", config.forwards.size(), kMostForwards));
    return;
  }
  if (config.quotas.size() > kMostQuotas) {
    problems.add("quotas", fmt::format("has {} quotas (at most {})", config.quotas.size(), kMostQuotas));
    return;
  }
  for (std::size_t i = 0; i < config.forwards.size(); ++i) {
    validate_forward(fmt::format("forwards[{}]", i), config.forwards[i], problems);
  }
  Together{config, problems}.run();
}

}  // namespace tidegate
