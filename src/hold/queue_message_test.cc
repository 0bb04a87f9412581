#include "hold/queue_message.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>

#include <array>

namespace tidegate {
namespace {

class QueueMessage : public testing::Test {
 protected:
  void begin(int type = NFQNL_MSG_PACKET) { message_ = ::nfq_nlmsg_put(room_.data(), type, 7); }
  void header(std::uint16_t protocol, std::uint8_t hook) {
    const nfqnl_msg_packet_hdr header{.packet_id = htonl(42), .hw_protocol = htons(protocol), .hook = hook};
    ::mnl_attr_put(message_, NFQA_PACKET_HDR, sizeof header, &header);
  }
  void payload(std::size_t bytes) {
    const std::array<char, 64> nothing{};
    ::mnl_attr_put(message_, NFQA_PAYLOAD, bytes, nothing.data());
  }
  [[nodiscard]] std::optional<QueuedPacket> read() const { return read_queued_packet(*message_); }

  alignas(nlmsghdr) std::array<char, 1024> room_{};
  nlmsghdr* message_ = nullptr;
};

TEST_F(QueueMessage, tells_of_a_packet_that_comes_in) {
  begin();
  header(ETH_P_IP, NF_INET_PRE_ROUTING);
  ::mnl_attr_put_u32(message_, NFQA_IFINDEX_INDEV, htonl(3));
  payload(20);
  const auto packet = read();
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->number, 42U);
  EXPECT_EQ(packet->in_interface, 3U);
  EXPECT_FALSE(packet->local);
  EXPECT_EQ(packet->link, packet::LinkType::ipv4);
  EXPECT_EQ(packet->bytes.size(), 20U);
  EXPECT_EQ(packet->wire_length, 20U);
}

TEST_F(QueueMessage, tells_of_a_local_client_s_packet_and_of_one_that_was_cut) {
  begin();
  header(ETH_P_IPV6, NF_INET_LOCAL_OUT);
  ::mnl_attr_put_u32(message_, NFQA_IFINDEX_OUTDEV, htonl(1));
  ::mnl_attr_put_u32(message_, NFQA_CAP_LEN, htonl(1500));
  payload(64);
  const auto packet = read();
  ASSERT_TRUE(packet);
  EXPECT_TRUE(packet->local);
  EXPECT_EQ(packet->out_interface, 1U);
  EXPECT_EQ(packet->link, packet::LinkType::ipv6);
  EXPECT_EQ(packet->bytes.size(), 64U);
  EXPECT_EQ(packet->wire_length, 1500U);
}

TEST_F(QueueMessage, is_none_without_a_packet_s_number_and_of_another_kind) {
  begin();
  payload(20);
  EXPECT_FALSE(read());
  begin(NFQNL_MSG_CONFIG);
  header(ETH_P_IP, NF_INET_PRE_ROUTING);
  EXPECT_FALSE(read());
  begin();
  ::mnl_attr_put_u16(message_, NFQA_PACKET_HDR, 1);
  EXPECT_FALSE(read()) << "cut short";
}

}  // namespace
}  // namespace tidegate
