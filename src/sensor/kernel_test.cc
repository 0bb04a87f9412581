// The sensor on the real kernel, in a network namespace of the test's own.
#include "sensor/kernel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <cstdio>

#include "sensor/kernel_program.h"
#include "tests/support/network_lab.h"
#include "tests/support/packet_builder.h"

namespace tidegate {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::Bytes;
using test::PacketBuilder;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr auto kHere = "192.0.2.10";

ServiceSettings service(std::string name, std::vector<PortRange> ports, std::string interface = "any") {
  ServiceSettings settings;
  settings.name = std::move(name);
  settings.ports = std::move(ports);
  settings.interface = std::move(interface);
  settings.wake = default_wake(true);
  settings.keep = default_keep(true);
  return settings;
}

constexpr PortRange udp(std::uint16_t port) { return {Protocol::udp, port, port}; }

Bytes datagram(const char* from, std::uint16_t from_port, const char* to, std::uint16_t to_port) {
  return PacketBuilder{}.ethernet().ipv4(from, to).udp(from_port, to_port).payload(10).bytes();
}

std::string output_of(const std::string& command) {
  std::string text;
  std::array<char, 4096> part{};
  auto* const pipe = ::popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return "it does not run";
  while (::fgets(part.data(), part.size(), pipe) != nullptr) text += part.data();
  ::pclose(pipe);
  return text;
}

// How many programs sit on the interface by tcx, both ways.
std::uint32_t programs_on(const char* interface) {
  std::uint32_t sum = 0;
  for (const int way : {46, 47}) {  // BPF_TCX_INGRESS, BPF_TCX_EGRESS
    std::array<std::uint32_t, 16> ids{};
    std::uint32_t count = ids.size();
    const auto index = static_cast<int>(::if_nametoindex(interface));
    if (::bpf_prog_query(index, static_cast<bpf_attach_type>(way), 0, nullptr, ids.data(), &count) == 0) sum += count;
  }
  return sum;
}

struct HandedUp {
  std::string service;
  std::string sensor;
  Sample sample;
  Bytes frame;
  bool counted = false;
};

class KernelTest : public test::NetworkTest {
 protected:
  void SetUp() override {
    NetworkTest::SetUp();
    if (IsSkipped()) return;
    auto opened = KernelSensor::open(io.get_executor(), {}, sink());
    if (!opened) GTEST_SKIP() << opened.error().what;
    sensor = std::move(*opened);
    sensor->set_local({IpAddress::parse(kHere).value()});
    make_pair("here", "there");
  }
  void TearDown() override {
    sensor.reset();
    NetworkTest::TearDown();
  }

  KernelSensor::Sink sink() {
    return [this](const std::string& name, const std::string& from, const Sample& sample, const Frame& frame) {
      handed_up.push_back({name, from, sample, Bytes(frame.bytes.begin(), frame.bytes.end()), frame.counted});
    };
  }
  void watch(const std::vector<ServiceSettings>& services) {
    const auto done = sensor->watch(services);
    ASSERT_TRUE(done) << done.error().what;
  }
  [[nodiscard]] std::vector<std::string> sensors_of(std::string_view name) const {
    std::vector<std::string> sensors;
    for (const auto& packet : handed_up) {
      if (packet.service == name) sensors.push_back(packet.sensor);
    }
    return sensors;
  }
  // A frame that comes in at `here`.
  void comes(const Bytes& frame) { send_frame("there", frame); }

  template <class Condition>
  [[nodiscard]] bool becomes(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + seconds{10};
    while (!condition() && std::chrono::steady_clock::now() < deadline) io.run_one_for(milliseconds{50});
    return condition();
  }

 public:
  boost::asio::io_context io;
  std::unique_ptr<KernelSensor> sensor;
  std::vector<HandedUp> handed_up;
};

TEST_F(KernelTest, hands_up_the_packet_that_wakes_with_its_frame_time_and_interface) {
  watch({service("game", {udp(9000)}, "here")});
  const auto before = Instant::clock::now();
  const auto frame = datagram("192.0.2.1", 5000, kHere, 9000);
  comes(frame);
  ASSERT_TRUE(becomes([&] { return !handed_up.empty(); }));
  const auto& [name, from, sample, bytes, counted] = handed_up.front();
  EXPECT_EQ(name, "game");
  EXPECT_EQ(from, "kernel on here");
  EXPECT_EQ(sample.flow.source.to_string(), "192.0.2.1:5000");
  EXPECT_EQ(sample.direction, Direction::in);
  EXPECT_EQ(sample.interface, index_of("here"));
  EXPECT_GE(sample.at.instant, before);
  EXPECT_LE(sample.at.instant, Instant::clock::now());
  EXPECT_EQ(bytes, frame);
  EXPECT_TRUE(counted);
}

TEST_F(KernelTest, an_awake_service_is_counted_and_wakes_nobody) {
  watch({service("game", {udp(9000)})});
  sensor->set_listening("game", false);
  const auto before = Instant::clock::now();
  for (int i = 0; i < 20; ++i) comes(datagram("192.0.2.1", 5000, kHere, 9000));
  comes(datagram(kHere, 9000, "192.0.2.1", 5000));  // the same way, and still from the service
  ASSERT_TRUE(becomes([&] { return sensor->status().packets >= 21; }));
  EXPECT_THAT(handed_up, IsEmpty());
  EXPECT_EQ(sensor->status().handed_up, 0u);
  EXPECT_GE(sensor->renewed("game").value(), before - kKernelTick);
  const auto seen = sensor->counted("game").value();
  EXPECT_EQ(seen.bytes_in, 20u * 38);
  EXPECT_EQ(seen.bytes_out, 38u);
  ASSERT_THAT(seen.clients, SizeIs(1));
  EXPECT_EQ(seen.clients[0].endpoint.to_string(), "192.0.2.1:5000");
  EXPECT_EQ(seen.clients[0].protocol, Protocol::udp);
  EXPECT_EQ(seen.clients[0].packets, 21u);
  EXPECT_EQ(seen.clients[0].bytes_in, 20u * 38);
  EXPECT_GE(seen.clients[0].last, seen.clients[0].first);
}

TEST_F(KernelTest, what_it_was_not_renewed_by_is_counted_all_the_same) {
  auto picky = service("game", {udp(9000)});
  picky.keep.min_bytes = 1000;
  picky.wake.min_bytes = 1000;
  watch({picky});
  comes(datagram("192.0.2.1", 5000, kHere, 9000));
  ASSERT_TRUE(becomes([&] { return sensor->status().packets == 1; }));
  EXPECT_FALSE(sensor->renewed("game"));
  EXPECT_THAT(handed_up, IsEmpty());
}

TEST_F(KernelTest, a_packet_that_several_interfaces_show_counts_once) {
  make_pair("port", "host");
  ip("link add bridge type bridge");
  ip("link set bridge addrgenmode none arp off");
  ip("link set port master bridge");
  up("bridge");
  watch({service("game", {udp(9000)})});
  sensor->set_listening("game", false);
  const auto broadcast =
      PacketBuilder{}.ethernet(test::kBroadcastMac).ipv4("192.0.2.1", kHere).udp(5000, 9000).payload(10).bytes();
  // Each is seen on its way out of `host`, on its way into `port`, and then on `bridge`.
  for (int i = 0; i < 5; ++i) send_frame("host", broadcast);
  ASSERT_TRUE(becomes([&] { return sensor->status().packets >= 5; }));
  EXPECT_EQ(sensor->status().packets, 5u);
  EXPECT_EQ(sensor->counted("game")->bytes_in, 5u * 38);
}

TEST_F(KernelTest, an_interface_that_comes_later_is_taken_up_and_one_that_goes_is_let_go) {
  watch({service("game", {udp(9000)}), service("named", {udp(9001)}, "late")});
  EXPECT_FALSE(sensor->status().listening);
  EXPECT_THAT(sensor->status().trouble, HasSubstr("there is no interface late"));
  make_pair("late", "partner");
  ASSERT_TRUE(becomes([&] { return sensor->status().listening; }));
  send_frame("partner", datagram("192.0.2.1", 5000, kHere, 9000));
  send_frame("partner", datagram("192.0.2.1", 5000, kHere, 9001));
  comes(datagram("192.0.2.1", 5000, kHere, 9001));  // not where it is watched
  ASSERT_TRUE(becomes([&] { return handed_up.size() >= 2; }));
  EXPECT_EQ(sensors_of("game").front(), "kernel on partner") << "where it passed first";
  ASSERT_TRUE(becomes([&] { return !sensors_of("named").empty(); }));
  EXPECT_THAT(sensors_of("named"), ElementsAre("kernel on late"));
  EXPECT_EQ(sensor->counted("named")->bytes_in, 38u);
  ip("link del late");
  ASSERT_TRUE(becomes([&] { return !sensor->status().listening; }));
  const auto before = sensors_of("game").size();
  comes(datagram("192.0.2.1", 5000, kHere, 9000));
  ASSERT_TRUE(becomes([&] { return sensors_of("game").size() > before; })) << "the others go on";
}

TEST_F(KernelTest, a_service_keeps_its_counts_and_its_state_when_others_come_and_go) {
  watch({service("one", {udp(9000)}, "here"), service("two", {udp(9001)}, "here")});
  sensor->set_listening("one", false);
  comes(datagram("192.0.2.1", 5000, kHere, 9000));
  comes(datagram("192.0.2.1", 5000, kHere, 9001));
  ASSERT_TRUE(becomes([&] { return sensor->status().packets == 2 && handed_up.size() == 1; }));
  watch({service("three", {udp(9002)}, "here"), service("one", {udp(9000), udp(9003)}, "here")});
  EXPECT_EQ(sensor->counted("one")->bytes_in, 38u);
  EXPECT_EQ(sensor->counted("three")->bytes_in, 0u) << "it has the place of another now, and not its counts";
  EXPECT_THAT(sensor->counted("three")->clients, IsEmpty());
  EXPECT_FALSE(sensor->counted("two"));
  EXPECT_EQ(sensor->status().packets, 2u);
  comes(datagram("192.0.2.1", 5000, kHere, 9003));
  comes(datagram("192.0.2.1", 5000, kHere, 9001));  // nobody's now
  comes(datagram("192.0.2.1", 5000, kHere, 9002));
  ASSERT_TRUE(becomes([&] { return handed_up.size() == 2; }));
  EXPECT_EQ(handed_up[1].service, "three");
  EXPECT_EQ(sensor->counted("one")->bytes_in, 76u);
}

TEST_F(KernelTest, is_gone_from_every_interface_with_its_end) {
  watch({service("game", {udp(9000)})});
  if (programs_on("here") == 0) GTEST_SKIP() << "this kernel has no tcx";
  EXPECT_EQ(programs_on("here"), 2u);
  EXPECT_EQ(programs_on("lo"), 1u);
  sensor.reset();
  EXPECT_EQ(programs_on("here"), 0u);
  EXPECT_EQ(programs_on("lo"), 0u);
}

TEST_F(KernelTest, works_by_filters_of_clsact_and_takes_away_what_it_brought) {
  auto opened = KernelSensor::open(io.get_executor(), {.hook = KernelHook::clsact}, sink());
  ASSERT_TRUE(opened) << opened.error().what;
  sensor = std::move(*opened);
  sensor->set_local({IpAddress::parse(kHere).value()});
  make_pair("other", "its");
  ASSERT_EQ(output_of("tc qdisc add dev other clsact"), "");
  watch({service("game", {udp(9000)})});
  comes(datagram("192.0.2.1", 5000, kHere, 9000));
  ASSERT_TRUE(becomes([&] { return handed_up.size() == 2; })) << "on its way out and on its way in";
  EXPECT_EQ(sensor->status().packets, 1u);
  EXPECT_THAT(output_of("tc filter show dev here ingress"), HasSubstr("tidegate_frames"));
  sensor.reset();
  EXPECT_EQ(output_of("tc filter show dev here ingress"), "");
  EXPECT_THAT(output_of("tc qdisc show dev here"), Not(HasSubstr("clsact")));
  EXPECT_THAT(output_of("tc qdisc show dev other"), HasSubstr("clsact")) << "somebody else's stays";
}

TEST_F(KernelTest, filters_of_a_process_that_is_no_more_are_removed) {
  const auto program = KernelProgram::load();
  ASSERT_TRUE(program) << program.error().what;
  // As a process of that number would have left it: one that cannot be, and one that is no tidegate.
  for (const std::uint32_t process : {0x7fff'ffffU, 1U}) {
    bpf_tc_hook hook{};
    hook.sz = sizeof hook;
    hook.ifindex = static_cast<int>(index_of("here"));
    hook.attach_point = BPF_TC_INGRESS;
    ::bpf_tc_hook_create(&hook);
    bpf_tc_opts options{};
    options.sz = sizeof options;
    options.prog_fd = (*program)->programs().frames;
    options.handle = process;
    options.priority = 0xc7d0;
    ASSERT_EQ(::bpf_tc_attach(&hook, &options), 0) << process;
  }
  ASSERT_THAT(output_of("tc filter show dev here ingress"), HasSubstr("tidegate_frames"));
  KernelSensor::forget_hooks();
  EXPECT_EQ(output_of("tc filter show dev here ingress"), "");
  EXPECT_THAT(output_of("tc qdisc show dev here"), Not(HasSubstr("clsact")));
}

}  // namespace
}  // namespace tidegate
