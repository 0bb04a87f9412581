#include "model/address.h"

#include <gtest/gtest.h>

#include <unordered_set>

#include "model/port.h"
#include "model/sample.h"

namespace tidegate {
namespace {

IpAddress address(const char* text) { return IpAddress::parse(text).value(); }

TEST(IpAddress, reads_and_writes_both_families) {
  for (const char* text : {"192.0.2.10", "0.0.0.0", "2001:db8::1", "::", "::1"})
    EXPECT_EQ(address(text).to_string(), text);
  for (const char* text : {"", "192.0.2", "192.0.2.256", "2001:db8:::1", "host", "1.2.3.4 "})
    EXPECT_FALSE(IpAddress::parse(text)) << text;
}

TEST(IpAddress, knows_its_kind) {
  EXPECT_TRUE(address("127.1.2.3").is_loopback());
  EXPECT_TRUE(address("::1").is_loopback());
  EXPECT_FALSE(address("::2").is_loopback());
  EXPECT_TRUE(address("239.1.1.1").is_multicast());
  EXPECT_TRUE(address("ff02::1").is_multicast());
  EXPECT_TRUE(address("255.255.255.255").is_broadcast());
  EXPECT_FALSE(IpAddress{}.is_loopback());
}

TEST(Cidr, contains_what_shares_its_prefix) {
  const auto net = Cidr::parse("198.51.100.64/26").value();
  EXPECT_TRUE(net.contains(address("198.51.100.64")));
  EXPECT_TRUE(net.contains(address("198.51.100.127")));
  EXPECT_FALSE(net.contains(address("198.51.100.128")));
  EXPECT_FALSE(net.contains(address("2001:db8::1")));
  EXPECT_TRUE(Cidr::parse("0.0.0.0/0")->contains(address("8.8.8.8")));
  EXPECT_TRUE(Cidr::parse("2001:db8::/32")->contains(address("2001:db8:ffff::")));
  EXPECT_FALSE(Cidr::parse("192.0.2.1")->contains(address("192.0.2.2")));
}

TEST(Cidr, refuses_what_is_not_a_network) {
  for (const char* text : {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x", "x/8", "2001:db8::/129"})
    EXPECT_FALSE(Cidr::parse(text)) << text;
  EXPECT_EQ(Cidr::parse("10.0.0.1/8").error().what, "\"10.0.0.1/8\" has bits set behind its prefix of 8");
}

TEST(Endpoint, brackets_ipv6) {
  EXPECT_EQ((Endpoint{address("192.0.2.1"), 80}.to_string()), "192.0.2.1:80");
  EXPECT_EQ((Endpoint{address("2001:db8::1"), 80}.to_string()), "[2001:db8::1]:80");
}

TEST(EndpointHash, tells_neighbours_apart) {
  std::unordered_set<std::size_t> hashes;
  for (std::uint16_t port = 1; port <= 1000; ++port) hashes.insert(std::hash<Endpoint>{}({address("192.0.2.1"), port}));
  EXPECT_EQ(hashes.size(), 1000U);
}

TEST(PortRange, reads_a_port_or_a_range) {
  EXPECT_EQ(PortRange::parse("tcp/80"), (PortRange{Protocol::tcp, 80, 80}));
  EXPECT_EQ(PortRange::parse("udp/27000-27015"), (PortRange{Protocol::udp, 27000, 27015}));
  EXPECT_EQ(PortRange::parse("udp/27000-27015")->to_string(), "udp/27000-27015");
  for (const char* text : {"80", "tcp/0", "tcp/65536", "sctp/80", "tcp/9-8", "tcp/", "tcp/80-", "TCP/80", "tcp/8 0"})
    EXPECT_FALSE(PortRange::parse(text)) << text;
}

TEST(PortRange, overlaps_only_within_a_protocol) {
  const auto range = PortRange::parse("tcp/10-20").value();
  EXPECT_TRUE(range.overlaps(PortRange::parse("tcp/20-30").value()));
  EXPECT_FALSE(range.overlaps(PortRange::parse("tcp/21-30").value()));
  EXPECT_FALSE(range.overlaps(PortRange::parse("udp/10-20").value()));
}

TEST(Describe, names_the_packet_as_a_person_would) {
  Sample sample;
  sample.flow = {{address("203.0.113.7"), 50311}, {address("192.0.2.10"), 8211}, Protocol::udp};
  sample.bytes = 148;
  EXPECT_EQ(describe(sample), "UDP 203.0.113.7:50311 → 192.0.2.10:8211, 148 bytes");
  sample.flow.protocol = Protocol::icmp;
  EXPECT_EQ(describe(sample), "ICMP 203.0.113.7 → 192.0.2.10, 148 bytes");
}

}  // namespace
}  // namespace tidegate
