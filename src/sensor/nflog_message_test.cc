// What the kernel says of a packet, and the frame that is made of it.
#include "sensor/nflog_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/nflog_bytes.h"
#include "tests/support/packet_builder.h"

namespace tidegate {
namespace {

using packet::LinkType;
using test::Bytes;
using test::NflogMessage;
using test::PacketBuilder;
using testing::ElementsAreArray;
using testing::IsEmpty;

constexpr std::uint16_t kIpv4 = 0x0800;
constexpr std::uint16_t kIpv6 = 0x86dd;
constexpr std::uint16_t kArp = 0x0806;
constexpr std::size_t kEthernet = 14;

Bytes datagram(std::size_t payload = 20) {
  return PacketBuilder{}.ipv4("192.0.2.1", "192.0.2.2").udp(50311, 8211).payload(payload).bytes();
}

// The Ethernet header before an IPv4 packet.
Bytes ethernet_header(std::uint16_t type = kIpv4) { return PacketBuilder{}.ethernet().ethertype(type).bytes(); }

struct Read {
  NflogPacket packet;
  std::optional<NflogFrame> frame;
  std::optional<packet::Headers> headers;  // where there is a frame that can be decoded
};

class NflogMessageTest : public testing::Test {
 protected:
  Read read(NflogMessage& message) {
    Read read;
    const auto packet = read_nflog_packet(*message.message());
    EXPECT_TRUE(packet);
    read.packet = packet.value_or(NflogPacket{});
    read.frame = frame_of(read.packet, room_);
    if (read.frame) {
      const auto headers = packet::decode(read.frame->bytes, read.frame->link, read.frame->wire_length);
      if (headers) read.headers = *headers;
    }
    return read;
  }

 private:
  std::vector<std::uint8_t> room_;
};

TEST_F(NflogMessageTest, has_all_that_the_kernel_tells) {
  const auto packet = datagram();
  const auto header = ethernet_header();
  auto message = NflogMessage{7, NFPROTO_IPV4, kIpv4, NF_INET_LOCAL_IN}
                     .number(NFULA_MARK, 0xdead)
                     .number(NFULA_IFINDEX_INDEV, 2)
                     .at(1'700'000'000, 123'456)
                     .number(NFULA_SEQ, 41)
                     .link_header(header)
                     .payload(packet);
  const auto read = this->read(message);
  EXPECT_EQ(read.packet.group, 7);
  EXPECT_EQ(read.packet.in_interface, 2u);
  EXPECT_EQ(read.packet.out_interface, 0u);
  EXPECT_EQ(read.packet.sequence, 41u);
  EXPECT_EQ(read.packet.at, WallTime{Duration{1'700'000'000'123'456'000}});
  EXPECT_EQ(read.packet.tag, std::nullopt);
  EXPECT_THAT(read.packet.payload, ElementsAreArray(packet));
  EXPECT_EQ(direction_of(read.packet), Direction::in);
  ASSERT_TRUE(read.headers);
  EXPECT_EQ(read.frame->link, LinkType::ethernet);
  EXPECT_EQ(read.frame->bytes.size(), kEthernet + packet.size());
  EXPECT_EQ(read.frame->wire_length, kEthernet + packet.size());
  EXPECT_EQ(read.headers->source_mac, test::kClientMac);
  EXPECT_EQ(read.headers->destination_port, 8211);
}

TEST_F(NflogMessageTest, without_a_link_header_is_read_from_its_network_header) {
  const auto v4 = datagram();
  auto out = NflogMessage{0, NFPROTO_IPV4, kIpv4, NF_INET_LOCAL_OUT}.number(NFULA_IFINDEX_OUTDEV, 3).payload(v4);
  auto read = this->read(out);
  EXPECT_EQ(read.packet.at, std::nullopt);
  EXPECT_EQ(read.packet.sequence, std::nullopt);
  EXPECT_EQ(read.frame->link, LinkType::ipv4);
  EXPECT_EQ(read.frame->wire_length, v4.size());
  EXPECT_EQ(read.headers->source_mac, std::nullopt);
  EXPECT_EQ(read.headers->destination.to_string(), "192.0.2.2");

  const auto v6 = PacketBuilder{}.ipv6("2001:db8::1", "2001:db8::2").tcp(1, 80, 2).bytes();
  auto tunnel = NflogMessage{0, NFPROTO_IPV6, kIpv6, NF_INET_LOCAL_IN}.link_header(Bytes(4), 768).payload(v6);
  read = this->read(tunnel);
  EXPECT_EQ(read.frame->link, LinkType::ipv6);
  EXPECT_EQ(read.headers->destination_port, 80);
}

TEST_F(NflogMessageTest, on_loopback_has_an_ethernet_header_too) {
  auto message =
      NflogMessage{1, NFPROTO_IPV4, kIpv4, NF_INET_LOCAL_IN}.link_header(ethernet_header(), 772).payload(datagram());
  EXPECT_EQ(read(message).frame->link, LinkType::ethernet);
}

TEST_F(NflogMessageTest, cut_to_the_copy_range_keeps_its_length_on_the_wire) {
  const auto v4 = datagram(1400);
  auto message = NflogMessage{1, NFPROTO_IPV4, kIpv4, NF_INET_LOCAL_IN}
                     .link_header(ethernet_header())
                     .payload(std::span{v4}.first(64));
  auto read = this->read(message);
  EXPECT_EQ(read.frame->bytes.size(), kEthernet + 64);
  EXPECT_EQ(read.frame->wire_length, kEthernet + 20 + 8 + 1400);
  EXPECT_EQ(read.headers->payload, 1400u);

  const auto v6 = PacketBuilder{}.ipv6("2001:db8::1", "2001:db8::2").udp(1, 53).payload(1000).bytes();
  auto bare = NflogMessage{1, NFPROTO_IPV6, kIpv6, NF_INET_LOCAL_OUT}.payload(std::span{v6}.first(64));
  EXPECT_EQ(this->read(bare).headers->payload, 1000u);
}

TEST_F(NflogMessageTest, of_more_than_64_KiB_is_read_though_its_length_field_is_nought) {
  for (const auto& packet :
       {PacketBuilder{}.ipv4("192.0.2.1", "192.0.2.2", {.total_length = 0}).tcp(1, 80, 0x10).payload(200).bytes(),
        PacketBuilder{}
            .ipv6("2001:db8::1", "2001:db8::2", {.payload_length = 0})
            .tcp(1, 80, 0x10)
            .payload(200)
            .bytes()}) {
    const auto protocol = packet[0] >> 4 == 4 ? kIpv4 : kIpv6;
    auto message = NflogMessage{1, NFPROTO_INET, protocol, NF_INET_LOCAL_OUT}.payload(packet);
    const auto read = this->read(message);
    ASSERT_TRUE(read.headers);
    EXPECT_EQ(read.headers->destination_port, 80);
    EXPECT_GE(read.headers->ip_bytes, 65'536u);
  }
  // With nothing behind its header it is what it says.
  auto empty = NflogMessage{1, NFPROTO_IPV6, kIpv6, NF_INET_LOCAL_OUT}.payload(
      PacketBuilder{}.ipv6("2001:db8::1", "2001:db8::2").bytes());
  EXPECT_EQ(read(empty).headers->ip_bytes, 40u);
}

TEST_F(NflogMessageTest, gets_back_the_tag_that_the_network_card_took_off) {
  auto message = NflogMessage{1, NFPROTO_BRIDGE, kIpv4, NF_INET_PRE_ROUTING}
                     .link_header(ethernet_header())
                     .vlan(0x8100, 0xe003)
                     .bytes(NFULA_L2HDR, ethernet_header())
                     .payload(datagram());
  const auto read = this->read(message);
  ASSERT_TRUE(read.headers);
  EXPECT_EQ(read.headers->vlans, 1);
  EXPECT_EQ(read.headers->vlan[0], 3);
  EXPECT_EQ(read.headers->ethertype, kIpv4);
  EXPECT_EQ(read.frame->wire_length, kEthernet + 4 + datagram().size());
}

TEST_F(NflogMessageTest, keeps_the_tags_of_a_whole_link_header) {
  const auto tagged = PacketBuilder{}.ethernet().vlan(5, 0x88a8).vlan(7).ethertype(kIpv4).bytes();
  auto message = NflogMessage{1, NFPROTO_NETDEV, kIpv4, NF_NETDEV_INGRESS}
                     .number(NFULA_IFINDEX_INDEV, 2)
                     .link_header(ethernet_header(0x88a8))
                     .bytes(NFULA_L2HDR, tagged)
                     .payload(datagram());
  const auto read = this->read(message);
  ASSERT_TRUE(read.headers);
  EXPECT_EQ(read.headers->vlans, 2);
  EXPECT_EQ(read.headers->vlan[1], 7);
  EXPECT_EQ(direction_of(read.packet), Direction::in);
}

TEST_F(NflogMessageTest, whose_header_announces_a_tag_that_is_not_there_is_read_by_its_protocol) {
  auto message =
      NflogMessage{1, NFPROTO_IPV4, kIpv4, NF_INET_LOCAL_IN}.link_header(ethernet_header(0x8100)).payload(datagram());
  EXPECT_EQ(read(message).headers->destination_port, 8211);
}

TEST_F(NflogMessageTest, that_has_its_link_header_on_already_gets_no_second_one) {
  const auto arp = PacketBuilder{}.ethernet(test::kBroadcastMac).arp("192.0.2.1", "192.0.2.2").bytes();
  auto message = NflogMessage{1, NFPROTO_ARP, kArp, NF_ARP_OUT}.number(NFULA_IFINDEX_OUTDEV, 2).payload(arp);
  auto read = this->read(message);
  ASSERT_TRUE(read.headers);
  EXPECT_TRUE(read.headers->arp);
  EXPECT_EQ(read.headers->cast, Cast::broadcast);
  EXPECT_EQ(direction_of(read.packet), Direction::out);

  const auto frame = PacketBuilder{}.ethernet().ipv4("192.0.2.1", "192.0.2.2").udp(1, 53).payload(900).bytes();
  auto egress = NflogMessage{1, NFPROTO_NETDEV, kIpv4, NF_NETDEV_EGRESS}
                    .number(NFULA_IFINDEX_OUTDEV, 2)
                    .bytes(NFULA_L2HDR, std::span{frame}.first(kEthernet))
                    .payload(std::span{frame}.first(100));
  read = this->read(egress);
  ASSERT_TRUE(read.headers);
  EXPECT_EQ(read.headers->payload, 900u);
  EXPECT_EQ(direction_of(read.packet), Direction::out);
}

TEST_F(NflogMessageTest, of_arp_that_comes_in_is_read) {
  const auto arp = PacketBuilder{}.arp("192.0.2.1", "192.0.2.2").bytes();
  auto message = NflogMessage{1, NFPROTO_ARP, kArp, NF_ARP_IN}
                     .number(NFULA_IFINDEX_INDEV, 2)
                     .link_header(ethernet_header(kArp))
                     .payload(arp);
  const auto read = this->read(message);
  ASSERT_TRUE(read.headers);
  EXPECT_EQ(read.headers->source.to_string(), "192.0.2.1");
}

TEST_F(NflogMessageTest, that_is_neither_ethernet_nor_ip_is_no_frame) {
  auto message =
      NflogMessage{1, NFPROTO_NETDEV, 0x8847, NF_NETDEV_INGRESS}.link_header(Bytes(4), 512).payload(Bytes(20));
  EXPECT_EQ(read(message).frame, std::nullopt);
  auto nothing = NflogMessage{1, NFPROTO_IPV4, kIpv4, NF_INET_LOCAL_IN};
  EXPECT_EQ(read(nothing).headers, std::nullopt);
}

TEST_F(NflogMessageTest, knows_its_direction_by_its_hook) {
  const auto direction = [](std::uint8_t family, std::uint8_t hook, std::uint32_t in, std::uint32_t out) {
    return direction_of({.family = family, .hook = hook, .in_interface = in, .out_interface = out});
  };
  for (const std::uint8_t family : std::initializer_list<std::uint8_t>{NFPROTO_IPV4, NFPROTO_IPV6, NFPROTO_BRIDGE}) {
    EXPECT_EQ(direction(family, NF_INET_PRE_ROUTING, 1, 0), Direction::in);
    EXPECT_EQ(direction(family, NF_INET_LOCAL_IN, 1, 0), Direction::in);
    EXPECT_EQ(direction(family, NF_INET_FORWARD, 1, 2), Direction::unknown);
    EXPECT_EQ(direction(family, NF_INET_LOCAL_OUT, 0, 2), Direction::out);
    EXPECT_EQ(direction(family, NF_INET_POST_ROUTING, 1, 2), Direction::out);
  }
  EXPECT_EQ(direction(NFPROTO_ARP, NF_ARP_IN, 1, 0), Direction::in);
  EXPECT_EQ(direction(NFPROTO_NETDEV, NF_NETDEV_EGRESS, 0, 1), Direction::out);
  EXPECT_EQ(direction(NFPROTO_NETDEV, NF_NETDEV_INGRESS, 0, 0), Direction::unknown);
}

TEST_F(NflogMessageTest, of_another_kind_is_none) {
  NflogMessage message{1, NFPROTO_IPV4, kIpv4, NF_INET_LOCAL_IN};
  message.message()->nlmsg_type = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG;
  EXPECT_FALSE(read_nflog_packet(*message.message()));
  message.message()->nlmsg_type = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET;
  message.message()->nlmsg_len = NLMSG_HDRLEN + 2;
  EXPECT_FALSE(read_nflog_packet(*message.message()));
}

TEST_F(NflogMessageTest, with_attributes_that_are_too_short_has_none_of_them) {
  auto message = NflogMessage{1, NFPROTO_IPV4, kIpv4, NF_INET_LOCAL_IN}
                     .bytes(NFULA_SEQ, Bytes(3))
                     .bytes(NFULA_TIMESTAMP, Bytes(15))
                     .bytes(NFULA_HWTYPE, Bytes(1))
                     .bytes(NFULA_IFINDEX_INDEV, Bytes(0));
  const auto packet = read_nflog_packet(*message.message());
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->sequence, std::nullopt);
  EXPECT_EQ(packet->at, std::nullopt);
  EXPECT_EQ(packet->in_interface, 0u);
  EXPECT_THAT(packet->payload, IsEmpty());
}

}  // namespace
}  // namespace tidegate
