// See interfaces.h.
#include "sensor/interfaces.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <span>

#include "sensor/netlink.h"

namespace tidegate {
namespace {

Interface interface_of(const nlmsghdr& message) {
  const auto* const link = static_cast<const ifinfomsg*>(NLMSG_DATA(&message));
  Interface interface{.index = static_cast<std::uint32_t>(link->ifi_index), .name = {}, .type = link->ifi_type};
  auto left = static_cast<unsigned>(message.nlmsg_len - NLMSG_LENGTH(sizeof *link));
  for (const auto* attribute = IFLA_RTA(link); RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
    if (attribute->rta_type != IFLA_IFNAME) continue;
    const auto* const text = static_cast<const char*>(RTA_DATA(attribute));
    interface.name.assign(text, ::strnlen(text, RTA_PAYLOAD(attribute)));
  }
  return interface;
}

}  // namespace

Result<std::vector<Interface>> list_interfaces() {
  struct {
    nlmsghdr header{};
    ifinfomsg link{};
  } request;
  request.header = {.nlmsg_len = sizeof request,
                    .nlmsg_type = RTM_GETLINK,
                    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                    .nlmsg_seq = 1,
                    .nlmsg_pid = 0};
  request.link.ifi_family = AF_UNSPEC;
  std::vector<Interface> interfaces;
  const auto answered = ask_kernel("list this host's interfaces", NETLINK_ROUTE, std::as_bytes(std::span{&request, 1}),
                                   [&](const nlmsghdr& message) {
                                     if (message.nlmsg_type == RTM_NEWLINK) interfaces.push_back(interface_of(message));
                                   });
  if (!answered) return std::unexpected{answered.error()};
  std::ranges::sort(interfaces, {}, &Interface::index);
  return interfaces;
}

}  // namespace tidegate
