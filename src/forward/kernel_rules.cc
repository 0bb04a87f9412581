#include "forward/kernel_rules.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <numeric>

#include "forward/kernel_frame.h"
#include "forward/targets.h"

namespace tidegate {

namespace {

using std::chrono::nanoseconds;

constexpr std::string_view kLeg = "leg.";

// FNV-1a: the same in every life of tidegate.
std::string hash_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3ULL;
  return fmt::format("{:016x}", hash);
}

std::string texts(const std::vector<Cidr>& networks) {
  std::string text;
  for (const Cidr& network : networks) text += network.to_string() + ",";
  return text;
}

std::string settings_text(const ForwardSettings& s) {
  std::string text = fmt::format("{} {} {} {} {} {}", s.name, s.listen.to_string(), static_cast<int>(s.balance),
                                 static_cast<int>(s.masquerade), texts(s.allow), texts(s.deny));
  for (const Target& target : s.targets) text += fmt::format(" {} {}", target.to_string(), target.weight);
  return text;
}

std::string bytes_limit(std::uint64_t rate) {
  constexpr std::uint64_t kLeastBurst = 131'072;  // two of the largest GSO packets: a larger one would never pass
  return fmt::format("rate over {} bytes/second burst {} bytes", rate, std::max(rate / 10, kLeastBurst));
}

// So many in a time, in the units that nf_tables has: the smallest by which it is a whole number.
std::string packets_limit(const NewRate& rate) {
  struct Unit {
    std::string_view name;
    std::uint64_t seconds;
  };
  constexpr Unit kUnits[] = {{"second", 1}, {"minute", 60}, {"hour", 3600}, {"day", 86'400}, {"week", 604'800}};
  const auto within = static_cast<std::uint64_t>(nanoseconds{rate.within}.count());
  for (const Unit& unit : kUnits) {
    const std::uint64_t scaled = rate.count * unit.seconds * 1'000'000'000;
    const bool is_last = &unit == std::end(kUnits) - 1;
    if (!is_last && (scaled < within || scaled % within != 0)) continue;
    return fmt::format("rate over {}/{} burst {} packets", std::max<std::uint64_t>(scaled / within, 1), unit.name,
                       rate.count);
  }
  return {};
}

// Networks of one family; what others of them contain is left out, for a set takes no overlaps.
std::string set_of(const std::vector<Cidr>& networks, bool v4) {
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < networks.size(); ++i) {
    if (networks[i].is_v4() != v4) continue;
    const auto covered = [&](std::size_t other) {
      if (other == i || !networks[other].contains(networks[i])) return false;
      return !networks[i].contains(networks[other]) || other < i;  // of equals the first stays
    };
    bool is_covered = false;
    for (std::size_t other = 0; other < networks.size(); ++other) is_covered |= covered(other);
    if (!is_covered) texts.push_back(networks[i].to_string());
  }
  return texts.empty() ? std::string{} : fmt::format("{{ {} }}", fmt::join(texts, ", "));
}

const IpAddress& address_of(const KernelTarget& target, bool v4) { return v4 ? target.v4 : target.v6; }

// Writes one forward into the rules.
class ForwardRules {
 public:
  ForwardRules(const KernelForward& forward, RuleSet& rules)
      : forward_{forward}, settings_{forward.settings}, name_{forward.settings.name}, rules_{rules} {}

  void write() {
    counters();
    listens();
    admission();
    if (forward_.tcp != 0) leg(forward_.tcp, false);
    if (forward_.udp != 0) leg(forward_.udp, true);
  }

 private:
  [[nodiscard]] std::string count(std::string_view counter) const {
    return fmt::format("counter name \"{}\"", counter_name(name_, counter));
  }
  [[nodiscard]] std::string turn_away(std::string_view condition) const {
    return fmt::format("{}{}{} goto {}", condition, condition.empty() ? "" : " ", count("refused"), kTurnAway);
  }
  [[nodiscard]] bool leads_to(bool v4) const {
    return std::ranges::any_of(forward_.targets, [&](const auto& target) { return bool{address_of(target, v4)}; });
  }

  void counters() {
    const ForwardTotals& begin = forward_.begin;
    const auto add = [&](std::string_view counter, std::uint64_t packets, std::uint64_t bytes) {
      rules_.counters[counter_name(name_, counter)] = fmt::format("packets {} bytes {}", packets, bytes);
    };
    add("tcp_up", 0, begin.upload);
    add("tcp_down", 0, begin.download);
    add("udp_up", begin.datagrams_up, 0);
    add("udp_down", begin.datagrams_down, 0);
    add("connections", begin.connections, 0);
    add("sessions", begin.sessions, 0);
    add("refused", begin.refused, 0);
    add("dropped", begin.dropped, 0);
  }

  void listens() {
    const ListenAddress& listen = settings_.listen;
    const std::string ports =
        listen.first == listen.last ? fmt::format("{}", listen.first) : fmt::format("{}-{}", listen.first, listen.last);
    const IpAddress& address = listen.address;
    const bool is_wildcard = std::ranges::all_of(address.bytes(), [](std::uint8_t byte) { return byte == 0; });
    for (const std::string_view protocol : {"tcp", "udp"}) {
      if ((protocol == "tcp" ? forward_.tcp : forward_.udp) == 0) continue;
      std::string key = fmt::format("{} . {}", protocol, ports);
      std::string_view map = "listen";
      if (address) {
        map = address.is_v4() ? "listen4" : "listen6";
        key = fmt::format("{}{} . {}", address.to_string(), is_wildcard ? "/0" : "", key);
      }
      rules_.maps[std::string{map}].elements[key] = "goto in." + name_;
    }
  }

  // Who may come in at all, and then within which limits; the latter in a chain of their own, which keeps its counts
  // while the former changes.
  void admission() {
    auto& in = rules_.chains["in." + name_].rules;
    in.emplace_back("meta l4proto tcp tcp flags & (fin | syn | rst | ack) != syn goto turn_away");
    for (const bool v4 : {true, false}) {
      const std::string_view family = v4 ? "ipv4" : "ipv6";
      const std::string_view source = v4 ? "ip saddr" : "ip6 saddr";
      if (!leads_to(v4)) {
        in.push_back(turn_away(fmt::format("meta nfproto {}", family)));
        continue;
      }
      refuse_impossible(in, v4);
      if (const auto denied = set_of(settings_.deny, v4); !denied.empty()) {
        in.push_back(turn_away(fmt::format("{} {}", source, denied)));
      }
      if (settings_.allow.empty()) continue;
      const auto allowed = set_of(settings_.allow, v4);
      in.push_back(turn_away(allowed.empty() ? fmt::format("meta nfproto {}", family)
                                             : fmt::format("{} != {}", source, allowed)));
    }
    in.push_back(forward_.closed ? turn_away("") : "goto enter." + name_);

    auto& enter = rules_.chains["enter." + name_].rules;
    const ConnectionSettings& most = settings_.connections;
    if (most.all > 0) enter.push_back(turn_away(fmt::format("ct count over {}", most.all)));
    if (most.each_client > 0) {
      each_client(enter, "open", fmt::format("ct count over {}", most.each_client), "add", "flags dynamic;");
    }
    if (most.new_each_client.count > 0) {
      const auto seconds = std::chrono::ceil<std::chrono::seconds>(most.new_each_client.within).count() + 60;
      each_client(enter, "fresh", "limit " + packets_limit(most.new_each_client), "update",
                  fmt::format("flags dynamic,timeout; timeout {}s;", seconds));
    }
    if (most.new_all.count > 0) enter.push_back(turn_away(limit("new", packets_limit(most.new_all))));
    const bool masquerade = settings_.masquerade == Masquerade::always;
    const auto let_in = [&](std::uint16_t number, bool udp) {
      if (number == 0) return;
      enter.push_back(fmt::format("meta l4proto {} {} ct mark set {} goto {}", udp ? "udp" : "tcp",
                                  count(udp ? "sessions" : "connections"), mark_text(number, masquerade),
                                  leg_name(settings_, number, udp)));
    };
    let_in(forward_.tcp, false);
    let_in(forward_.udp, true);
  }

  // What the kernel would lead nowhere is told so: ::1 is reached only from this host itself and speaks to nobody else,
  // and 127.0.0.0/8 does only where route_localnet is set.
  void refuse_impossible(std::vector<std::string>& in, bool v4) {
    const bool to_loopback =
        std::ranges::any_of(forward_.targets, [&](const auto& target) { return address_of(target, v4).is_loopback(); });
    const bool to_others = std::ranges::any_of(forward_.targets, [&](const auto& target) {
      return bool{address_of(target, v4)} && !address_of(target, v4).is_loopback();
    });
    if (v4 && forward_.localnet) return;
    if (to_loopback)
      in.push_back(turn_away(fmt::format("meta nfproto {} meta iiftype != loopback", v4 ? "ipv4" : "ipv6")));
    if (to_others) in.push_back(turn_away(v4 ? "ip daddr 127.0.0.0/8" : "ip6 daddr ::1"));
  }

  void each_client(std::vector<std::string>& chain, std::string_view what, const std::string& statement,
                   std::string_view verb, std::string_view flags) {
    constexpr int kClients = 65'535;  // remembered at once
    for (const bool v4 : {true, false}) {
      if (!leads_to(v4)) continue;
      // Its name holds the limit, which cannot change in place.
      const std::string set = fmt::format("{}{}.{}.{}", what, v4 ? 4 : 6, name_, hash_of(statement));
      rules_.maps[set] = {.is_set = true,
                          .type = fmt::format("type {}; size {}; {}", v4 ? "ipv4_addr" : "ipv6_addr", kClients, flags),
                          .elements = {}};
      chain.push_back(turn_away(fmt::format("{} @{} {{ {} saddr {} }}", verb, set, v4 ? "ip" : "ip6", statement)));
    }
  }

  // A named limit, so that it goes on when the chain around it changes; the condition that it is passed.
  std::string limit(std::string_view of, const std::string& rate) {
    const std::string name = fmt::format("{}.{}.{}", of, name_, hash_of(rate));
    rules_.limits[name] = rate;
    return fmt::format("limit name \"{}\"", name);
  }

  void leg(std::uint16_t number, bool udp) {
    rules_.chains[leg_name(settings_, number, udp)].rules = ways(number, udp);
    for (const bool masqueraded : {false, true}) {
      const std::string mark = mark_text(number, masqueraded);
      for (const bool up : {true, false}) {
        rules_.maps["carried"].elements[fmt::format("{} . {}", up ? "original" : "reply", mark)] =
            fmt::format("goto {}", carried(udp, up));
      }
    }
    const bool leaves = std::ranges::any_of(forward_.targets, [](const auto& target) {
      return (target.v4 && !target.v4.is_loopback()) || (target.v6 && !target.v6.is_loopback());
    });
    if (settings_.masquerade == Masquerade::automatic && leaves)
      rules_.maps["hairpins"].elements[mark_text(number)] = "";
  }

  // The chain that counts one direction, made where it is not there yet.
  std::string carried(bool udp, bool up) {
    const std::string counter = fmt::format("{}_{}", udp ? "udp" : "tcp", up ? "up" : "down");
    std::string chain = fmt::format("{}.{}", counter, name_);
    auto& rules = rules_.chains[chain].rules;
    if (!rules.empty()) return chain;
    const std::string drop = fmt::format("{} drop", count("dropped"));
    if (settings_.rate.all > 0) rules.push_back(limit("rate", bytes_limit(settings_.rate.all)) + " " + drop);
    if (forward_.slowed > 0) rules.push_back(limit("slowed", bytes_limit(forward_.slowed)) + " " + drop);
    for (const KernelQuota& quota : forward_.quotas) {
      const auto hold = [&](const std::optional<std::uint64_t>& number, std::string_view direction) {
        if (!number) return;
        const std::string object = quota_name(quota.name, direction, quota.generation);
        rules_.quotas[object] = fmt::format("over {} bytes", *number);
        std::string rule = fmt::format("quota name \"{}\" ", object);
        if (quota.action == LimitAction::throttle) rule += throttle(quota) + " ";
        rules.push_back(rule + drop);
      };
      hold(quota.both, "");
      hold(up ? quota.up : quota.down, up ? "up" : "down");
    }
    rules.push_back(count(counter));
    return chain;
  }

  // Of a group it is one for all.
  std::string throttle(const KernelQuota& quota) {
    const std::string rate = bytes_limit(quota.rate);
    const std::string name = fmt::format("throttle.{}.{}", quota.name, hash_of(rate));
    rules_.limits[name] = rate;
    return fmt::format("limit name \"{}\"", name);
  }

  // Rules that choose a target, by weight.
  std::vector<std::string> ways(std::uint16_t number, bool udp) {
    std::vector<std::string> rules;
    for (const bool v4 : {true, false}) {
      std::vector<std::size_t> usable = with_address(v4, true);
      if (usable.empty()) usable = with_address(v4, false);  // all are down: one of them is tried all the same
      if (usable.empty()) continue;
      const std::string family = v4 ? "meta nfproto ipv4" : "meta nfproto ipv6";
      if (usable.size() == 1) {
        rules.push_back(fmt::format("{} {}", family, dnat(usable[0], v4, udp)));
        continue;
      }
      std::uint32_t common = 0;
      for (const auto i : usable) common = std::gcd(common, settings_.targets[i].weight);
      std::uint32_t sum = 0;
      std::vector<std::string> slots;
      for (const auto i : usable) {
        const std::string way = fmt::format("way.{}.{}.{}", number, i, v4 ? 4 : 6);
        rules_.chains[way].rules = {dnat(i, v4, udp)};
        const std::uint32_t weight = settings_.targets[i].weight / common;
        slots.push_back(weight == 1 ? fmt::format("{} : goto {}", sum, way)
                                    : fmt::format("{}-{} : goto {}", sum, sum + weight - 1, way));
        sum += weight;
      }
      const std::string draw = settings_.balance == Balance::source
                                   ? fmt::format("jhash {} saddr mod {} seed {:#x}", v4 ? "ip" : "ip6", sum, kMark)
                                   : fmt::format("numgen inc mod {}", sum);
      rules.push_back(fmt::format("{} {} vmap {{ {} }}", family, draw, fmt::join(slots, ", ")));
    }
    return rules;
  }

  [[nodiscard]] std::vector<std::size_t> with_address(bool v4, bool up) const {
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < forward_.targets.size(); ++i) {
      const KernelTarget& target = forward_.targets[i];
      if (address_of(target, v4) && (target.up || !up)) found.push_back(i);
    }
    return found;
  }

  [[nodiscard]] std::string dnat(std::size_t index, bool v4, bool udp) const {
    const Target& target = settings_.targets[index];
    const ListenAddress& listen = settings_.listen;
    const std::string address = address_of(forward_.targets[index], v4).to_string();
    const std::string_view protocol = udp ? "udp" : "tcp";
    const std::string verb = fmt::format("meta l4proto {} dnat {} to", protocol, v4 ? "ip" : "ip6");
    const bool keeps_port = target.port == 0 || (target.each_port && target.port == listen.first);
    if (keeps_port) return fmt::format("{} {}", verb, address);
    if (!target.each_port || listen.ports() == 1) {
      return fmt::format("{} {}:{}", verb, v4 ? address : "[" + address + "]", target.port);
    }
    std::string ports;
    for (std::uint32_t port = listen.first; port <= listen.last; ++port) {
      const auto own = static_cast<std::uint16_t>(port);
      const auto nth = static_cast<std::uint16_t>(port - listen.first);
      fmt::format_to(std::back_inserter(ports), "{}{} : {} . {}", ports.empty() ? "" : ", ", own, address,
                     target_port(target, own, nth));
    }
    return fmt::format("{} {} dport map {{ {} }}", verb, protocol, ports);
  }

  const KernelForward& forward_;
  const ForwardSettings& settings_;
  const std::string& name_;
  RuleSet& rules_;
};

}  // namespace

std::string counter_name(std::string_view forward, std::string_view counter) {
  return fmt::format("count.{}.{}", forward, counter);
}

std::string quota_name(std::string_view key, std::string_view direction, std::uint32_t generation) {
  return fmt::format("quota.{}.{}{}", key, generation, direction.empty() ? "" : fmt::format(".{}", direction));
}

std::string leg_name(const ForwardSettings& settings, std::uint16_t number, bool udp) {
  return fmt::format("{}{}.{}", kLeg, number, hash_of(fmt::format("{} {}", settings_text(settings), udp)));
}

std::optional<LegName> parse_leg_name(std::string_view name) {
  if (!name.starts_with(kLeg)) return std::nullopt;
  name.remove_prefix(kLeg.size());
  LegName leg;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), leg.number);
  const auto length = static_cast<std::size_t>(end - name.data());
  if (error != std::errc{} || leg.number == 0 || leg.number > kMostNumber || length >= name.size()) return std::nullopt;
  leg.settings = name.substr(length);
  return leg;
}

bool same_way(const ForwardSettings& a, const ForwardSettings& b) { return settings_text(a) == settings_text(b); }

bool needs_route_localnet(const KernelForward& forward) {
  const IpAddress& listen = forward.settings.listen.address;
  return std::ranges::any_of(forward.targets, [&](const auto& target) {
    if (!target.v4) return false;
    return listen.is_loopback() ? !target.v4.is_loopback() : target.v4.is_loopback();
  });
}

RuleSet kernel_rules(std::span<const KernelForward> forwards, const std::set<std::uint16_t>& ended) {
  RuleSet rules;
  for (const KernelForward& forward : forwards) ForwardRules{forward, rules}.write();
  write_frame(rules, ended, std::ranges::any_of(forwards, needs_route_localnet));
  return rules;
}

}  // namespace tidegate
