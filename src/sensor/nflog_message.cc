// See nflog_message.h. The messages: linux/netfilter/nfnetlink_log.h. Attributes are taken by their numbers in the
// kernel; libnetfilter_log's own reader does not know those of link headers and tags that chains of `bridge` and
// `netdev` have.
#include "sensor/nflog_message.h"

#include <arpa/inet.h>
#include <endian.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netfilter_arp.h>
#include <net/if_arp.h>

#include <algorithm>

#include "netfilter/attribute.h"
#include "packet/rest.h"

namespace tidegate {
namespace {

using NflogBytes = std::span<const std::uint8_t>;

constexpr std::uint16_t kPacketMessage = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET;
constexpr std::size_t kTypeAt = ETH_HLEN - 2;  // where an Ethernet header has its EtherType
constexpr std::uint32_t kSuperPacket = 65'536;

void read_tag(const nlattr* nest, NflogPacket& packet) {
  std::uint16_t type = ETH_P_8021Q;
  std::optional<std::uint16_t> value;
  const auto bytes = bytes_of(nest);
  for (const auto* attribute = static_cast<const nlattr*>(::mnl_attr_get_payload(nest)); ::mnl_attr_ok(
           attribute, static_cast<int>(bytes.data() + bytes.size() - reinterpret_cast<const std::uint8_t*>(attribute)));
       attribute = ::mnl_attr_next(attribute)) {
    const auto number = value_of<std::uint16_t>(attribute);
    if (!number) continue;
    if (::mnl_attr_get_type(attribute) == NFULA_VLAN_PROTO) type = ntohs(*number);
    if (::mnl_attr_get_type(attribute) == NFULA_VLAN_TCI) value = ntohs(*number);
  }
  if (value) packet.tag = std::uint32_t{type} << 16 | *value;
}

void read_attribute(const nlattr* attribute, NflogPacket& packet) {
  switch (::mnl_attr_get_type(attribute)) {
    case NFULA_PACKET_HDR:
      if (const auto header = value_of<nfulnl_msg_packet_hdr>(attribute)) {
        packet.protocol = ntohs(header->hw_protocol);
        packet.hook = header->hook;
      }
      break;
    case NFULA_TIMESTAMP:
      if (const auto at = value_of<nfulnl_msg_packet_timestamp>(attribute)) {
        // As many seconds as fit into what WallTime counts in.
        const auto seconds = std::min<std::uint64_t>(be64toh(at->sec), 9'000'000'000);
        const auto microseconds = std::min<std::uint64_t>(be64toh(at->usec), 999'999);
        packet.at = WallTime{std::chrono::seconds{seconds} + std::chrono::microseconds{microseconds}};
      }
      break;
    case NFULA_IFINDEX_INDEV:
      packet.in_interface = number_of(attribute);
      break;
    case NFULA_IFINDEX_OUTDEV:
      packet.out_interface = number_of(attribute);
      break;
    case NFULA_SEQ:
      if (const auto sequence = value_of<std::uint32_t>(attribute)) packet.sequence = ntohl(*sequence);
      break;
    case NFULA_HWTYPE:
      packet.hardware = ntohs(value_of<std::uint16_t>(attribute).value_or(0));
      break;
    case NFULA_HWHEADER:
      if (packet.link_header.empty()) packet.link_header = bytes_of(attribute);
      break;
    case NFULA_L2HDR:  // whole, with tags; comes behind the other
      packet.link_header = bytes_of(attribute);
      break;
    case NFULA_VLAN:
      read_tag(attribute, packet);
      break;
    case NFULA_PAYLOAD:
      packet.payload = bytes_of(attribute);
      break;
    default:
      break;
  }
}

// How long the packet was from its network header on, captured or not. A length of nought, with something behind the
// header, is a super-packet's of more than 64 KiB.
std::uint32_t sent_bytes(std::uint16_t protocol, NflogBytes network) {
  const auto captured = static_cast<std::uint32_t>(network.size());
  std::uint32_t said = 0;
  if (protocol == ETH_P_IP && captured > 20) {
    said = packet::be16<2>(network.first<4>());
    if (said == 0) said = kSuperPacket;
  } else if (protocol == ETH_P_IPV6 && captured > 40) {
    said = packet::be16<4>(network.first<6>());
    said = said == 0 ? 40 + kSuperPacket : 40 + said;
  }
  return std::max(captured, said);
}

// At these hooks the packet has its link header on already.
bool begins_with_link_header(const NflogPacket& packet) {
  const bool late = (packet.family == NFPROTO_ARP && packet.hook == NF_ARP_OUT) ||
                    (packet.family == NFPROTO_NETDEV && packet.hook == NF_NETDEV_EGRESS);
  return late && packet.payload.size() >= ETH_HLEN &&
         packet::be16<kTypeAt>(packet.payload.first<ETH_HLEN>()) == packet.protocol;
}

bool has_ethernet(const NflogPacket& packet) {
  return packet.link_header.size() >= ETH_HLEN &&
         (packet.hardware == ARPHRD_ETHER || packet.hardware == ARPHRD_LOOPBACK);
}

void append16(std::vector<std::uint8_t>& bytes, std::uint32_t number) {
  bytes.push_back(static_cast<std::uint8_t>(number >> 8));
  bytes.push_back(static_cast<std::uint8_t>(number));
}

// The link header, with the tag that is told of beside it put back in; and with the type of the packet, where the
// header announces tags that are not in it.
void put_ethernet(const NflogPacket& packet, std::vector<std::uint8_t>& frame) {
  const auto header = packet.link_header;
  frame.assign(header.begin(), header.begin() + kTypeAt);
  if (packet.tag) {
    append16(frame, *packet.tag >> 16);
    append16(frame, *packet.tag);
  }
  if (header.size() > ETH_HLEN || packet.protocol < ETH_P_802_3_MIN) {
    frame.insert(frame.end(), header.begin() + kTypeAt, header.end());
  } else {
    append16(frame, packet.protocol);
  }
}

}  // namespace

std::optional<NflogPacket> read_nflog_packet(const nlmsghdr& message) {
  const auto* const about = netfilter_header(message);
  if (message.nlmsg_type != kPacketMessage || about == nullptr) return std::nullopt;
  NflogPacket packet{.group = ntohs(about->res_id), .family = about->nfgen_family};
  each_attribute(message, [&](const nlattr* attribute) { read_attribute(attribute, packet); });
  return packet;
}

Direction direction_of(const NflogPacket& packet) {
  switch (packet.family) {
    case NFPROTO_INET:
    case NFPROTO_IPV4:
    case NFPROTO_IPV6:
    case NFPROTO_BRIDGE:  // numbers its hooks as IP does
      switch (packet.hook) {
        case NF_INET_PRE_ROUTING:
        case NF_INET_LOCAL_IN:
          return Direction::in;
        case NF_INET_LOCAL_OUT:
        case NF_INET_POST_ROUTING:
          return Direction::out;
        default:
          return Direction::unknown;
      }
    default:
      if ((packet.in_interface == 0) == (packet.out_interface == 0)) return Direction::unknown;
      return packet.in_interface != 0 ? Direction::in : Direction::out;
  }
}

std::optional<NflogFrame> frame_of(const NflogPacket& packet, std::vector<std::uint8_t>& room) {
  if (begins_with_link_header(packet)) {
    const auto network = packet.payload.subspan(ETH_HLEN);
    return NflogFrame{.link = packet::LinkType::ethernet,
                      .bytes = packet.payload,
                      .wire_length = ETH_HLEN + sent_bytes(packet.protocol, network)};
  }
  const auto sent = sent_bytes(packet.protocol, packet.payload);
  if (has_ethernet(packet)) {
    put_ethernet(packet, room);
    const auto link_bytes = static_cast<std::uint32_t>(room.size());
    room.insert(room.end(), packet.payload.begin(), packet.payload.end());
    return NflogFrame{.link = packet::LinkType::ethernet, .bytes = room, .wire_length = link_bytes + sent};
  }
  if (packet.protocol != ETH_P_IP && packet.protocol != ETH_P_IPV6) return std::nullopt;
  const auto link = packet.protocol == ETH_P_IP ? packet::LinkType::ipv4 : packet::LinkType::ipv6;
  return NflogFrame{.link = link, .bytes = packet.payload, .wire_length = sent};
}

}  // namespace tidegate
