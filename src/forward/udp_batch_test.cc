#include "forward/udp_batch.h"

#include "forward/test_udp.h"

namespace tidegate {
namespace {

using test::Peer;
using testing::ElementsAreArray;

Datagrams datagrams(std::string_view text, std::size_t each) {
  return {.bytes = std::as_bytes(std::span{text}), .each = each};
}

class DatagramSending : public testing::Test {
 protected:
  DatagramSending() { from_.connect(to_.endpoint()); }

  // Sends all that was added; gives how many calls it took.
  std::size_t send_all() {
    std::size_t calls = 0;
    while (const auto sent = sender_.send_next({.fd = from_.fd()}, merge_)) {
      EXPECT_EQ(sent->error, 0) << std::strerror(sent->error);
      sent_ += sent->datagrams;
      ++calls;
    }
    return calls;
  }

  Peer from_;
  Peer to_;
  DatagramSender sender_;
  std::uint16_t merge_ = DatagramSender::kAnySize;
  std::size_t sent_ = 0;
};

TEST_F(DatagramSending, takes_one_call_for_one_size_and_a_shorter_last_one) {
  sender_.add(datagrams("aaaabbbb", 4));
  sender_.add(datagrams("cccc", 4));
  sender_.add(datagrams("dd", 2));
  sender_.add(datagrams("ee", 2));
  EXPECT_EQ(send_all(), 2U);
  EXPECT_EQ(sent_, 5U);
  EXPECT_THAT(to_.receive_all(), ElementsAreArray({"aaaa", "bbbb", "cccc", "dd", "ee"}));
}

TEST_F(DatagramSending, splits_what_is_more_than_one_call_takes) {
  const std::string text(150, 'x');
  sender_.add(datagrams(text, 1));
  EXPECT_EQ(send_all(), 3U) << "64 segments at most";
  EXPECT_EQ(to_.receive_all(), std::vector<std::string>(150, "x"));
  const std::string large(40'000, 'y');
  sender_.add(datagrams(large, large.size()));
  sender_.add(datagrams(large, large.size()));
  EXPECT_EQ(send_all(), 2U) << "65,507 bytes at most";
  EXPECT_EQ(to_.receive_all(), std::vector<std::string>(2, large));
}

TEST_F(DatagramSending, loses_nothing_where_the_kernel_does_not_merge) {
  set_option(from_.fd(), SOL_SOCKET, SO_NO_CHECK, 1);  // segments cannot be cut without checksums: EINVAL
  sender_.add(datagrams("aaaabbbb", 4));
  sender_.add(datagrams("ccc", 3));
  sender_.add(datagrams("", 0));
  sender_.add(datagrams("ddd", 3));
  EXPECT_EQ(send_all(), 5U);
  EXPECT_LT(merge_, 4U) << "and it is not tried again";
  EXPECT_THAT(to_.receive_all(), ElementsAreArray({"aaaa", "bbbb", "ccc", "", "ddd"}));
}

TEST_F(DatagramSending, sends_again_what_an_earlier_icmp_error_kept_back) {
  const Endpoint address = to_.endpoint();
  to_ = Peer{};
  from_.send("into the void");  // over the loopback interface the answer is there at once
  to_ = Peer{address};
  sender_.add(datagrams("hello", 5));
  const auto sent = sender_.send_next({.fd = from_.fd()}, merge_);
  ASSERT_TRUE(sent);
  EXPECT_TRUE(sent->refused);
  EXPECT_EQ(sent->error, 0);
  EXPECT_EQ(to_.receive(), "hello");
}

}  // namespace
}  // namespace tidegate
