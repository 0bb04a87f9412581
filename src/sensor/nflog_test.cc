// The sensor on the real kernel: rules of nftables in a namespace of the test's own, datagrams over its loopback.
#include "sensor/nflog.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <fstream>
#include <map>
#include <sstream>

#include "tests/support/network_lab.h"

namespace tidegate {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::SizeIs;

// While it lives, this thread may not administer networks, though the process could.
class WithoutNetAdmin {
 public:
  WithoutNetAdmin() {
    EXPECT_EQ(::syscall(SYS_capget, &header_, had_), 0);
    __user_cap_data_struct fewer[2] = {had_[0], had_[1]};
    fewer[0].effective &= ~(1u << CAP_NET_ADMIN);
    EXPECT_EQ(::syscall(SYS_capset, &header_, fewer), 0);
  }
  ~WithoutNetAdmin() { ::syscall(SYS_capset, &header_, had_); }
  WithoutNetAdmin(const WithoutNetAdmin&) = delete;
  WithoutNetAdmin& operator=(const WithoutNetAdmin&) = delete;

 private:
  __user_cap_header_struct header_{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct had_[2] = {};
};

// What the kernel knows of a group: /proc/net/netfilter/nfnetlink_log.
struct Known {
  std::uint32_t port = 0;  // of the netlink socket
  std::uint32_t copy_range = 0;
  std::uint32_t hundredths = 0;
};

std::map<int, Known> known_groups() {
  std::ifstream file{"/proc/thread-self/net/netfilter/nfnetlink_log"};
  std::map<int, Known> groups;
  int group = 0;
  int queued = 0;
  int mode = 0;
  int references = 0;
  Known known;
  while (file >> group >> known.port >> queued >> mode >> known.copy_range >> known.hundredths >> references) {
    groups[group] = known;
  }
  return groups;
}

class NflogTest : public test::NetworkTest {
 protected:
  void SetUp() override {
    NetworkTest::SetUp();
    if (IsSkipped()) return;
    // Datagrams to port N come to group N on their way in, those to 9 to group 9 on their way out.
    const auto made = std::system(
        "nft -f - <<'END' 2>&1\n"
        "table inet t {\n"
        "  chain in {\n"
        "    type filter hook input priority 0;\n"
        "    udp dport 1 log group 1\n"
        "    udp dport 2 log group 2\n"
        "  }\n"
        "  chain out {\n"
        "    type filter hook output priority 0;\n"
        "    udp dport 9 log group 9\n"
        "  }\n"
        "}\n"
        "END\n");
    if (made != 0) GTEST_SKIP() << "nft cannot log to a group here";
    sender_.reset(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ASSERT_TRUE(sender_);
  }

  void send(std::uint16_t port, int times = 1, std::size_t bytes = 10) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const std::string data(bytes, 'x');
    for (int i = 0; i < times; ++i) {
      // Refused by nobody's port is told on the next call.
      while (::sendto(sender_.get(), data.data(), data.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof to) <
             0) {
        ASSERT_EQ(errno, ECONNREFUSED) << std::strerror(errno);
      }
    }
  }

  [[nodiscard]] SampleSink sink() {
    return [this](const Sample& sample, const Frame& frame) {
      samples.push_back(sample);
      last_bytes = frame.bytes.size();
      last_wire_length = frame.wire_length;
      last_link = frame.link;
    };
  }
  std::unique_ptr<NflogSensor> open(std::uint16_t group, bool whole = false) {
    auto opened = NflogSensor::open(listener, {.group = group, .whole_packets = whole}, sink());
    EXPECT_TRUE(opened) << opened.error().what;
    return opened ? std::move(*opened) : nullptr;
  }

  // Runs the control thread's work until it is so.
  template <class Condition>
  [[nodiscard]] bool becomes(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + seconds{10};
    while (!condition() && std::chrono::steady_clock::now() < deadline) io.run_one_for(milliseconds{50});
    return condition();
  }
  [[nodiscard]] bool come(std::size_t wanted) {
    return becomes([&] { return samples.size() >= wanted; });
  }

 public:
  boost::asio::io_context io;
  NflogListener listener{io.get_executor()};
  // One whose buffer a few packets fill.
  NflogListener narrow{io.get_executor(), {.buffer_bytes = 20'000, .batch = milliseconds{10}}};
  std::vector<Sample> samples;
  std::size_t last_bytes = 0;
  std::uint32_t last_wire_length = 0;
  packet::LinkType last_link = packet::LinkType::raw;

 private:
  Fd sender_;
};

TEST_F(NflogTest, gives_each_packet_as_a_sample_with_its_direction_interface_and_time) {
  const auto sensor = open(1);
  const auto before = std::chrono::system_clock::now();
  send(1);
  ASSERT_TRUE(come(1));
  const Sample& sample = samples.front();
  EXPECT_EQ(sample.flow.destination.to_string(), "127.0.0.1:1");
  EXPECT_EQ(sample.flow.protocol, Protocol::udp);
  EXPECT_EQ(sample.direction, Direction::in);
  EXPECT_EQ(sample.interface, index_of("lo"));
  EXPECT_EQ(sample.payload, 10u);
  EXPECT_GE(sample.at.wall, before - milliseconds{1});
  EXPECT_LE(sample.at.wall, std::chrono::system_clock::now());
  EXPECT_EQ(last_link, packet::LinkType::ethernet);
  const auto status = sensor->status();
  EXPECT_EQ(status.name, "nflog group 1");
  EXPECT_TRUE(status.listening);
  EXPECT_EQ(status.packets, 1u);
  EXPECT_EQ(status.overruns, 0u);
}

TEST_F(NflogTest, on_the_way_out_gives_it_without_a_link_header) {
  const auto sensor = open(9);
  send(9);
  ASSERT_TRUE(come(1));
  EXPECT_EQ(last_link, packet::LinkType::ipv4);
  EXPECT_EQ(samples.front().direction, Direction::out);
  EXPECT_EQ(samples.front().interface, index_of("lo"));
}

TEST_F(NflogTest, listens_to_many_groups_by_one_socket) {
  const auto one = open(1);
  const auto two = open(2);
  const auto nobodys = open(65'535);
  auto known = known_groups();
  ASSERT_THAT(known, SizeIs(3));
  EXPECT_EQ(known[1].port, known[2].port);
  EXPECT_EQ(known[1].port, known[65'535].port);
  EXPECT_EQ(known[1].copy_range, 256u);
  send(1);
  send(2, 2);
  ASSERT_TRUE(come(3));
  EXPECT_EQ(one->status().packets, 1u);
  EXPECT_EQ(two->status().packets, 2u);
}

TEST_F(NflogTest, asks_for_whole_packets_only_while_somebody_wants_them) {
  const auto sensor = open(1, true);
  send(1, 1, 1000);
  ASSERT_TRUE(come(1));
  EXPECT_EQ(last_bytes, 14u + 28 + 1000);
  ASSERT_TRUE(sensor->set_whole_packets(false));
  EXPECT_EQ(known_groups()[1].copy_range, 256u);
  send(1, 1, 1000);
  ASSERT_TRUE(come(2));
  EXPECT_EQ(last_bytes, 14u + 256);
  EXPECT_EQ(last_wire_length, 14u + 28 + 1000);
  EXPECT_EQ(samples.back().payload, 1000u);
}

TEST_F(NflogTest, lets_packets_wait_for_each_other_when_nobody_sleeps) {
  NflogListener patient{io.get_executor(), {.buffer_bytes = 8 << 20, .batch = seconds{1}}};
  auto sensor = NflogSensor::open(patient, {.group = 1}, sink());
  ASSERT_TRUE(sensor);
  EXPECT_EQ(known_groups()[1].hundredths, 1u);
  (*sensor)->set_immediate(false);
  EXPECT_EQ(known_groups()[1].hundredths, 100u);
  send(1, 1000);
  ASSERT_TRUE(come(1000));
  (*sensor)->set_immediate(true);
  send(1);
  ASSERT_TRUE(come(1001));
  EXPECT_EQ((*sensor)->status().dropped_kernel, 0u);
}

TEST_F(NflogTest, a_group_is_listened_to_by_one_and_free_again_afterwards) {
  auto sensor = open(1);
  const auto again = NflogSensor::open(listener, {.group = 1}, sink());
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().what, "nflog group 1: is listened to already");
  const auto other = NflogSensor::open(narrow, {.group = 1}, sink());
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().what, "nflog group 1: Device or resource busy: another program listens to it");
  EXPECT_EQ(other.error().code, EBUSY);
  send(1);
  ASSERT_TRUE(come(1));
  const auto second = open(2);
  sensor.reset();
  EXPECT_THAT(known_groups(), SizeIs(1));
  EXPECT_TRUE(NflogSensor::open(narrow, {.group = 1}, sink()));
}

TEST_F(NflogTest, without_the_right_to_it_says_which_is_missing) {
  const WithoutNetAdmin less;
  const auto opened = NflogSensor::open(listener, {.group = 1}, sink());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().what, "nflog group 1: Operation not permitted (needs CAP_NET_ADMIN)");
  EXPECT_EQ(opened.error().code, EPERM);
}

TEST_F(NflogTest, counts_what_did_not_fit_into_its_buffer_to_the_packet) {
  constexpr std::uint64_t kSent = 500;
  auto opened = NflogSensor::open(narrow, {.group = 1}, sink());
  ASSERT_TRUE(opened);
  const auto& sensor = *opened;
  send(1, kSent - 1);
  ASSERT_TRUE(becomes([&] { return sensor->status().overruns > 0u; }));
  ASSERT_TRUE(becomes([&] { return io.poll() == 0; }));  // room again; and the next one tells what was lost before it
  send(1);
  ASSERT_TRUE(becomes([&] { return sensor->status().dropped_kernel > 0; }));
  const auto status = sensor->status();
  EXPECT_EQ(status.packets + status.dropped_kernel, kSent);
  EXPECT_EQ(status.packets, samples.size());
  EXPECT_TRUE(status.listening);
}

TEST_F(NflogTest, takes_another_group_and_settings_though_its_buffer_is_full) {
  auto one = NflogSensor::open(narrow, {.group = 1}, sink());
  ASSERT_TRUE(one);
  send(1, 500);
  auto two = NflogSensor::open(narrow, {.group = 2}, sink());
  ASSERT_TRUE(two) << two.error().what;
  send(1, 500);
  ASSERT_TRUE((*one)->set_whole_packets(true));
  EXPECT_GT(known_groups()[1].copy_range, 10'000u);
  EXPECT_GE((*one)->status().overruns, 2u);
  const auto had = (*one)->status().packets;
  ASSERT_TRUE(becomes([&] { return (*one)->status().packets > had; })) << "those that waited are not lost by it";
  send(2);
  ASSERT_TRUE(becomes([&] { return (*two)->status().packets == 1; }));
}

TEST_F(NflogTest, what_waits_while_a_group_is_taken_comes_after_it) {
  const auto one = open(1);
  send(1, 3);
  const auto two = open(2);
  send(2);
  ASSERT_TRUE(come(4));
  EXPECT_EQ(one->status().packets, 3u);
  EXPECT_EQ(one->status().dropped_kernel, 0u);
}

TEST_F(NflogTest, may_be_let_go_of_and_made_again_by_its_own_sink) {
  std::unique_ptr<NflogSensor> sensor;
  int seen = 0;
  const std::function<void()> make = [&] {
    auto opened = NflogSensor::open(listener, {.group = 1}, [&](const Sample&, const Frame&) {
      if (++seen == 2) return;
      sensor.reset();
      make();
    });
    ASSERT_TRUE(opened) << opened.error().what;
    sensor = std::move(*opened);
  };
  make();
  send(1);
  ASSERT_TRUE(becomes([&] { return seen == 1; }));
  send(1);
  ASSERT_TRUE(becomes([&] { return seen == 2; }));
  EXPECT_EQ(sensor->status().packets, 1u);
  sensor.reset();
  EXPECT_THAT(known_groups(), SizeIs(0));
}

}  // namespace
}  // namespace tidegate
