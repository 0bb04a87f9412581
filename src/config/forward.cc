// One forward of the file; see forward.h.
#include "config/forward.h"

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "base/units.h"
#include "config/kernel_forward.h"
#include "config/quota.h"

namespace tidegate {
namespace {

constexpr std::uint32_t kMostConnections = 10'000'000;
constexpr std::uint32_t kMostSessions = 10'000'000;

// What the keys say, before it is known how they go together.
struct ForwardDraft {
  ForwardSettings settings;
  std::string in_settings;
  std::string target_host = "127.0.0.1";
  std::optional<PortSpan> target_port;

  [[nodiscard]] std::string path_of(std::string_view key) const {
    return in_settings.empty() ? std::string{key} : fmt::format("{}.{}", in_settings, key);
  }
};

void read_rate(const Value& value, std::uint64_t& into) { value.read(into, parse_rate_limit); }
void read_limit(const Value& value, std::uint64_t& into) { value.read(into, parse_limit, Value::Empty::allowed); }

void read_listen_port(const Value& value, ForwardDraft& draft) {
  PortSpan ports;
  if (!value.read(ports, PortSpan::parse)) return;
  draft.settings.listen = {.unix_path = {}, .address = {}, .first = ports.first, .last = ports.last};
  value.findings().stands_for(draft.path_of("listen"), value.mark(), value.path());
}

void read_target_port(const Value& value, ForwardDraft& draft) {
  PortSpan ports;
  if (!value.read(ports, PortSpan::parse)) return;
  draft.target_port = ports;
  value.findings().stands_for(draft.path_of("targets[0]"), value.mark(), value.path());
}

Target target_at(std::string host, PortSpan ports) {
  const bool several = ports.first != ports.last;
  return {.unix_path = {},
          .host = std::move(host),
          .port = ports.first,
          .each_port = several,
          .last = several ? ports.last : std::uint16_t{0}};
}

struct TargetDraft {
  std::string host = "127.0.0.1";
  PortSpan ports;
  std::string unix_path;
  std::uint32_t weight = 1;
};

constexpr Key<TargetDraft> kTargetKeys[] = {
    {"host", [](const Value& value, TargetDraft& target) { value.read(target.host, parse_host); }},
    {"port", [](const Value& value, TargetDraft& target) { value.read(target.ports, PortSpan::parse); }},
    {"unix",
     [](const Value& value, TargetDraft& target) {
       value.read(target.unix_path, [](std::string_view text) -> Result<std::string> {
         auto parsed = Target::parse(fmt::format("unix:{}", text));
         if (!parsed) return std::unexpected{std::move(parsed).error()};
         return std::move(parsed)->unix_path;
       });
     }},
    {"weight", [](const Value& value, TargetDraft& target) { read_number(value, 1, 256, target.weight); }},
};

// A text like "host:port", or a map. None where there is something wrong.
std::optional<Target> read_target(const Value& value) {
  Target target;
  if (!value.is_map()) return value.read(target, Target::parse) ? std::optional{target} : std::nullopt;
  TargetDraft draft;
  read_map(value, kTargetKeys, draft);
  if (value.gives("unix")) {
    for (const std::string_view key : {"host", "port"}) {
      if (value.gives(key)) value.fail_at(key, "goes only without \"unix\"");
    }
    target.unix_path = draft.unix_path;
  } else {
    if (!value.gives("port")) value.fail("has no port (or unix)");
    target = target_at(draft.host, draft.ports);
  }
  target.weight = draft.weight;
  return target.is_unix() || target.port != 0 ? std::optional{target} : std::nullopt;
}

void read_targets(const Value& value, ForwardDraft& draft) {
  auto& targets = draft.settings.targets;
  for (const Value& item : value.items(Value::Empty::refused)) {
    auto target = read_target(item);
    if (!target) continue;
    item.findings().stands_for(draft.path_of(fmt::format("targets[{}]", targets.size())), item.mark(), item.path());
    targets.push_back(*std::move(target));
  }
}

constexpr Key<HealthCheck> kCheckTcpKeys[] = {
    {"every", [](const Value& value, HealthCheck& check) { read_duration(value, check.every); }},
    {"timeout", [](const Value& value, HealthCheck& check) { read_duration(value, check.timeout); }},
    {"fall", [](const Value& value, HealthCheck& check) { read_number(value, 1, 100, check.fall); }},
    {"rise", [](const Value& value, HealthCheck& check) { read_number(value, 1, 100, check.rise); }},
};

constexpr Key<std::optional<HealthCheck>> kCheckKeys[] = {
    {"tcp",
     [](const Value& value, std::optional<HealthCheck>& check) { read_map(value, kCheckTcpKeys, check.emplace()); }},
};

void read_check(const Value& value, ForwardDraft& draft) {
  static constexpr Word<bool> kWords[] = {{"tcp", true}, {"none", false}};
  if (value.is_map()) {
    read_map(value, kCheckKeys, draft.settings.check);
    if (value.is_empty_map()) value.fail("names no check (allowed: tcp)");
    return;
  }
  bool checked = false;
  if (read_word(value, kWords, checked) && checked) draft.settings.check.emplace();
}

void read_udp_bytes(const Value& value, HoldSettings& hold) {
  value.read(hold.udp_bytes, [](std::string_view text) -> Result<std::uint64_t> {
    constexpr std::uint64_t kMost = 16 << 20;
    auto bytes = parse_bytes(text);
    if (bytes && *bytes > kMost)
      return failure("\"{}\" is more than a client may leave here (at most 16MB)", printable(text));
    return bytes;
  });
}

constexpr Key<HoldSettings> kHoldKeys[] = {
    {"clients", [](const Value& value, HoldSettings& hold) { read_number(value, 0, 100'000, hold.clients); }},
    {"for", [](const Value& value, HoldSettings& hold) { read_duration(value, hold.duration); }},
    {"then", [](const Value& value, HoldSettings& hold) { value.read(hold.then, parse_hold_answer); }},
    {"udp_bytes", read_udp_bytes},
    {"udp_datagrams",
     [](const Value& value, HoldSettings& hold) { read_number(value, 0, 65'536, hold.udp_datagrams); }},
};

constexpr Word<IdleConnections> kIdleWords[] = {{"keep", IdleConnections::keep}, {"traffic", IdleConnections::traffic}};

constexpr Key<RateSettings> kRateKeys[] = {
    {"all", [](const Value& value, RateSettings& rate) { read_rate(value, rate.all); }},
    {"each_client", [](const Value& value, RateSettings& rate) { read_rate(value, rate.each_client); }},
    {"each_connection", [](const Value& value, RateSettings& rate) { read_rate(value, rate.each_connection); }},
};

constexpr Key<ConnectionSettings> kConnectionKeys[] = {
    {"all",
     [](const Value& value, ConnectionSettings& most) { read_number_or_none(value, kMostConnections, most.all); }},
    {"each_client", [](const Value& value,
                       ConnectionSettings& most) { read_number_or_none(value, kMostConnections, most.each_client); }},
    {"new_all", [](const Value& value, ConnectionSettings& most) { value.read(most.new_all, parse_new_rate); }},
    {"new_each_client",
     [](const Value& value, ConnectionSettings& most) { value.read(most.new_each_client, parse_new_rate); }},
};

constexpr Key<TimeoutSettings> kTimeoutKeys[] = {
    {"connect", [](const Value& value, TimeoutSettings& timeouts) { read_duration(value, timeouts.connect); }},
    {"idle", [](const Value& value, TimeoutSettings& timeouts) { read_duration_or_none(value, timeouts.idle); }},
    {"half_close", [](const Value& value, TimeoutSettings& timeouts) { read_duration(value, timeouts.half_close); }},
    {"udp", [](const Value& value, TimeoutSettings& timeouts) { read_duration(value, timeouts.udp); }},
    {"keepalive", [](const Value& value, TimeoutSettings& timeouts) { read_duration(value, timeouts.keepalive); }},
    {"user", [](const Value& value, TimeoutSettings& timeouts) { read_duration(value, timeouts.user); }},
};

// Networks, where `any` is all of IPv4 and IPv6: the list is one of those that are meant, and empty means nobody.
void read_networks_of_all(const Value& value, std::vector<Cidr>& into) {
  if (value.text_is("any")) {
    into = {Cidr::parse("0.0.0.0/0").value(), Cidr::parse("::/0").value()};
    return;
  }
  const auto items = value.items(Value::Empty::allowed);
  if (items.size() == 1 && items[0].text_is("any")) {
    read_networks_of_all(items[0], into);
  } else {
    read_networks(value, into);
  }
}

constexpr Key<ProxyProtocolSettings> kProxyProtocolKeys[] = {
    {"send", [](const Value& value, ProxyProtocolSettings& proxy) { value.read(proxy.send, parse_proxy_version); }},
    {"accept_from",
     [](const Value& value, ProxyProtocolSettings& proxy) { read_networks_of_all(value, proxy.accept_from); }},
};

constexpr Key<ForwardDraft> kForwardKeys[] = {
    {"name",
     [](const Value& value, ForwardDraft& draft) {
       if (const auto name = value.text()) draft.settings.name = *name;
     }},
    {"listen_port", read_listen_port},
    {"listen",
     [](const Value& value, ForwardDraft& draft) { value.read(draft.settings.listen, ListenAddress::parse); }},
    {"target_host", [](const Value& value, ForwardDraft& draft) { value.read(draft.target_host, parse_host); }},
    {"target_port", read_target_port},
    {"targets", read_targets},
    {"balance", [](const Value& value, ForwardDraft& draft) { value.read(draft.settings.balance, parse_balance); }},
    {"check", read_check},
    {"protocol",
     [](const Value& value, ForwardDraft& draft) { value.read(draft.settings.protocol, parse_forward_protocol); }},
    {"service",
     [](const Value& value, ForwardDraft& draft) {
       if (const auto name = value.text()) draft.settings.service = *name;
     }},
    {"engine",
     [](const Value& value, ForwardDraft& draft) { value.read(draft.settings.engine, parse_forward_engine); }},
    {"masquerade",
     [](const Value& value, ForwardDraft& draft) { value.read(draft.settings.masquerade, parse_masquerade); }},
    {"hold", [](const Value& value, ForwardDraft& draft) { read_map(value, kHoldKeys, draft.settings.hold); }},
    {"idle_connections",
     [](const Value& value, ForwardDraft& draft) { read_word(value, kIdleWords, draft.settings.idle_connections); }},
    {"limit", [](const Value& value, ForwardDraft& draft) { read_limit(value, draft.settings.limit); }},
    {"limit_monthly", [](const Value& value, ForwardDraft& draft) { read_limit(value, draft.settings.limit_monthly); }},
    {"limit_action",
     [](const Value& value, ForwardDraft& draft) { value.read(draft.settings.limit_action, parse_limit_action); }},
    {"limit_throttle",
     [](const Value& value, ForwardDraft& draft) { read_rate(value, draft.settings.limit_throttle); }},
    {"quota", [](const Value& value, ForwardDraft& draft) { read_quota(value, draft.settings.quota.emplace()); }},
    {"rate", [](const Value& value, ForwardDraft& draft) { read_map(value, kRateKeys, draft.settings.rate); }},
    {"connections",
     [](const Value& value, ForwardDraft& draft) { read_map(value, kConnectionKeys, draft.settings.connections); }},
    {"allow", [](const Value& value, ForwardDraft& draft) { read_networks_or_any(value, draft.settings.allow); }},
    {"deny", [](const Value& value, ForwardDraft& draft) { read_networks_of_all(value, draft.settings.deny); }},
    {"timeouts",
     [](const Value& value, ForwardDraft& draft) { read_map(value, kTimeoutKeys, draft.settings.timeouts); }},
    {"proxy_protocol", [](const Value& value,
                          ForwardDraft& draft) { read_map(value, kProxyProtocolKeys, draft.settings.proxy_protocol); }},
    {"transparent", [](const Value& value, ForwardDraft& draft) { read_flag(value, draft.settings.transparent); }},
    {"udp_sessions", [](const Value& value,
                        ForwardDraft& draft) { read_number(value, 1, kMostSessions, draft.settings.udp_sessions); }},
    {"udp_sessions_each_client",
     [](const Value& value, ForwardDraft& draft) {
       read_number(value, 1, kMostSessions, draft.settings.udp_sessions_each_client);
     }},
};

// Keys that would do nothing without another one, or beside it.
void check_company(const Value& value, const ForwardSettings& settings) {
  if (value.gives("listen") && value.gives("listen_port")) {
    value.fail_at("listen", "goes only without \"listen_port\"");
  }
  for (const std::string_view key : {"target_host", "target_port"}) {
    if (value.gives("targets") && value.gives(key)) value.fail_at(key, "goes only without \"targets\"");
  }
  if (value.gives("balance") && !value.gives("targets")) value.fail_at("balance", "goes only with \"targets\"");
  for (const std::string_view key : {"hold", "idle_connections"}) {
    if (value.gives(key) && !value.gives("service")) value.fail_at(key, "goes only with \"service\"");
  }
  if (settings.engine == ForwardEngine::kernel) {
    for (const UserKey& user : keys_of_engine_user()) {
      if (value.findings().stands(value.child(user.key))) value.fail_at(user.key, std::string{user.reason});
    }
  } else if (value.gives("masquerade")) {
    value.fail_at("masquerade", "goes only with \"engine: kernel\"");
  }
}

}  // namespace

ForwardSettings read_forward(const Value& value, const std::string& in_settings) {
  ForwardDraft draft;
  draft.in_settings = in_settings;
  if (in_settings != value.path()) value.findings().stands_for(in_settings, value.mark(), value.path());
  read_map(value, kForwardKeys, draft);
  if (!value.is_map()) return std::move(draft.settings);
  check_company(value, draft.settings);
  if (draft.target_port) draft.settings.targets = {target_at(draft.target_host, *draft.target_port)};
  return std::move(draft.settings);
}

std::vector<std::string> forward_keys() {
  std::vector<std::string> keys;
  append_keys(keys, "", names_of(kForwardKeys));
  append_keys(keys, "targets", names_of(kTargetKeys));
  append_keys(keys, "check", names_of(kCheckKeys));
  append_keys(keys, "check.tcp", names_of(kCheckTcpKeys));
  append_keys(keys, "hold", names_of(kHoldKeys));
  append_keys(keys, "quota", quota_keys());
  append_keys(keys, "rate", names_of(kRateKeys));
  append_keys(keys, "connections", names_of(kConnectionKeys));
  append_keys(keys, "timeouts", names_of(kTimeoutKeys));
  append_keys(keys, "proxy_protocol", names_of(kProxyProtocolKeys));
  return keys;
}

}  // namespace tidegate
