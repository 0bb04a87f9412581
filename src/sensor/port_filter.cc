// See port_filter.h. The language: pcap-filter(7). Its own words are used for what has no tag in the data, and bytes at
// fixed places for what has one: `vlan` would make every offset behind it a variable, and the program ten times as long
// as the 4,096 instructions that the kernel takes.
#include "sensor/port_filter.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "base/check.h"

namespace tidegate {
namespace {

// What of a program the ports may be, in comparisons: one for a port, two for a range.
constexpr std::size_t kMostUntagged = 256;
constexpr std::size_t kMostTagged = 32;

// Next headers of IPv6 behind which a transport header may stand. A program of the kernel's cannot follow the chain (it
// has no loops), so all of them pass.
constexpr std::array kExtensions{0, 43, 44, 51, 60, 135, 139, 140};

using Ports = std::vector<PortRange>;  // sorted

// Joins those between which fewer than `gap` ports lie, so that gap 1 joins what touches or overlaps.
Ports join(std::span<const PortRange> ports, int gap) {
  Ports joined;
  for (const PortRange& range : ports) {
    if (!joined.empty() && joined.back().protocol == range.protocol && range.first - joined.back().last <= gap) {
      joined.back().last = std::max(joined.back().last, range.last);
    } else {
      joined.push_back(range);
    }
  }
  return joined;
}

std::size_t comparisons(const Ports& ports) {
  const auto ranges = std::ranges::count_if(ports, [](const PortRange& p) { return p.first != p.last; });
  return ports.size() + static_cast<std::size_t>(ranges);
}

Ports at_most(std::size_t most, const Ports& ports) {
  int gap = 1;
  Ports joined = join(ports, gap);
  while (comparisons(joined) > most) joined = join(joined, gap *= 2);
  return joined;
}

Ports of(Protocol protocol, const Ports& ports) {
  Ports some;
  std::ranges::copy_if(ports, std::back_inserter(some), [&](const PortRange& p) { return p.protocol == protocol; });
  return some;
}

// Both protocols' tests, one made by `test(protocol, its ports)`.
template <class Test>
std::string either(const Ports& ports, Test test) {
  std::vector<std::string> tests;
  for (const auto protocol : {Protocol::tcp, Protocol::udp}) {
    if (const Ports some = of(protocol, ports); !some.empty()) tests.push_back(test(protocol, some));
  }
  return fmt::format("({})", fmt::join(tests, " or "));
}

template <class Test>
std::string any_of(const auto& values, Test test) {
  std::vector<std::string> tests;
  tests.reserve(std::size(values));
  for (const auto& value : values) tests.push_back(test(value));
  return fmt::format("({})", fmt::join(tests, " or "));
}

std::string untagged(const Ports& ports) {
  const auto named = either(ports, [](Protocol protocol, const Ports& some) {
    return fmt::format("({} and {})", to_string(protocol), any_of(some, [](const PortRange& p) {
                         return p.first == p.last ? fmt::format("port {}", p.first)
                                                  : fmt::format("portrange {}-{}", p.first, p.last);
                       }));
  });
  const auto extended = any_of(kExtensions, [](int number) { return fmt::format("ip6[6] = {}", number); });
  return fmt::format("{} or (ip6 and {})", named, extended);
}

// One of the ports, with the source port at `source` and the destination port behind it.
std::string port_at(int source, const Ports& ports) {
  const std::array places{source, source + 2};
  return any_of(places, [&](int place) {
    return any_of(ports, [&](const PortRange& p) {
      return p.first == p.last ? fmt::format("ether[{}:2] = {}", place, p.first)
                               : fmt::format("(ether[{0}:2] >= {1} and ether[{0}:2] <= {2})", place, p.first, p.last);
    });
  });
}

int number_of(Protocol protocol) { return protocol == Protocol::tcp ? 6 : 17; }

// An IP header at `ip`, of version 4 or 6 where these tests hold. IPv4 with options passes.
std::string packet_at(int ip, std::string_view is_v4, std::string_view is_v6, const Ports& ports) {
  const auto transport = [&](int next_header, int source_port) {
    return either(ports, [=](Protocol protocol, const Ports& some) {
      return fmt::format("(ether[{}] = {} and {})", next_header, number_of(protocol), port_at(source_port, some));
    });
  };
  const auto extended = any_of(kExtensions, [&](int number) { return fmt::format("ether[{}] = {}", ip + 6, number); });
  return fmt::format("(({} and (ether[{}] != 0x45 or {})) or ({} and ({} or {})))", is_v4, ip,
                     transport(ip + 9, ip + 20), is_v6, transport(ip + 6, ip + 40), extended);
}

// The packet whose EtherType stands at `type`.
std::string packet_behind(int type, const Ports& ports) {
  return packet_at(type + 2, fmt::format("ether[{}:2] = 0x0800", type), fmt::format("ether[{}:2] = 0x86dd", type),
                   ports);
}

// The packet at `ip` of which nothing tells the EtherType.
std::string packet_by_version(int ip, const Ports& ports) {
  return packet_at(ip, fmt::format("ether[{}] & 0xf0 = 0x40", ip), fmt::format("ether[{}] & 0xf0 = 0x60", ip), ports);
}

// What stands behind a first tag, or behind that and another. `type` is the place of what the first one announces.
std::string behind_tags(int type, const Ports& ports) {
  return fmt::format("{} or ((ether[{}:2] = 0x8100 or ether[{}:2] = 0x88a8) and {})", packet_behind(type, ports), type,
                     type, packet_behind(type + 4, ports));
}

std::string ethernet(const Ports& ports) {
  return fmt::format("((ether[12:2] = 0x8100 or ether[12:2] = 0x88a8) and ({}))", behind_tags(16, ports));
}

// Cooked: what comes in has its second tag in front of the packet. What goes out has none left there, whatever tags are
// in the frame, but the kernel's filters see the first one's type all the same. libpcap runs the filter itself on what
// was captured before the kernel had it, and there the header may name the packet's type in front of a tag.
std::string cooked(int header, const Ports& ports) {
  return fmt::format("((ether proto 0x8100 or ether proto 0x88a8 or ip or ip6) and ({} or {}))",
                     behind_tags(header + 2, ports), packet_by_version(header, ports));
}

}  // namespace

std::string port_filter(std::span<const PortRange> ports, packet::LinkType link) {
  TIDEGATE_CHECK(!ports.empty());
  Ports sorted{ports.begin(), ports.end()};
  std::ranges::sort(sorted);
  std::string plain = untagged(at_most(kMostUntagged, sorted));
  const Ports few = at_most(kMostTagged, sorted);
  switch (link) {
    case packet::LinkType::ethernet:
      return fmt::format("{} or {}", plain, ethernet(few));
    case packet::LinkType::linux_sll:
      return fmt::format("{} or {}", plain, cooked(16, few));
    case packet::LinkType::linux_sll2:
      return fmt::format("{} or {}", plain, cooked(20, few));
    default:
      return plain;
  }
}

}  // namespace tidegate
