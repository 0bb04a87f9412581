#include "sensor/pcap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>

#include "tests/support/network_lab.h"
#include "tests/support/packet_builder.h"

namespace tidegate {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using test::Bytes;
using test::PacketBuilder;
using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

constexpr std::uint16_t kPort = 8211;
const std::vector<PortRange> kPorts{{Protocol::udp, kPort, kPort}};

Bytes datagram(std::uint16_t to, std::size_t payload = 20) {
  return PacketBuilder{}.ethernet().ipv4("192.0.2.1", "192.0.2.2").udp(50311, to).payload(payload).bytes();
}

int count(std::string_view text, std::string_view part) {
  int found = 0;
  for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

// While it lives, this thread may not capture, though the process could.
class WithoutRawCapability {
 public:
  WithoutRawCapability() {
    EXPECT_EQ(::syscall(SYS_capget, &header_, had_), 0);
    __user_cap_data_struct fewer[2] = {had_[0], had_[1]};
    fewer[0].effective &= ~(1u << CAP_NET_RAW);
    EXPECT_EQ(::syscall(SYS_capset, &header_, fewer), 0);
  }
  ~WithoutRawCapability() { ::syscall(SYS_capset, &header_, had_); }
  WithoutRawCapability(const WithoutRawCapability&) = delete;
  WithoutRawCapability& operator=(const WithoutRawCapability&) = delete;

 private:
  __user_cap_header_struct header_{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct had_[2] = {};
};

class PcapTest : public test::NetworkTest {
 protected:
  Result<> try_open(PcapSettings settings) {
    settings.look_again = milliseconds{5};
    auto opened = PcapSensor::open(io.get_executor(), std::move(settings), [this](const Sample& s, const Frame& f) {
      samples.push_back(s);
      last_bytes.assign(f.bytes.begin(), f.bytes.end());
      last_wire_length = f.wire_length;
      last_vlans = f.headers->vlans;
      if (at_sample) at_sample();
    });
    if (!opened) return std::unexpected{opened.error()};
    sensor = std::move(*opened);
    return {};
  }
  void open(PcapSettings settings) {
    const auto opened = try_open(std::move(settings));
    ASSERT_TRUE(opened) << opened.error().what;
  }

  // Runs the control thread's work until it is so.
  template <class Condition>
  [[nodiscard]] bool becomes(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + seconds{5};
    while (!condition() && std::chrono::steady_clock::now() < deadline) io.run_one_for(milliseconds{50});
    return condition();
  }
  [[nodiscard]] bool come(std::size_t wanted) {
    return becomes([&] { return samples.size() >= wanted; });
  }
  [[nodiscard]] bool listens(bool wanted) {
    return becomes([&] { return sensor->status().listening == wanted; });
  }

  // Lets the timers run so often that whatever was to be noticed has been.
  void pass(Duration time) { io.run_for(time); }

 public:
  boost::asio::io_context io;
  std::unique_ptr<PcapSensor> sensor;
  std::vector<Sample> samples;
  Bytes last_bytes;
  std::uint32_t last_wire_length = 0;
  int last_vlans = 0;
  std::function<void()> at_sample;
};

TEST_F(PcapTest, gives_each_packet_as_a_sample_with_its_interface_and_time) {
  make_pair("client", "server");
  open({.interface = "server", .filter = "udp"});
  const auto before = std::chrono::system_clock::now();
  const auto before_instant = Instant::clock::now();
  send_frame("client", datagram(kPort));
  ASSERT_TRUE(come(1));
  const Sample& sample = samples.front();
  EXPECT_EQ(sample.flow.source.to_string(), "192.0.2.1:50311");
  EXPECT_EQ(sample.flow.destination.to_string(), "192.0.2.2:8211");
  EXPECT_EQ(sample.flow.protocol, Protocol::udp);
  EXPECT_EQ(sample.payload, 20u);
  EXPECT_EQ(sample.interface, index_of("server"));
  EXPECT_GE(sample.at.wall, before);
  EXPECT_LE(sample.at.wall, std::chrono::system_clock::now());
  EXPECT_GE(sample.at.instant, before_instant - milliseconds{1});  // the two clocks are not read at once
  EXPECT_LE(sample.at.instant, Instant::clock::now());
  const auto status = sensor->status();
  EXPECT_EQ(status.name, "pcap on server");
  EXPECT_TRUE(status.listening);
  EXPECT_EQ(status.trouble, "");
  EXPECT_EQ(status.packets, 1u);
}

TEST_F(PcapTest, knows_on_any_which_interface_and_which_way) {
  make_pair("client", "server");
  open({.interface = "any", .filter = "udp"});
  send_frame("client", datagram(kPort));
  ASSERT_TRUE(come(2));
  EXPECT_THAT(
      samples,
      ElementsAre(AllOf(Field(&Sample::interface, index_of("client")), Field(&Sample::direction, Direction::out)),
                  AllOf(Field(&Sample::interface, index_of("server")), Field(&Sample::direction, Direction::in))));
}

TEST_F(PcapTest, passes_only_what_the_filter_passes) {
  make_pair("client", "server");
  open({.interface = "server", .filter = "udp port 53"});
  send_frame("client", datagram(kPort));
  send_frame("client", datagram(53));
  ASSERT_TRUE(come(1));
  EXPECT_THAT(samples, ElementsAre(Field(&Sample::flow, Field(&FlowKey::destination, Field(&Endpoint::port, 53)))));
}

TEST_F(PcapTest, counts_frames_that_cannot_be_read) {
  make_pair("client", "server");
  open({.interface = "server"});
  send_frame("client",
             PacketBuilder{}.ethernet().ipv4("192.0.2.1", "192.0.2.2", {.header_words = 3}).udp(1, 2).bytes());
  EXPECT_TRUE(becomes([&] { return sensor->status().rejected == 1; }));
  EXPECT_THAT(samples, IsEmpty());
}

TEST_F(PcapTest, takes_only_the_headers_unless_whole_packets_are_wanted) {
  make_pair("client", "server");
  const Bytes sent = datagram(kPort, 1000);
  open({.interface = "server"});
  send_frame("client", sent);
  ASSERT_TRUE(come(1));
  EXPECT_EQ(last_bytes.size(), 256u);
  EXPECT_EQ(last_wire_length, sent.size());
  EXPECT_EQ(samples.back().payload, 1000u);

  open({.interface = "server", .whole_packets = true});
  send_frame("client", sent);
  ASSERT_TRUE(come(2));
  EXPECT_EQ(last_bytes, sent);
}

// Ports: every way in which a tagged frame can reach a capture.

class PcapPortsTest : public PcapTest {
 protected:
  // Sends to the port and to another one, and expects the first alone, as often as it is seen.
  void expect_only_the_port(const std::string& from, const PacketBuilder& link, std::size_t seen, int vlans) {
    const auto before = samples.size();
    for (const auto to : {std::uint16_t{53}, kPort}) {
      send_frame(from, PacketBuilder{link}.ipv4("192.0.2.1", "192.0.2.2").udp(50311, to).bytes());
      send_frame(from, PacketBuilder{link}.ipv6("2001:db8::1", "2001:db8::2").udp(50311, to).bytes());
    }
    EXPECT_TRUE(come(before + 2 * seen));
    EXPECT_EQ(samples.size(), before + 2 * seen);
    for (auto i = before; i < samples.size(); ++i) EXPECT_EQ(samples[i].flow.destination.port, kPort);
    EXPECT_EQ(last_vlans, vlans);
  }
};

TEST_F(PcapPortsTest, are_found_under_tags_that_come_in) {
  make_pair("client", "server");
  open({.interface = "server", .ports = kPorts});
  expect_only_the_port("client", PacketBuilder{}.ethernet(), 1, 0);
  expect_only_the_port("client", PacketBuilder{}.ethernet().vlan(3), 1, 1);
  expect_only_the_port("client", PacketBuilder{}.ethernet().vlan(3, 0x88a8), 1, 1);
  expect_only_the_port("client", PacketBuilder{}.ethernet().vlan(3, 0x88a8).vlan(4), 1, 2);
}

TEST_F(PcapPortsTest, are_found_under_tags_that_go_out) {
  make_pair("client", "server");
  open({.interface = "client", .ports = kPorts});
  expect_only_the_port("client", PacketBuilder{}.ethernet(), 1, 0);
  expect_only_the_port("client", PacketBuilder{}.ethernet().vlan(3), 1, 1);
  expect_only_the_port("client", PacketBuilder{}.ethernet().vlan(3, 0x88a8).vlan(4), 1, 2);
}

TEST_F(PcapPortsTest, are_found_on_any_under_tags) {
  make_pair("client", "server");
  open({.interface = "any", .ports = kPorts});
  expect_only_the_port("client", PacketBuilder{}.ethernet(), 2, 0);
  expect_only_the_port("client", PacketBuilder{}.ethernet().vlan(3), 2, 0);
}

// Since Linux 6.11 the cooked header of what comes in with two tags names the packet's type, though the inner tag still
// stands in front of the packet. So here only that the filter passes such frames, and no others, is certain.
TEST_F(PcapPortsTest, pass_the_filter_on_any_under_two_tags) {
  make_pair("client", "server");
  open({.interface = "any", .ports = kPorts});
  const auto link = PacketBuilder{}.ethernet().vlan(3, 0x88a8).vlan(4);
  for (const auto to : {std::uint16_t{53}, kPort}) {
    send_frame("client", PacketBuilder{link}.ipv4("192.0.2.1", "192.0.2.2").udp(50311, to).bytes());
    send_frame("client", PacketBuilder{link}.ipv6("2001:db8::1", "2001:db8::2").udp(50311, to).bytes());
  }
  send_frame("client", datagram(kPort, 77));
  EXPECT_TRUE(becomes([&] {
    return !samples.empty() && samples.back().payload == 77 && samples.back().interface == index_of("server");
  }));
  const auto status = sensor->status();
  EXPECT_EQ(status.packets + status.rejected, 2u * 3u);
}

TEST_F(PcapPortsTest, may_be_two_hundred_and_the_kernel_still_takes_the_filter) {
  make_pair("client", "server");
  std::vector<PortRange> ports = kPorts;
  for (int i = 0; i < 200; ++i) {
    const auto port = static_cast<std::uint16_t>(9001 + 277 * i);
    ports.push_back({i % 2 == 0 ? Protocol::tcp : Protocol::udp, port, port});
  }
  testing::internal::CaptureStderr();
  open({.interface = "server", .ports = ports});
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");  // libpcap warns there when it must filter by itself
  expect_only_the_port("client", PacketBuilder{}.ethernet(), 1, 0);
}

TEST_F(PcapPortsTest, can_be_changed_while_it_listens) {
  make_pair("client", "server");
  open({.interface = "server", .filter = "tcp"});
  ASSERT_TRUE(sensor->set_ports(kPorts));
  expect_only_the_port("client", PacketBuilder{}.ethernet(), 1, 0);
  ASSERT_TRUE(sensor->set_ports({{Protocol::udp, 53, 53}}));
  send_frame("client", datagram(kPort));
  send_frame("client", datagram(53));
  ASSERT_TRUE(come(3));
  EXPECT_EQ(samples.back().flow.destination.port, 53);
}

TEST_F(PcapPortsTest, can_be_changed_while_the_interface_is_missing) {
  open({.interface = "server", .ports = {{Protocol::udp, 53, 53}}});
  ASSERT_TRUE(sensor->set_ports(kPorts));
  make_pair("client", "server");
  ASSERT_TRUE(listens(true));
  expect_only_the_port("client", PacketBuilder{}.ethernet(), 1, 0);
}

TEST_F(PcapPortsTest, can_be_changed_by_the_sink) {
  make_pair("client", "server");
  open({.interface = "server", .ports = kPorts, .batch = milliseconds{1}});
  sensor->set_immediate(false);
  at_sample = [this] { EXPECT_TRUE(sensor->set_ports({{Protocol::udp, 53, 53}})); };
  for (const auto to : {kPort, kPort, std::uint16_t{53}}) send_frame("client", datagram(to));
  ASSERT_TRUE(come(1));
  send_frame("client", datagram(53));
  ASSERT_TRUE(come(2));
  EXPECT_EQ(samples.back().flow.destination.port, 53);
  EXPECT_THAT(samples, SizeIs(2));  // the second to the old port waited in the ring, the first 53 was never let in
}

// When it looks.

TEST_F(PcapTest, wakes_nobody_while_it_is_not_immediate) {
  make_pair("client", "server");
  open({.interface = "server", .batch = hours{1}});
  sensor->set_immediate(false);
  io.poll();
  for (int i = 0; i < 10; ++i) send_frame("client", datagram(kPort));
  io.poll();
  EXPECT_THAT(samples, IsEmpty());
  sensor->set_immediate(true);  // what had gathered comes at once
  EXPECT_TRUE(come(10));
  send_frame("client", datagram(kPort));
  EXPECT_TRUE(come(11));
}

TEST_F(PcapTest, looks_by_the_clock_while_it_is_not_immediate) {
  make_pair("client", "server");
  open({.interface = "server", .batch = milliseconds{1}});
  sensor->set_immediate(false);
  for (std::size_t i = 1; i <= 5; ++i) {
    send_frame("client", datagram(kPort));
    EXPECT_TRUE(come(i));
  }
}

TEST_F(PcapTest, may_be_told_by_its_sink_to_change_its_ways) {
  make_pair("client", "server");
  open({.interface = "server", .batch = milliseconds{1}});
  bool immediate = true;
  at_sample = [&] { sensor->set_immediate(immediate = !immediate); };
  for (std::size_t i = 1; i <= 20; ++i) {
    send_frame("client", datagram(kPort));
    ASSERT_TRUE(come(i));
  }
}

TEST_F(PcapTest, lets_others_have_their_turn_in_a_flood) {
  make_pair("client", "server");
  open({.interface = "server", .batch = hours{1}});
  sensor->set_immediate(false);
  for (int i = 0; i < 3000; ++i) send_frame("client", datagram(kPort));
  sensor->set_immediate(true);
  while (samples.empty() && io.run_one_for(seconds{5}) != 0) {
  }
  EXPECT_THAT(samples, SizeIs(1024));
  EXPECT_TRUE(come(3000));
}

TEST_F(PcapTest, counts_what_the_kernel_dropped) {
  make_pair("client", "server");
  open({.interface = "server", .buffer_bytes = 64 << 10, .batch = hours{1}});
  sensor->set_immediate(false);
  const std::uint64_t sent = 2000;
  for (std::uint64_t i = 0; i < sent; ++i) send_frame("client", datagram(kPort));
  testing::internal::CaptureStderr();
  pass(milliseconds{50});
  const auto log = testing::internal::GetCapturedStderr();
  sensor->set_immediate(true);
  EXPECT_TRUE(becomes([&] { return sensor->status().packets + sensor->status().dropped_kernel == sent; }));
  EXPECT_GT(sensor->status().dropped_kernel, 0u);
  EXPECT_GT(sensor->status().packets, 0u);
  EXPECT_EQ(count(log, "packets lost"), 1) << log;
}

// Interfaces that come and go.

TEST_F(PcapTest, waits_for_a_missing_interface_and_logs_each_change_once) {
  testing::internal::CaptureStderr();
  open({.interface = "server", .filter = "udp"});
  EXPECT_FALSE(sensor->status().listening);
  EXPECT_EQ(sensor->status().trouble, "there is no such interface");
  pass(milliseconds{50});
  make_pair("client", "server");
  ASSERT_TRUE(listens(true));
  send_frame("client", datagram(kPort));
  EXPECT_TRUE(come(1));

  ip("link del server");
  ASSERT_TRUE(listens(false));
  pass(milliseconds{50});
  make_pair("client", "server");
  ASSERT_TRUE(listens(true));
  send_frame("client", datagram(kPort));
  EXPECT_TRUE(come(2));
  EXPECT_EQ(samples.back().interface, index_of("server"));
  EXPECT_EQ(sensor->status().packets, 2u);

  const auto log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(count(log, "pcap on server: "), 4) << log;
  EXPECT_EQ(count(log, "waiting for it"), 2) << log;
  EXPECT_EQ(count(log, "pcap on server: listening"), 2) << log;
}

TEST_F(PcapTest, notices_in_a_batch_too_that_the_interface_was_deleted) {
  make_pair("client", "server");
  open({.interface = "server", .batch = hours{1}});
  sensor->set_immediate(false);
  ip("link del server");
  EXPECT_TRUE(listens(false));
}

TEST_F(PcapTest, follows_the_name_to_an_interface_made_anew_behind_its_back) {
  make_pair("client", "server");
  open({.interface = "server", .filter = "udp"});
  ip("link del server");
  make_pair("client", "server");
  ASSERT_TRUE(becomes([&] {
    send_frame("client", datagram(kPort));
    return !samples.empty();
  }));
  EXPECT_EQ(samples.back().interface, index_of("server"));
}

TEST_F(PcapTest, goes_on_when_the_interface_is_down_and_up_again) {
  make_pair("client", "server");
  open({.interface = "server", .filter = "udp"});
  ip("link set server down");
  ASSERT_TRUE(listens(false));
  EXPECT_EQ(sensor->status().trouble, "the interface is down");
  up("server");
  ASSERT_TRUE(listens(true));
  EXPECT_TRUE(becomes([&] {  // the wire itself takes a moment
    send_frame("client", datagram(kPort));
    return !samples.empty();
  }));
}

TEST_F(PcapTest, waits_for_an_interface_that_is_down_from_the_start) {
  make_pair("client", "server");
  ip("link set server down");
  open({.interface = "server", .filter = "udp"});
  EXPECT_FALSE(sensor->status().listening);
  EXPECT_EQ(sensor->status().trouble, "the interface is down");
  up("server");
  ASSERT_TRUE(listens(true));
  send_frame("client", datagram(kPort));
  EXPECT_TRUE(come(1));
}

TEST_F(PcapTest, keeps_its_counts_of_drops_when_the_interface_goes) {
  make_pair("client", "server");
  open({.interface = "server", .buffer_bytes = 64 << 10, .batch = hours{1}});
  sensor->set_immediate(false);
  for (int i = 0; i < 2000; ++i) send_frame("client", datagram(kPort));
  const auto dropped = sensor->status().dropped_kernel;
  ASSERT_GT(dropped, 0u);
  ip("link del server");
  ASSERT_TRUE(listens(false));
  EXPECT_EQ(sensor->status().dropped_kernel, dropped);
}

TEST_F(PcapTest, says_when_the_filter_does_not_suit_the_interface_that_came) {
  open({.interface = "tunnel", .filter = "vlan 3"});  // right for Ethernet
  ip("tuntap add tunnel mode tun");
  up("tunnel");
  testing::internal::CaptureStderr();
  EXPECT_TRUE(becomes([&] { return sensor->status().trouble.starts_with("filter \"vlan 3\": "); }));
  pass(milliseconds{50});
  const auto log = testing::internal::GetCapturedStderr();
  EXPECT_FALSE(sensor->status().listening);
  EXPECT_EQ(count(log, "not listening"), 1) << log;
}

TEST_F(PcapTest, reads_interfaces_without_a_link_header) {
  ip("tuntap add tunnel mode tun");
  ip("address add 192.0.2.1/24 dev tunnel");
  up("tunnel");
  // Without its program a tun interface has no carrier: it can be listened to, but nothing is sent.
  open({.interface = "tunnel", .ports = kPorts});
  EXPECT_TRUE(sensor->status().listening);
}

TEST_F(PcapTest, leaves_nothing_behind_when_it_goes_with_a_look_due) {
  make_pair("client", "server");
  open({.interface = "server"});
  send_frame("client", datagram(kPort));
  sensor->set_immediate(false);
  sensor->set_immediate(true);
  sensor.reset();
  io.run_for(milliseconds{20});
  EXPECT_THAT(samples, IsEmpty());
}

// What cannot be opened.

TEST_F(PcapTest, says_that_capturing_is_not_permitted) {
  make_pair("client", "server");
  const WithoutRawCapability less;
  const auto opened = try_open({.interface = "server"});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().what, "capture on server: Operation not permitted (needs CAP_NET_RAW)");
  EXPECT_EQ(opened.error().code, EPERM);
}

TEST_F(PcapTest, says_what_is_wrong_with_a_filter_in_libpcap_s_words) {
  make_pair("client", "server");
  for (const auto* interface : {"server", "any", "missing"}) {
    const auto opened = try_open({.interface = interface, .filter = "tcp prot 80"});
    ASSERT_FALSE(opened) << interface;
    EXPECT_THAT(opened.error().what, StartsWith("filter \"tcp prot 80\": ")) << interface;
    EXPECT_THAT(opened.error().what, HasSubstr("syntax error")) << interface;
  }
}

TEST(CheckFilter, takes_what_one_link_type_takes) {
  EXPECT_TRUE(check_filter(""));
  EXPECT_TRUE(check_filter("! host 1.2.3.4 and port 53"));
  EXPECT_TRUE(check_filter("vlan 3 and tcp"));   // Ethernet
  EXPECT_TRUE(check_filter("inbound and udp"));  // cooked
}

TEST(CheckFilter, gives_libpcap_s_own_words) {
  const auto checked = check_filter("tcp prot 80");
  ASSERT_FALSE(checked);
  EXPECT_THAT(checked.error().what, StartsWith("filter \"tcp prot 80\": "));
  EXPECT_THAT(checked.error().what, HasSubstr("syntax error"));
}

}  // namespace
}  // namespace tidegate
