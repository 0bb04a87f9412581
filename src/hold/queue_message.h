// One message of the kernel's nfnetlink_queue, as the packet that waits for a verdict. Pure.
#pragma once

#include <libmnl/libmnl.h>

#include <cstdint>
#include <optional>
#include <span>

#include "packet/decode.h"

namespace tidegate {

struct QueuedPacket {
  std::uint32_t number = 0;  // by which the verdict names it
  std::uint32_t in_interface = 0;
  std::uint32_t out_interface = 0;
  bool local = false;  // it is on its way out: a client on this host sent it
  packet::LinkType link = packet::LinkType::ipv4;
  std::span<const std::uint8_t> bytes;  // from the network header on, cut to the copy range
  std::uint32_t wire_length = 0;
};

// The packet that the message holds, whose span points into it; nothing for any other message and for one that
// is damaged. The message is whole: its length was checked (mnl_nlmsg_ok).
[[nodiscard]] std::optional<QueuedPacket> read_queued_packet(const nlmsghdr& message);

}  // namespace tidegate
