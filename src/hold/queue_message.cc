// See queue_message.h. The messages: linux/netfilter/nfnetlink_queue.h.
#include "hold/queue_message.h"

#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>

#include <algorithm>

#include "netfilter/attribute.h"

namespace tidegate {
namespace {

constexpr std::uint16_t kQueueMessage = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET;

}  // namespace

std::optional<QueuedPacket> read_queued_packet(const nlmsghdr& message) {
  if (message.nlmsg_type != kQueueMessage || netfilter_header(message) == nullptr) return std::nullopt;
  QueuedPacket packet;
  bool named = false;
  std::uint32_t whole = 0;  // told only where the packet was cut
  each_attribute(message, [&](const nlattr* attribute) {
    switch (::mnl_attr_get_type(attribute)) {
      case NFQA_PACKET_HDR:
        if (const auto header = value_of<nfqnl_msg_packet_hdr>(attribute)) {
          named = true;
          packet.number = ntohl(header->packet_id);
          packet.local = header->hook == NF_INET_LOCAL_OUT;
          if (ntohs(header->hw_protocol) == ETH_P_IPV6) packet.link = packet::LinkType::ipv6;
        }
        break;
      case NFQA_IFINDEX_INDEV:
        packet.in_interface = number_of(attribute);
        break;
      case NFQA_IFINDEX_OUTDEV:
        packet.out_interface = number_of(attribute);
        break;
      case NFQA_CAP_LEN:
        whole = number_of(attribute);
        break;
      case NFQA_PAYLOAD:
        packet.bytes = bytes_of(attribute);
        break;
      default:
        break;
    }
  });
  if (!named) return std::nullopt;
  packet.wire_length = std::max(whole, static_cast<std::uint32_t>(packet.bytes.size()));
  return packet;
}

}  // namespace tidegate
