#include "forward/kernel_host.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>

#include "forward/socket.h"
#include "host/addresses.h"
#include "netfilter/conntrack.h"
#include "netfilter/nft.h"

namespace tidegate {

namespace {

std::string path_of(std::string name) {
  std::ranges::replace(name, '.', '/');
  return "/proc/sys/" + name;
}

bool is_here(const IpAddress& address) {
  if (address.is_loopback()) return true;
  const auto all = host_addresses();
  return all && std::ranges::find(*all, address, &HostAddress::address) != all->end();
}

// Everything that the rules of a forward may be made of.
KernelForward example() {
  KernelForward forward;
  forward.settings.name = "example";
  forward.settings.listen.first = 1000;
  forward.settings.listen.last = 1001;
  forward.settings.protocol = ForwardProtocol::both;
  forward.settings.connections = {.all = 1, .each_client = 1, .new_all = {.count = 1}, .new_each_client = {.count = 1}};
  forward.settings.rate.all = 1'000'000;
  forward.settings.targets.resize(2);
  for (Target& target : forward.settings.targets) {
    target.port = 2000;
    target.each_port = true;
  }
  forward.targets.resize(2);
  for (KernelTarget& target : forward.targets) {
    target.v4 = *IpAddress::parse("192.0.2.1");
    target.v6 = *IpAddress::parse("2001:db8::1");
  }
  forward.tcp = 1;
  forward.udp = 2;
  forward.quotas = {{.name = "example/limit", .action = LimitAction::cut, .both = 1, .up = {}, .down = {}}};
  return forward;
}

}  // namespace

bool HostSetting::is_set() const {
  std::ifstream file{path_of(name)};
  int value = 0;
  return (file >> value) && value > 0;
}

Result<> HostSetting::set(bool value) const {
  std::ofstream file{path_of(name)};
  file << (value ? 1 : 0) << std::flush;
  if (!file) return system_failure("set " + name);
  return {};
}

bool HostSetting::is_guarded() const { return name == kRouteLocalnet; }

std::vector<HostSetting> settings_needed(const KernelForward& forward) {
  std::vector<HostSetting> needed;
  const auto need = [&](std::string_view name, std::string why) {
    if (std::ranges::find(needed, name, &HostSetting::name) == needed.end())
      needed.push_back({.name = std::string{name}, .why = std::move(why)});
  };
  const IpAddress& listen = forward.settings.listen.address;
  if (needs_route_localnet(forward)) {
    need(kRouteLocalnet, listen.is_loopback() ? "to lead packets from " + listen.to_string() + " to other addresses"
                                              : "to lead packets from outside to 127.0.0.0/8");
  }
  if (listen.is_loopback()) return needed;  // only this host itself comes there
  for (const KernelTarget& target : forward.targets) {
    if (target.v4 && !is_here(target.v4)) need("net.ipv4.ip_forward", "to pass packets on to " + target.v4.to_string());
    if (target.v6 && !is_here(target.v6)) {
      need("net.ipv6.conf.all.forwarding", "to pass packets on to " + target.v6.to_string());
    }
  }
  return needed;
}

Result<Fd> claim_kernel_forwards() {
  // An abstract UNIX socket is one in its network namespace, and goes with its process (unix(7)).
  constexpr std::string_view kName = "tidegate_forward";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::ranges::copy(kName, address.sun_path + 1);
  Fd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + kName.size());
  if (fd && ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0) return fd;
  if (errno == EADDRINUSE) return failure("another tidegate has the kernel forwards of this host");
  return system_failure("claim the kernel forwards");
}

Finding engine_kernel_finding() {
  Finding finding{.what = "engine kernel", .verdict = Finding::Verdict::no, .detail = {}, .remedy = {}};
  const KernelForward forward = example();
  if (const auto rules = nft::check(difference(kForwardTable, {}, kernel_rules(std::span{&forward, 1}, {1}))); !rules) {
    finding.detail = rules.error().what;
    finding.remedy = rules.error().what.find("Operation not permitted") != std::string::npos
                         ? "run tidegate as root, or with the capability CAP_NET_ADMIN"
                         : "it needs a kernel with nf_tables, its NAT, quota, limit, connlimit, fib and reject";
    return finding;
  }
  if (const auto tracked = tracked_connections(kMark, kMarkMask); !tracked) {
    finding.detail = tracked.error().what;
    finding.remedy = "it needs a kernel with nf_conntrack_netlink";
    return finding;
  }
  finding.verdict = Finding::Verdict::yes;
  finding.detail = "by nf_tables";
  std::string missing;
  for (const std::string_view name : {std::string_view{"net.ipv4.ip_forward"}, kRouteLocalnet}) {
    const HostSetting setting{.name = std::string{name}, .why = {}};
    if (!setting.is_set()) missing += (missing.empty() ? "" : " and ") + setting.name;
  }
  if (missing.empty()) return finding;
  finding.verdict = Finding::Verdict::partly;
  finding.detail +=
      "; targets on other hosts need net.ipv4.ip_forward, those at 127.0.0.1 route_localnet; not set: " + missing;
  finding.remedy = "sysctl -w net.ipv4.ip_forward=1, or manage_sysctl: true in the configuration";
  return finding;
}

}  // namespace tidegate
