// See host_findings.h. capabilities(7), proc_sys_net(5), proc_sys_fs(5).
#include "cli/host_findings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "daemon/load.h"

namespace tidegate::cli {

namespace {

using enum Finding::Verdict;

struct Capability {
  int number;
  std::string_view name;
  std::string_view use;
};
constexpr std::array kCapabilities = {
    Capability{CAP_NET_RAW, "CAP_NET_RAW", "captures"},
    Capability{CAP_NET_ADMIN, "CAP_NET_ADMIN", "nflog, eBPF, devices, rules of the firewall"},
    Capability{CAP_BPF, "CAP_BPF", "eBPF"},
    Capability{CAP_PERFMON, "CAP_PERFMON", "eBPF"},
    Capability{CAP_NET_BIND_SERVICE, "CAP_NET_BIND_SERVICE", "ports below 1024"},
};

bool is_capable(int number) {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, 2> sets{};
  if (::syscall(SYS_capget, &header, sets.data()) != 0) return false;
  const auto bit = static_cast<unsigned>(number);
  return (sets.at(bit / 32).effective >> (bit % 32) & 1U) != 0;
}

std::optional<std::uint64_t> number_in(const std::string& path) {
  std::uint64_t number = 0;
  if (std::ifstream{path} >> number) return number;
  return std::nullopt;
}

}  // namespace

Finding capabilities_finding() {
  std::vector<std::string_view> there;
  std::vector<std::string> missing;
  for (const auto& [number, name, use] : kCapabilities) {
    if (is_capable(number)) {
      there.push_back(name);
    } else {
      missing.push_back(fmt::format("{} ({})", name, use));
    }
  }
  Finding finding{
      .what = "capabilities", .verdict = yes, .detail = fmt::format("{}", fmt::join(there, ", ")), .remedy = {}};
  if (missing.empty()) return finding;
  finding.verdict = there.empty() ? no : partly;
  finding.detail += fmt::format("{}not {}", there.empty() ? "" : "; ", fmt::join(missing, ", "));
  finding.remedy = "run as root, or give them in the unit: AmbientCapabilities=";
  return finding;
}

Finding low_ports_finding() {
  const auto first = number_in("/proc/sys/net/ipv4/ip_unprivileged_port_start").value_or(1024);
  if (first <= 1 || is_capable(CAP_NET_BIND_SERVICE))
    return {.what = "ports below 1024", .verdict = yes, .detail = "can be listened on", .remedy = {}};
  return {.what = "ports below 1024",
          .verdict = first < 1024 ? partly : no,
          .detail = fmt::format("ports from {} on can be listened on", first),
          .remedy = "run as root or with CAP_NET_BIND_SERVICE, or: sysctl -w net.ipv4.ip_unprivileged_port_start=0"};
}

Finding conntrack_finding() {
  Finding finding{.what = "conntrack", .verdict = yes, .detail = {}, .remedy = {}};
  const auto most = number_in("/proc/sys/net/netfilter/nf_conntrack_max");
  const auto used = number_in("/proc/sys/net/netfilter/nf_conntrack_count");
  if (!most || !used) {
    finding.verdict = partly;
    finding.detail = "not loaded, so that no address can be translated (engine kernel)";
    finding.remedy = "modprobe nf_conntrack";
    return finding;
  }
  finding.detail = fmt::format("{} of {} entries in use", *used, *most);
  if (*used > *most / 10 * 9) {
    finding.verdict = partly;
    finding.remedy = fmt::format("sysctl -w net.netfilter.nf_conntrack_max={}", *most * 2);
  }
  return finding;
}

Finding receive_buffer_finding() {
  constexpr std::uint64_t kWanted = 8 << 20;
  Finding finding{.what = "receive buffers", .verdict = yes, .detail = {}, .remedy = {}};
  const auto most = number_in("/proc/sys/net/core/rmem_max");
  if (!most || *most >= kWanted || is_capable(CAP_NET_ADMIN)) {
    finding.detail = "as large as wanted";
    return finding;
  }
  finding.verdict = partly;
  finding.detail = fmt::format("{} bytes at the most: bursts of datagrams and of packets may be lost", *most);
  finding.remedy = fmt::format("sysctl -w net.core.rmem_max={}", kWanted);
  return finding;
}

Finding pipe_finding() {
  constexpr std::uint64_t kWanted = 262'144;  // pages: a thousand pipes of 1 MiB
  Finding finding{.what = "pipes", .verdict = yes, .detail = {}, .remedy = {}};
  const auto most = number_in("/proc/sys/fs/pipe-user-pages-soft");
  if (!most || *most == 0 || *most >= kWanted || is_capable(CAP_SYS_RESOURCE) || is_capable(CAP_SYS_ADMIN)) {
    finding.detail = "as large as wanted";
    return finding;
  }
  finding.verdict = partly;
  finding.detail = fmt::format("{} pages in all: with many connections in bulk new pipes shrink", *most);
  finding.remedy = fmt::format("sysctl -w fs.pipe-user-pages-soft={}", kWanted);
  return finding;
}

Finding descriptor_finding() {
  constexpr std::uint64_t kWanted = 65'536;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  Finding finding{.what = "open files",
                  .verdict = yes,
                  .detail = fmt::format("{} at the most, two for each forwarded connection", limit.rlim_cur),
                  .remedy = {}};
  if (limit.rlim_cur >= kWanted) return finding;
  finding.verdict = partly;
  finding.remedy = fmt::format("ulimit -n {}, or LimitNOFILE={} in the unit", kWanted, kWanted);
  return finding;
}

Finding store_finding() {
  const std::filesystem::path path{default_store_path()};
  auto folder = path.parent_path();
  std::error_code ignored;
  while (!folder.empty() && folder != folder.root_path() && !std::filesystem::exists(folder, ignored)) {
    folder = folder.parent_path();  // what is missing is made
  }
  Finding finding{.what = "store", .verdict = yes, .detail = path.string(), .remedy = {}};
  if (::access(folder.c_str(), W_OK | X_OK) == 0) return finding;
  finding.verdict = no;
  finding.detail = fmt::format("{}: {} cannot be written to", path.string(), folder.string());
  finding.remedy = "name another place: store: PATH";
  return finding;
}

}  // namespace tidegate::cli
