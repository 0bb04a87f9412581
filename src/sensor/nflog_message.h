// One message of the kernel's nfnetlink_log, as its packet and as the frame that a packet decoder reads. Pure.
#pragma once

#include <libmnl/libmnl.h>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/time.h"
#include "model/sample.h"
#include "packet/decode.h"

namespace tidegate {

struct NflogPacket {
  std::uint16_t group = 0;
  std::uint8_t family = 0;     // NFPROTO_IPV4, NFPROTO_ARP, …: of the chain that logged it
  std::uint8_t hook = 0;       // its number in that family
  std::uint16_t protocol = 0;  // EtherType of the payload
  std::uint16_t hardware = 0;  // ARPHRD_… of `link_header`
  std::uint32_t in_interface = 0;
  std::uint32_t out_interface = 0;
  std::optional<WallTime> at;             // none on the way out
  std::optional<std::uint32_t> sequence;  // within the group
  std::optional<std::uint32_t> tag;       // a VLAN tag that the network card took off: its EtherType and its value
  std::span<const std::uint8_t> link_header;
  std::span<const std::uint8_t> payload;  // cut to the copy range; from the network header on, as a rule
};

// The packet that the message holds, whose spans point into it; nothing for any other message and for one that is
// damaged. The message is whole: its length was checked (mnl_nlmsg_ok).
[[nodiscard]] std::optional<NflogPacket> read_nflog_packet(const nlmsghdr& message);

// As this host sees it. A packet that is forwarded, and comes from one interface to leave by another: unknown.
[[nodiscard]] Direction direction_of(const NflogPacket& packet);

struct NflogFrame {
  packet::LinkType link = packet::LinkType::ethernet;
  std::span<const std::uint8_t> bytes;
  std::uint32_t wire_length = 0;  // as the IP header says, of what was cut
};

// With an Ethernet header where the packet had one, as bare IP where it did not; `room` is where the bytes are put if
// they have to be. Nothing: neither Ethernet nor IP.
[[nodiscard]] std::optional<NflogFrame> frame_of(const NflogPacket& packet, std::vector<std::uint8_t>& room);

}  // namespace tidegate
