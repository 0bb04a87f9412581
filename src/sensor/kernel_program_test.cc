// The eBPF program against what the other sensors use: packet/, the router and the classifier must say the same of
// every frame. The kernel runs the program on frames that are given to it (BPF_PROG_TEST_RUN); nothing is attached
// anywhere.
#include "sensor/kernel_program.h"

#include <bpf/bpf.h>
#include <gtest/gtest.h>

#include "meter/classify.h"
#include "meter/router.h"
#include "sensor/kernel_rules.h"
#include "tests/support/packet_corpus.h"

namespace tidegate {
namespace {

using test::Bytes;
using test::CorpusPacket;
using test::packet_corpus;
using test::PacketBuilder;

constexpr auto kClient = "192.0.2.1";
constexpr auto kServer = "192.0.2.10";
constexpr std::size_t kLeastFrame = 14;  // of a test run
constexpr std::size_t kIpv6Header = 40;

std::vector<Cidr> networks(std::initializer_list<const char*> texts) {
  std::vector<Cidr> all;
  for (const auto* const text : texts) all.push_back(Cidr::parse(text).value());
  return all;
}

std::vector<IpAddress> addresses(std::initializer_list<const char*> texts) {
  std::vector<IpAddress> all;
  for (const auto* const text : texts) all.push_back(IpAddress::parse(text).value());
  return all;
}

// A service for everything; its rules are the point.
ServiceSettings service() {
  ServiceSettings settings;
  settings.name = "service";
  settings.ports = {{Protocol::tcp, 1, 65535}, {Protocol::udp, 1, 65535}};
  settings.wake = default_wake(true);
  settings.keep = default_keep(true);
  return settings;
}

std::vector<std::pair<std::string, ServiceSettings>> services() {
  std::vector<std::pair<std::string, ServiceSettings>> all;
  const auto add = [&](std::string name) -> ServiceSettings& {
    all.emplace_back(std::move(name), service());
    return all.back().second;
  };
  add("defaults");
  auto& noisy = add("both ways, noise and all");
  noisy.wake.direction.reset();
  noisy.wake.also = static_cast<std::uint8_t>(Noise::rst) | static_cast<std::uint8_t>(Noise::broadcast);
  noisy.keep.also = static_cast<std::uint8_t>(Noise::multicast);
  auto& flags = add("flags");
  flags.wake.flags = {.set = tcp_flag::kPsh | tcp_flag::kAck, .clear = tcp_flag::kFin};
  flags.keep.ack_only = true;
  auto& answers = add("answers");
  answers.wake.direction = Direction::out;
  answers.keep.direction = Direction::out;
  auto& sized = add("payload");
  sized.wake.min_bytes = 5;
  sized.wake.flags = {};
  sized.keep.min_bytes = 17;
  auto& sources = add("sources");
  sources.wake.from = networks({"192.0.2.0/24", "2001:db8::/32"});
  sources.wake.not_from = networks({"192.0.2.0/30", "2001:db8::1"});
  sources.wake.flags = {};
  sources.keep.not_from = networks({"192.0.2.1", "0.0.0.0/0"});
  auto& narrow = add("narrow sources");
  narrow.wake.from = networks({"192.0.2.1", "::/0", "192.0.0.0/8"});
  narrow.keep.from = networks({"192.0.2.0/25"});
  auto& few = add("ports of a rule");
  few.wake.ports = {{Protocol::udp, 1, 10}};
  few.keep.ports = {{Protocol::tcp, 1, 100}};
  auto& named = add("addresses");
  named.addresses = addresses({kServer, "2001:db8::10"});
  auto& others = add("addresses of others");
  others.addresses = addresses({"192.0.2.99"});
  return all;
}

// Frames beyond those of the corpus: what rules tell apart.
std::vector<CorpusPacket> frames() {
  auto all = packet_corpus();
  std::erase_if(all, [](const CorpusPacket& packet) {
    return packet.link != packet::LinkType::ethernet && packet.link != packet::LinkType::raw;
  });
  for (const int flags : {0x01, 0x02, 0x04, 0x08, 0x10, 0x11, 0x12, 0x14, 0x18, 0x19, 0x3f}) {
    const auto name = fmt::format("flags {:#x}", flags);
    const auto bits = static_cast<std::uint8_t>(flags);
    all.push_back({name, packet::LinkType::ethernet,
                   PacketBuilder{}.ethernet().ipv4(kClient, kServer).tcp(40000, 80, bits).payload(6).bytes()});
    all.push_back({name + " back", packet::LinkType::ethernet,
                   PacketBuilder{}.ethernet().ipv4(kServer, "198.51.100.1").tcp(80, 40000, bits).bytes()});
  }
  for (const auto* const source : {"192.0.2.3", "192.0.2.4", "192.0.2.200", "198.51.100.7", "10.0.0.1"}) {
    all.push_back({source, packet::LinkType::ethernet,
                   PacketBuilder{}.ethernet().ipv4(source, kServer).udp(5, 7).payload(18).bytes()});
  }
  for (const auto* const source : {"2001:db8::1", "2001:db8::2", "2001:db9::1"}) {
    all.push_back({source, packet::LinkType::ethernet,
                   PacketBuilder{}.ethernet().ipv6(source, "2001:db8::10").udp(5, 7).payload(18).bytes()});
  }
  all.push_back({"to nobody here", packet::LinkType::ethernet,
                 PacketBuilder{}.ethernet().ipv4(kClient, "192.0.2.77").udp(5, 7).payload(1).bytes()});
  all.push_back({"loopback", packet::LinkType::ethernet,
                 PacketBuilder{}.ethernet().ipv4("127.0.0.1", "127.3.2.1").udp(5, 7).payload(1).bytes()});
  all.push_back({"subnet broadcast", packet::LinkType::ethernet,
                 PacketBuilder{}.ethernet(test::kBroadcastMac).ipv4(kClient, "192.0.2.255").udp(5, 7).bytes()});
  all.push_back({"multicast", packet::LinkType::ethernet,
                 PacketBuilder{}.ethernet(test::kMulticastMac).ipv6("fe80::1", "ff02::fb").udp(5353, 5353).bytes()});
  return all;
}

// What a sensor makes of a frame.
struct Made {
  std::uint64_t in = 0;
  std::uint64_t out = 0;
  std::uint64_t bytes = 0;
  bool renewed = false;
  bool handed_up = false;
  bool operator==(const Made&) const = default;
  friend std::ostream& operator<<(std::ostream& stream, const Made& made) {
    return stream << made.in << " in, " << made.out << " out, " << made.bytes << " bytes"
                  << (made.renewed ? ", renewed" : "") << (made.handed_up ? ", handed up" : "");
  }
};

class KernelProgramTest : public testing::Test {
 protected:
  void SetUp() override {
    auto loaded = KernelProgram::load();
    if (!loaded) GTEST_SKIP() << loaded.error().what;
    program_ = std::move(*loaded);
    for (const auto& address : local_) ASSERT_TRUE(program_->put_local(address));
  }

  void watch(const ServiceSettings& settings) {
    program_->gate(0) = compile_gate(settings);
    program_->gate(0).listening = 1;
    for (const auto& ports : settings.ports) {
      for (unsigned port = ports.first; port <= ports.last; ++port) {
        const auto number = static_cast<std::uint16_t>(port);
        const auto compiled = compile_port(settings, ports.protocol, number, 0);
        program_->port(ports.protocol, number) = compiled;
        // A map entry for each port takes its time, and few ports are in frames.
        if (port > 100 && port != 8211 && port != 5353 && port != 40000 && port != 50311) continue;
        for (const auto& address : settings.addresses) {
          ASSERT_TRUE(program_->put_addressed(ports.protocol, {address, number}, compiled));
        }
      }
    }
    for (const auto& network : compile_networks(settings, 0)) {
      ASSERT_TRUE(program_->put_network(network.network, network.of));
    }
  }

  // None: the kernel does not run programs on a frame so short (it wants an IP header whole where one is announced).
  std::optional<Made> by_program(const Bytes& frame, packet::LinkType link) {
    program_->clear_counters(0);
    program_->gate(0).pending = 0;
    bpf_test_run_opts options{};
    options.sz = sizeof options;
    options.data_in = frame.data();
    options.data_size_in = static_cast<std::uint32_t>(frame.size());
    options.repeat = 1;
    const auto programs = program_->programs();
    const int program = link == packet::LinkType::ethernet ? programs.frames : programs.ip;
    const int status = ::bpf_prog_test_run_opts(program, &options);
    if (status == -EINVAL && frame.size() < kLeastFrame + kIpv6Header) return std::nullopt;
    EXPECT_EQ(status, 0) << std::strerror(errno);
    EXPECT_EQ(options.retval, 0xffffffffU) << "others must have their turn";
    bool handed_up = false;
    EXPECT_TRUE(program_->read_events([&](const kernel_event& event) {
      handed_up = true;
      EXPECT_EQ(event.length, frame.size());
      EXPECT_EQ(event.captured, std::min<std::size_t>(frame.size(), KERNEL_FRAME_BYTES));
      EXPECT_TRUE(std::equal(event.frame, event.frame + event.captured, frame.begin()));
    }));
    const auto sum = program_->counters(0);
    return Made{.in = sum.packets[KERNEL_IN],
                .out = sum.packets[KERNEL_OUT],
                .bytes = sum.bytes[KERNEL_IN] + sum.bytes[KERNEL_OUT],
                .renewed = sum.renewed != 0,
                .handed_up = handed_up};
  }

  Made by_others(const ServiceSettings& settings, const Bytes& frame, packet::LinkType link) const {
    const auto headers = packet::decode(frame, link, static_cast<std::uint32_t>(frame.size()));
    if (!headers) return {};
    auto sample = packet::to_sample(*headers, {});
    Router router{std::span{&settings, 1}};
    router.set_local(local_);
    const auto match = router.route(sample);
    if (!match) return {};
    sample.direction = match->direction;
    const bool in = match->direction == Direction::in;
    Classifier classifier{settings.wake, settings.keep};
    return {.in = in ? 1U : 0U,
            .out = in ? 0U : 1U,
            .bytes = sample.bytes,
            .renewed = classifier.classify(sample, true) != Class::ignore,
            .handed_up = classifier.classify(sample, false) == Class::wake};
  }

  std::unique_ptr<KernelProgram> program_;
  std::vector<IpAddress> local_ = addresses({kServer, "2001:db8::10", "fe80::2"});
};

TEST_F(KernelProgramTest, sees_in_every_frame_what_the_other_sensors_see_whatever_the_rules) {
  const auto all = frames();
  for (const auto& [rules, settings] : services()) {
    auto loaded = KernelProgram::load();
    ASSERT_TRUE(loaded);
    program_ = std::move(*loaded);
    for (const auto& address : local_) ASSERT_TRUE(program_->put_local(address));
    watch(settings);
    int counted = 0;
    for (const auto& [name, link, frame] : all) {
      if (frame.size() < kLeastFrame) continue;
      const auto expected = by_others(settings, frame, link);
      EXPECT_EQ(by_program(frame, link), expected) << rules << ": " << name;
      counted += expected == Made{} ? 0 : 1;
    }
    EXPECT_TRUE(counted > 10 || rules == "addresses of others") << rules;
  }
}

TEST_F(KernelProgramTest, reads_a_frame_that_is_cut_or_has_any_byte_changed_as_packet_does) {
  auto settings = service();
  settings.wake.direction.reset();
  settings.wake.flags = {};
  watch(settings);
  for (const auto& [name, link, original] : frames()) {
    for (std::size_t size = kLeastFrame; size < original.size(); ++size) {
      const Bytes cut(original.begin(), original.begin() + static_cast<std::ptrdiff_t>(size));
      const auto made = by_program(cut, link);
      if (made) ASSERT_EQ(*made, by_others(settings, cut, link)) << name << " cut at " << size;
    }
    auto frame = original;
    if (frame.size() < kLeastFrame) continue;
    for (std::size_t at = 0; at < frame.size(); ++at) {
      for (const int value : {0x00, 0x01, 0x06, 0x2c, 0x33, 0x45, 0x7f, 0x80, 0xff}) {
        frame[at] = static_cast<std::uint8_t>(value);
        const auto made = by_program(frame, link);
        if (made) ASSERT_EQ(*made, by_others(settings, frame, link)) << name << ", " << value << " at " << at;
      }
      frame[at] = original[at];
    }
  }
}

TEST_F(KernelProgramTest, hands_up_a_bounded_number_until_somebody_reads) {
  watch(service());
  const auto frame = PacketBuilder{}.ethernet().ipv4(kClient, kServer).udp(5, 7).bytes();
  bpf_test_run_opts options{};
  options.sz = sizeof options;
  options.data_in = frame.data();
  options.data_size_in = static_cast<std::uint32_t>(frame.size());
  options.repeat = 1000;
  ASSERT_EQ(::bpf_prog_test_run_opts(program_->programs().frames, &options), 0) << std::strerror(errno);
  int handed_up = 0;
  ASSERT_TRUE(program_->read_events([&](const kernel_event&) { ++handed_up; }));
  EXPECT_EQ(handed_up, KERNEL_MOST_PENDING);
  EXPECT_EQ(program_->counters(0).packets[KERNEL_IN], 1000u);
}

TEST_F(KernelProgramTest, an_awake_service_gets_nothing_handed_up) {
  watch(service());
  program_->gate(0).listening = 0;
  const auto frame = PacketBuilder{}.ethernet().ipv4(kClient, kServer).tcp(5, 7, tcp_flag::kSyn).bytes();
  EXPECT_EQ(by_program(frame, packet::LinkType::ethernet), (Made{.in = 1, .bytes = 40, .renewed = true}));
}

TEST_F(KernelProgramTest, what_tidegate_sends_itself_does_not_count_while_it_is_said_to_be_its_own) {
  watch(service());
  const auto frame = PacketBuilder{}.ethernet().ipv4(kClient, kServer).tcp(40000, 80, tcp_flag::kSyn).bytes();
  const auto counts = [&] { return by_program(frame, packet::LinkType::ethernet)->in == 1; };
  const auto now = Instant::clock::now();
  const auto later = now + std::chrono::hours{1};
  program_->set_own_until(later);
  EXPECT_TRUE(counts());
  ASSERT_TRUE(program_->put_own(Protocol::tcp, {IpAddress::parse("192.0.2.2").value(), 40000}, later));
  EXPECT_TRUE(counts()) << "another address";
  ASSERT_TRUE(program_->put_own(Protocol::tcp, {IpAddress::parse(kClient).value(), 40000}, later));
  EXPECT_FALSE(counts());
  ASSERT_TRUE(program_->put_own(Protocol::tcp, {IpAddress::parse(kClient).value(), 40000}, now - kKernelTick));
  EXPECT_TRUE(counts()) << "over";
  ASSERT_TRUE(program_->put_own(Protocol::tcp, {{}, 40000}, later));
  EXPECT_FALSE(counts()) << "from any address";
}

}  // namespace
}  // namespace tidegate
