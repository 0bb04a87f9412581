#include "forward/kernel_frame.h"

#include <fmt/format.h>

#include <utility>

#include "forward/kernel_rules.h"

namespace tidegate {

std::string mark_text(std::uint16_t number, bool masqueraded) {
  return fmt::format("{:#010x}", kMark | number | (masqueraded ? kMasqueraded : 0));
}

void write_frame(RuleSet& rules, const std::set<std::uint16_t>& ended, bool guards_localnet) {
  const auto has_any = [&](const std::string& map) { return !rules.maps[map].elements.empty(); };
  rules.maps["listen"].type = "type inet_proto . inet_service : verdict; flags interval;";
  rules.maps["listen4"].type = "type ipv4_addr . inet_proto . inet_service : verdict; flags interval;";
  rules.maps["listen6"].type = "type ipv6_addr . inet_proto . inet_service : verdict; flags interval;";
  rules.maps["carried"].type = "type ct_dir . mark : verdict;";
  rules.maps["hairpins"].type = "type mark;";
  rules.maps["ended"].type = "type mark;";
  rules.maps["hairpins"].is_set = rules.maps["ended"].is_set = true;
  for (const auto number : ended) {
    for (const bool masqueraded : {false, true}) rules.maps["ended"].elements[mark_text(number, masqueraded)] = "";
  }

  // In chains of NAT the kernel looks at the first packet of a connection only, so all others pass without cost. They
  // come before the chains of others that lead elsewhere.
  for (const auto& [side, hook] : {std::pair{"in", "prerouting"}, std::pair{"out", "output"}}) {
    rules.chains[fmt::format("arrive_{}", side)] = {
        .hook = fmt::format("type nat hook {} priority -105; policy accept;", hook),
        .rules = {"ct state new goto arrive"}};
    if (ended.empty()) continue;
    rules.chains[fmt::format("end_{}", side)] = {
        .hook = fmt::format("type filter hook {} priority -106; policy accept;", hook),
        .rules = {"ct mark @ended goto end"}};
  }
  auto& arrive = rules.chains["arrive"].rules;
  arrive.emplace_back("fib daddr type != local accept");
  if (has_any("listen4")) arrive.emplace_back("ip daddr . meta l4proto . th dport vmap @listen4");
  if (has_any("listen6")) arrive.emplace_back("ip6 daddr . meta l4proto . th dport vmap @listen6");
  if (has_any("listen")) arrive.emplace_back("meta l4proto . th dport vmap @listen");

  // route_localnet opens 127.0.0.0/8 to whoever is on a link: only what is translated here may come to it.
  if (guards_localnet) {
    rules.chains["guard"] = {.hook = "type filter hook prerouting priority -106; policy accept;",
                             .rules = {"ip daddr 127.0.0.0/8 meta iiftype != loopback drop"}};
  }
  if (!ended.empty()) {
    rules.chains["ask"] = {.hook = "type filter hook output priority raw; policy accept;",
                           .rules = {fmt::format("meta mark {:#x} notrack", kProbeMark)}};
  }

  if (has_any("hairpins")) {
    rules.chains["hairpin"] = {
        .hook = "type filter hook prerouting priority -99; policy accept;",
        .rules = {fmt::format("ct state new ct mark @hairpins fib daddr . iif oif exists ct mark set ct mark or {:#x}",
                              kMasqueraded)}};
  }
  // What leaves with this host's own address as its source must have one that the target can answer.
  rules.chains["leave"] = {
      .hook = "type nat hook postrouting priority srcnat; policy accept;",
      .rules = {"meta oiftype loopback accept",
                fmt::format("ct mark & {:#x} == {:#x} masquerade", kMarkMask | kMasqueraded, kMark | kMasqueraded),
                fmt::format("ct mark & {:#x} == {:#x} fib saddr type local masquerade", kMarkMask, kMark)}};

  rules.chains["carried_in"] = {.hook = "type filter hook input priority 290; policy accept;",
                                .rules = {"ct direction . ct mark vmap @carried"}};
  rules.chains["carried_out"] = {.hook = "type filter hook postrouting priority 290; policy accept;",
                                 .rules = {"meta oiftype loopback accept", "ct direction . ct mark vmap @carried"}};

  rules.chains[std::string{kTurnAway}].rules = {"meta l4proto tcp reject with tcp reset",
                                                "reject with icmpx type port-unreachable"};
  // Our own answers belong to the connection as well.
  rules.chains["end"].rules = {"meta l4proto != { tcp, udp } accept", "tcp flags & rst == rst accept",
                               fmt::format("goto {}", kTurnAway)};
}

}  // namespace tidegate
