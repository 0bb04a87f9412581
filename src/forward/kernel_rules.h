// The rules of engine kernel: forwards → a table of nf_tables, as a value. Pure.
//
// The first packet of a connection comes by these chains, at both hooks where packets begin: prerouting, and output for
// those of this host itself.
//
//     arrive   to an address of this host, and a port where a forward listens ─▶ that one's `in`
//     in       allow, deny, a quota that is reached
//     enter    limits of connections; then it is let in: the connection's mark says whose it is from now on
//     leg      ─▶ a target, by destination NAT
//     hairpin  a target on the interface that the client came by would answer it past us: marked to be masqueraded
//
// and each packet of it, either way, where it leaves this host or reaches a socket of it:
//
//     carried  direction and mark ─▶ rates, quotas, counters
//
// The mark of a connection (nf_conntrack) is kMark with a number: the forward and its protocol have one for as long as
// connections made under these settings may go on; what ends them is that their mark is among `ended`, where the
// sender of a packet, either side, is told by a reset.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "model/counters.h"
#include "model/forward.h"
#include "netfilter/rule_set.h"

namespace tidegate {

inline constexpr RuleTable kForwardTable{.family = "inet", .name = "tidegate_forward"};

inline constexpr std::uint32_t kMark = 0x7467'0000;         // "tg"
inline constexpr std::uint32_t kMarkMask = 0xffff'0000;     // the bits by which a connection is ours
inline constexpr std::uint32_t kMasqueraded = 0x0000'8000;  // beside the number
inline constexpr std::uint16_t kMostNumber = 0x7fff;
inline constexpr std::uint32_t kProbeMark = 0x7467'ffff;  // of packets (SO_MARK) by which we ask a side of a connection

// The quota of a forward as the kernel is to hold it.
struct KernelQuota {
  std::string name;  // its key: "web/limit"
  LimitAction action = LimitAction::cut;
  std::uint64_t rate = 0;        // of throttle: bytes per second
  std::uint32_t generation = 0;  // of its objects; those of another one begin anew
  // Of the object over these directions, its number; none: that direction does not count by itself.
  std::optional<std::uint64_t> both;
  std::optional<std::uint64_t> up;
  std::optional<std::uint64_t> down;
};

// A target as it is now.
struct KernelTarget {
  IpAddress v4;  // none: it has no such address
  IpAddress v6;
  bool up = true;
  bool operator==(const KernelTarget&) const = default;
};

struct KernelForward {
  ForwardSettings settings;
  std::uint16_t tcp = 0;  // numbers; 0: not carried
  std::uint16_t udp = 0;
  std::vector<KernelTarget> targets;  // as the settings have them
  std::vector<KernelQuota> quotas;
  bool closed = false;       // by a quota: nobody new is let in
  bool localnet = true;      // packets may have an address of 127.0.0.0/8 and yet leave or enter this host
  std::uint64_t slowed = 0;  // bytes per second, by an alert; 0: not
  ForwardTotals begin;       // what its counters begin with where they are new
};

// The names of a forward's counters, and of the objects of a quota.
[[nodiscard]] std::string counter_name(std::string_view forward, std::string_view counter);
inline constexpr std::string_view kForwardCounters[] = {"tcp_up",      "tcp_down", "udp_up",  "udp_down",
                                                        "connections", "sessions", "refused", "dropped"};
[[nodiscard]] std::string quota_name(std::string_view key, std::string_view direction,  // "", "up", "down"
                                     std::uint32_t generation);

// The chain that leads connections of that number to their targets, which also says under which settings: a number of
// another life is known by it. And the number in such a name; none: it is the name of another chain.
[[nodiscard]] std::string leg_name(const ForwardSettings& settings, std::uint16_t number, bool udp);
struct LegName {
  std::uint16_t number = 0;
  std::string settings;
};
[[nodiscard]] std::optional<LegName> parse_leg_name(std::string_view name);

// Whether a connection made under `a` may go on under `b`.
[[nodiscard]] bool same_way(const ForwardSettings& a, const ForwardSettings& b);

// Whether packets with an address of 127.0.0.0/8 are to come from outside or leave, which only route_localnet allows:
// to a target there, or from a client of this host itself that the forward has by such an address.
[[nodiscard]] bool needs_route_localnet(const KernelForward& forward);

// The whole table. `ended`: numbers whose connections are to end.
[[nodiscard]] RuleSet kernel_rules(std::span<const KernelForward> forwards, const std::set<std::uint16_t>& ended);

}  // namespace tidegate
