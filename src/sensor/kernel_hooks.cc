// See kernel_hooks.h. A filter of ours is known by its priority and its program's name; its handle is the process that
// attached it, so that one of a process that is no more can be told from that of another tidegate.
#include "sensor/kernel_hooks.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_arp.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <span>

#include "base/log.h"
#include "sensor/netlink.h"

namespace tidegate {
namespace {

// From linux/bpf.h of kernel 6.6, newer than Debian 12's.
constexpr auto kTcxIngress = static_cast<bpf_attach_type>(46);
constexpr auto kTcxEgress = static_cast<bpf_attach_type>(47);

constexpr std::uint32_t kPriority = 0xc7d0;
constexpr std::string_view kProgramNames = "tidegate_";

constexpr std::array kBothWays = {BPF_TC_INGRESS, BPF_TC_EGRESS};

// A packet on loopback passes its way out and then its way in: one of them sees them all.
std::span<const bpf_tc_attach_point> ways_of(const Interface& interface) {
  return std::span{kBothWays}.first(interface.type == ARPHRD_LOOPBACK ? 1 : 2);
}

bpf_tc_hook hook_at(std::uint32_t interface, bpf_tc_attach_point way) {
  bpf_tc_hook hook{};
  hook.sz = sizeof hook;
  hook.ifindex = static_cast<int>(interface);
  hook.attach_point = way;
  return hook;
}

struct Filter {
  std::uint32_t handle = 0;
  std::uint32_t priority = 0;
  std::string name;  // of its program

  [[nodiscard]] bool is_ours() const { return priority == kPriority && name.starts_with(kProgramNames); }
};

Filter filter_of(const nlmsghdr& message) {
  const auto* const about = static_cast<const tcmsg*>(NLMSG_DATA(&message));
  Filter filter{.handle = about->tcm_handle, .priority = about->tcm_info >> 16, .name = {}};
  const auto walk = [](const rtattr* attribute, std::size_t bytes, auto each) {
    auto left = static_cast<unsigned>(bytes);
    for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) each(*attribute);
  };
  walk(TCA_RTA(about), message.nlmsg_len - NLMSG_LENGTH(sizeof *about), [&](const rtattr& attribute) {
    if (attribute.rta_type != TCA_OPTIONS) return;
    walk(static_cast<const rtattr*>(RTA_DATA(&attribute)), RTA_PAYLOAD(&attribute), [&](const rtattr& option) {
      if (option.rta_type != TCA_BPF_NAME) return;
      const auto* const text = static_cast<const char*>(RTA_DATA(&option));
      filter.name.assign(text, ::strnlen(text, RTA_PAYLOAD(&option)));
    });
  });
  return filter;
}

// None where the interface has no clsact.
std::vector<Filter> filters_at(std::uint32_t interface, bpf_tc_attach_point way) {
  struct {
    nlmsghdr header{};
    tcmsg about{};
  } request;
  request.header = {.nlmsg_len = sizeof request,
                    .nlmsg_type = RTM_GETTFILTER,
                    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                    .nlmsg_seq = 1,
                    .nlmsg_pid = 0};
  request.about.tcm_family = AF_UNSPEC;
  request.about.tcm_ifindex = static_cast<int>(interface);
  request.about.tcm_parent = TC_H_MAKE(TC_H_CLSACT, way == BPF_TC_INGRESS ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS);
  std::vector<Filter> filters;
  const auto answered = ask_kernel(fmt::format("list filters of interface {}", interface), NETLINK_ROUTE,
                                   std::as_bytes(std::span{&request, 1}), [&](const nlmsghdr& message) {
                                     if (message.nlmsg_type == RTM_NEWTFILTER) filters.push_back(filter_of(message));
                                   });
  if (!answered) log::debug("{}", answered.error().what);
  // The head of a priority has handle 0, and tells nothing.
  std::erase_if(filters, [](const Filter& filter) { return filter.handle == 0; });
  return filters;
}

void remove_filter(std::uint32_t interface, bpf_tc_attach_point way, std::uint32_t handle) {
  const auto hook = hook_at(interface, way);
  bpf_tc_opts options{};
  options.sz = sizeof options;
  options.handle = handle;
  options.priority = kPriority;
  const int status = ::bpf_tc_detach(&hook, &options);
  if (status != 0 && status != -ENOENT && status != -ENODEV && status != -EINVAL) {
    log::debug("remove the filter of interface {}: {}", interface, std::strerror(-status));
  }
}

// Takes the qdisc away once nobody has a filter there.
void remove_empty_qdisc(std::uint32_t interface) {
  for (const auto way : kBothWays) {
    if (!filters_at(interface, way).empty()) return;
  }
  auto hook = hook_at(interface, static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS));
  if (const int status = ::bpf_tc_hook_destroy(&hook); status != 0 && status != -ENODEV && status != -ENOENT) {
    log::debug("remove clsact of interface {}: {}", interface, std::strerror(-status));
  }
}

bool is_running_tidegate(std::uint32_t pid) {
  if (pid == static_cast<std::uint32_t>(::getpid())) return false;  // of an earlier process with this number
  std::ifstream file{fmt::format("/proc/{}/comm", pid)};
  std::string name;
  return std::getline(file, name) && name.starts_with("tidegate");
}

}  // namespace

Framing framing_of(std::uint16_t type) {
  switch (type) {
    case ARPHRD_ETHER:
    case ARPHRD_LOOPBACK:
      return Framing::ethernet;
    case ARPHRD_NONE:
    case ARPHRD_RAWIP:
    case ARPHRD_PPP:
    case ARPHRD_TUNNEL:
    case ARPHRD_TUNNEL6:
    case ARPHRD_SIT:
    case ARPHRD_IPGRE:
    case ARPHRD_IP6GRE:
      return Framing::ip;
    default:
      return Framing::neither;
  }
}

KernelHooks::~KernelHooks() {
  for (auto& [index, hooked] : hooked_) let_go(hooked);
}

std::vector<std::string> KernelHooks::set(const std::vector<Interface>& interfaces) {
  for (auto at = hooked_.begin(); at != hooked_.end();) {
    const auto same = std::ranges::find(interfaces, at->first, &Interface::index);
    if (same != interfaces.end() && same->type == at->second.interface.type) {
      at->second.interface = *same;  // it may have another name
      ++at;
    } else {
      let_go(at->second);
      at = hooked_.erase(at);
    }
  }
  std::vector<std::string> troubles;
  for (const auto& interface : interfaces) {
    if (hooked_.contains(interface.index) || framing_of(interface.type) == Framing::neither) continue;
    auto hooked = hook_up(interface);
    if (hooked) {
      hooked_.emplace(interface.index, std::move(*hooked));
    } else if (hooked.error().code != ENODEV) {  // else it is gone, and the next call is without it
      troubles.push_back(hooked.error().what);
    }
  }
  return troubles;
}

std::string KernelHooks::name_of(std::uint32_t index) const {
  const auto found = hooked_.find(index);
  return found == hooked_.end() ? std::to_string(index) : found->second.interface.name;
}

Result<KernelHooks::Hooked> KernelHooks::hook_up(const Interface& interface) {
  const int program = framing_of(interface.type) == Framing::ethernet ? programs_.frames : programs_.ip;
  Hooked hooked{.interface = interface, .links = {}};
  if (hook_ == KernelHook::tcx) {
    auto linked = link(hooked, program);
    if (linked) return hooked;
    hooked.links.clear();
    if (linked.error().code != EINVAL) return std::unexpected{std::move(linked.error())};
    hook_ = KernelHook::clsact;  // the kernel does not know tcx
  }
  if (auto filtered = filter(hooked, program); !filtered) {
    let_go(hooked);
    return std::unexpected{std::move(filtered.error())};
  }
  return hooked;
}

Result<> KernelHooks::link(Hooked& hooked, int program) {
  for (const auto way : ways_of(hooked.interface)) {
    Fd made{::bpf_link_create(program, static_cast<int>(hooked.interface.index),
                              way == BPF_TC_INGRESS ? kTcxIngress : kTcxEgress, nullptr)};
    if (!made) return system_failure(fmt::format("hook {}", hooked.interface.name));
    hooked.links.push_back(std::move(made));
  }
  return {};
}

Result<> KernelHooks::filter(Hooked& hooked, int program) {
  const auto index = hooked.interface.index;
  auto both = hook_at(index, static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS));
  const int made = ::bpf_tc_hook_create(&both);
  if (made != 0 && made != -EEXIST)
    return system_failure(fmt::format("hook {}: make clsact", hooked.interface.name), -made);
  hooked.made_the_qdisc = made == 0;
  hooked.filters = true;
  for (const auto way : ways_of(hooked.interface)) {
    const auto hook = hook_at(index, way);
    bpf_tc_opts options{};
    options.sz = sizeof options;
    options.prog_fd = program;
    options.handle = static_cast<std::uint32_t>(::getpid());
    options.priority = kPriority;
    options.flags = BPF_TC_F_REPLACE;
    if (const int status = ::bpf_tc_attach(&hook, &options); status != 0)
      return system_failure(fmt::format("hook {}", hooked.interface.name), -status);
  }
  return {};
}

void KernelHooks::let_go(Hooked& hooked) {
  hooked.links.clear();
  if (!hooked.filters) return;
  for (const auto way : ways_of(hooked.interface)) {
    remove_filter(hooked.interface.index, way, static_cast<std::uint32_t>(::getpid()));
  }
  if (hooked.made_the_qdisc) remove_empty_qdisc(hooked.interface.index);
}

void KernelHooks::forget() {
  const auto interfaces = list_interfaces();
  if (!interfaces) return log::debug("{}", interfaces.error().what);
  for (const auto& interface : *interfaces) {
    bool forgot = false;
    for (const auto way : kBothWays) {
      for (const auto& filter : filters_at(interface.index, way)) {
        if (!filter.is_ours() || is_running_tidegate(filter.handle)) continue;
        remove_filter(interface.index, way, filter.handle);
        forgot = true;
      }
    }
    if (!forgot) continue;
    log::info("{}: a filter that an earlier tidegate left is removed", interface.name);
    remove_empty_qdisc(interface.index);
  }
}

}  // namespace tidegate
