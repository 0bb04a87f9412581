#include "sensor/port_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pcap/pcap.h>

#include "tests/support/packet_builder.h"

namespace tidegate {
namespace {

using packet::LinkType;
using test::Bytes;
using test::PacketBuilder;
using testing::HasSubstr;

constexpr std::uint8_t kSyn = tcp_flag::kSyn;
constexpr std::size_t kMostOfTheKernel = 4096;

// A filter compiled as libpcap does for a savefile.
class Program {
 public:
  Program(const std::string& filter, LinkType link) : handle_{::pcap_open_dead(static_cast<int>(link), 65535)} {
    if (::pcap_compile(handle_, &program_, filter.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0) {
      ADD_FAILURE() << ::pcap_geterr(handle_) << ": " << filter;
    }
  }
  ~Program() {
    ::pcap_freecode(&program_);
    ::pcap_close(handle_);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  [[nodiscard]] bool passes(const PacketBuilder& packet) const {
    const Bytes frame = packet.bytes();
    pcap_pkthdr header{};
    header.caplen = static_cast<std::uint32_t>(frame.size());
    header.len = header.caplen;
    return ::pcap_offline_filter(&program_, &header, frame.data()) != 0;
  }
  [[nodiscard]] std::size_t instructions() const { return program_.bf_len; }

 private:
  pcap_t* handle_;
  bpf_program program_{};
};

PacketBuilder v4(PacketBuilder link) { return link.ipv4("192.0.2.1", "192.0.2.2"); }
PacketBuilder v6(PacketBuilder link) { return link.ipv6("2001:db8::1", "2001:db8::2"); }

const std::vector<PortRange> kGame{{Protocol::udp, 8211, 8211}, {Protocol::tcp, 27000, 27015}};

struct Link {
  const char* name;
  LinkType type;
  PacketBuilder begin;
};

std::vector<Link> links() {
  using B = PacketBuilder;
  return {{"ethernet", LinkType::ethernet, B{}.ethernet()},
          {"one tag", LinkType::ethernet, B{}.ethernet().vlan(3)},
          {"a service tag", LinkType::ethernet, B{}.ethernet().vlan(3, 0x88a8)},
          {"two tags", LinkType::ethernet, B{}.ethernet().vlan(3, 0x88a8).vlan(4)},
          {"cooked", LinkType::linux_sll, B{}.sll()},
          {"cooked, one tag", LinkType::linux_sll, B{}.sll().vlan(3)},
          {"cooked 2", LinkType::linux_sll2, B{}.sll2()},
          {"cooked 2, one tag", LinkType::linux_sll2, B{}.sll2().vlan(3)},
          {"cooked 2, two tags", LinkType::linux_sll2, B{}.sll2().vlan(3, 0x88a8).vlan(4)},
          {"raw", LinkType::raw, B{}}};
}

TEST(PortFilter, passes_what_goes_to_and_comes_from_the_ports_on_every_link) {
  for (const auto& [name, type, link] : links()) {
    const Program program{port_filter(kGame, type), type};
    EXPECT_TRUE(program.passes(v4(link).udp(50311, 8211))) << name;
    EXPECT_TRUE(program.passes(v4(link).udp(8211, 50311))) << name;
    EXPECT_TRUE(program.passes(v4(link).tcp(50311, 27000, kSyn))) << name;
    EXPECT_TRUE(program.passes(v4(link).tcp(27015, 50311, kSyn))) << name;
    EXPECT_TRUE(program.passes(v6(link).udp(50311, 8211))) << name;
    EXPECT_TRUE(program.passes(v6(link).tcp(50311, 27007, kSyn))) << name;
  }
}

TEST(PortFilter, keeps_back_other_ports_and_the_same_port_of_the_other_protocol) {
  for (const auto& [name, type, link] : links()) {
    const Program program{port_filter(kGame, type), type};
    EXPECT_FALSE(program.passes(v4(link).udp(50311, 8212))) << name;
    EXPECT_FALSE(program.passes(v4(link).tcp(50311, 8211, kSyn))) << name;
    EXPECT_FALSE(program.passes(v4(link).udp(50311, 27000))) << name;
    EXPECT_FALSE(program.passes(v4(link).tcp(50311, 27016, kSyn))) << name;
    EXPECT_FALSE(program.passes(v4(link).icmp(8).payload(32))) << name;
    EXPECT_FALSE(program.passes(v6(link).udp(50311, 53))) << name;
    EXPECT_FALSE(program.passes(v6(link).icmp6(135).payload(32))) << name;
  }
  const Program program{port_filter(kGame, LinkType::ethernet), LinkType::ethernet};
  EXPECT_FALSE(program.passes(PacketBuilder{}.ethernet().arp("192.0.2.1", "192.0.2.2")));
}

TEST(PortFilter, passes_ipv6_extension_headers_and_ipv4_options) {
  for (const auto& [name, type, link] : links()) {
    const Program program{port_filter(kGame, type), type};
    EXPECT_TRUE(program.passes(v6(link).hop_by_hop().udp(1, 8211))) << name;
    EXPECT_TRUE(program.passes(v6(link).routing().udp(1, 8211))) << name;
    EXPECT_TRUE(program.passes(v6(link).fragment(0, true).udp(1, 8211))) << name;
    EXPECT_TRUE(program.passes(v6(link).authentication().udp(1, 8211))) << name;
    EXPECT_TRUE(program.passes(v6(link).destination_options().udp(1, 8211))) << name;
    EXPECT_TRUE(program.passes(v6(link).mobility().udp(1, 8211))) << name;
    EXPECT_TRUE(program.passes(v6(link).host_identity().udp(1, 8211))) << name;
    EXPECT_TRUE(program.passes(v6(link).shim6().udp(1, 8211))) << name;
    PacketBuilder options = link;
    options.ipv4("192.0.2.1", "192.0.2.2", {.options = 8}).udp(1, 8211);
    EXPECT_TRUE(program.passes(options)) << name;
  }
}

TEST(PortFilter, joins_ports_that_touch_or_overlap) {
  const std::vector<PortRange> ports{{Protocol::tcp, 82, 82}, {Protocol::tcp, 80, 80},  {Protocol::tcp, 81, 81},
                                     {Protocol::tcp, 90, 99}, {Protocol::tcp, 95, 110}, {Protocol::udp, 83, 83}};
  const auto filter = port_filter(ports, LinkType::raw);
  EXPECT_THAT(filter, HasSubstr("(tcp and (portrange 80-82 or portrange 90-110))"));
  EXPECT_THAT(filter, HasSubstr("(udp and (port 83))"));
}

TEST(PortFilter, stays_exact_for_two_hundred_services_without_a_tag) {
  std::vector<PortRange> ports;
  for (std::uint16_t i = 0; i < 200; ++i) {
    const auto port = static_cast<std::uint16_t>(1000 + 317 * i);
    ports.push_back({i % 2 == 0 ? Protocol::tcp : Protocol::udp, port, port});
  }
  const Program program{port_filter(ports, LinkType::ethernet), LinkType::ethernet};
  EXPECT_LE(program.instructions(), kMostOfTheKernel);
  for (const PortRange& range : ports) {
    const bool tcp = range.protocol == Protocol::tcp;
    const auto packet = [&](PacketBuilder link, int port) {
      const auto to = static_cast<std::uint16_t>(port);
      return tcp ? v4(std::move(link)).tcp(1, to, kSyn) : v4(std::move(link)).udp(1, to);
    };
    EXPECT_TRUE(program.passes(packet(PacketBuilder{}.ethernet(), range.first)));
    EXPECT_FALSE(program.passes(packet(PacketBuilder{}.ethernet(), range.first + 1)));
    EXPECT_TRUE(program.passes(packet(PacketBuilder{}.ethernet().vlan(9), range.first)));
  }
}

TEST(PortFilter, fits_the_kernel_whatever_the_number_of_ports) {
  for (const auto link : {LinkType::ethernet, LinkType::linux_sll2}) {
    std::vector<PortRange> ports;
    for (int first = 2; first < 65000; first += 13) {
      const auto port = static_cast<std::uint16_t>(first);
      ports.push_back({Protocol::tcp, port, static_cast<std::uint16_t>(port + 2)});
      ports.push_back({Protocol::udp, port, port});
    }
    const Program program{port_filter(ports, link), link};
    EXPECT_LE(program.instructions(), kMostOfTheKernel);
    const auto begin = link == LinkType::ethernet ? PacketBuilder{}.ethernet() : PacketBuilder{}.sll2();
    EXPECT_TRUE(program.passes(v4(begin).tcp(1, 2, kSyn)));
    EXPECT_TRUE(program.passes(v6(begin).udp(1, 64989)));
  }
}

// As many comparisons as are kept, which is the longest program.
TEST(PortFilter, fits_the_kernel_with_as_many_ranges_as_it_keeps_apart) {
  std::vector<PortRange> ports;
  for (int i = 0; i < 128; ++i) {
    const auto port = static_cast<std::uint16_t>(1 + i * (i < 16 ? 3001 : 11) + (i < 16 ? 0 : 48000));
    ports.push_back({i % 2 == 0 ? Protocol::tcp : Protocol::udp, port, static_cast<std::uint16_t>(port + 1)});
  }
  for (const auto link : {LinkType::ethernet, LinkType::linux_sll2}) {
    EXPECT_LE((Program{port_filter(ports, link), link}.instructions()), kMostOfTheKernel);
  }
}

}  // namespace
}  // namespace tidegate
