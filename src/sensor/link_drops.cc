// See link_drops.h.
#include "sensor/link_drops.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cstring>

#include "sensor/netlink.h"

namespace tidegate {

Result<std::uint64_t> link_drops(std::uint32_t interface) {
  if (interface == 0) return failure("no interface has index 0");
  struct {
    nlmsghdr header{};
    ifinfomsg link{};
  } request;
  request.header = {.nlmsg_len = sizeof request,
                    .nlmsg_type = RTM_GETLINK,
                    .nlmsg_flags = NLM_F_REQUEST,
                    .nlmsg_seq = 1,
                    .nlmsg_pid = 0};
  request.link.ifi_family = AF_UNSPEC;
  request.link.ifi_index = static_cast<int>(interface);

  std::uint64_t dropped = 0;
  const auto answered = ask_kernel(
      fmt::format("statistics of interface {}", interface), NETLINK_ROUTE, std::as_bytes(std::span{&request, 1}),
      [&](const nlmsghdr& message) {
        if (message.nlmsg_type != RTM_NEWLINK) return;
        auto left = static_cast<unsigned>(message.nlmsg_len - NLMSG_LENGTH(sizeof(ifinfomsg)));
        for (const auto* attribute = IFLA_RTA(static_cast<const ifinfomsg*>(NLMSG_DATA(&message)));
             RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
          if (attribute->rta_type != IFLA_STATS64) continue;
          rtnl_link_stats64 stats{};  // older kernels send fewer fields
          std::memcpy(&stats, RTA_DATA(attribute), std::min<std::size_t>(RTA_PAYLOAD(attribute), sizeof stats));
          dropped = stats.rx_missed_errors + stats.rx_fifo_errors;
        }
      });
  if (!answered) return std::unexpected{answered.error()};
  return dropped;
}

}  // namespace tidegate
