#include "daemon/shown.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace tidegate {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

Pseudonyms hashed() {
  constexpr std::array<std::uint8_t, 3> kKey{'f', 'o', 'o'};
  return Pseudonyms::make(Privacy::hash, kKey).value();
}

Sample sample(Protocol protocol, const char* from, const char* to) {
  return {.flow = {.source = {IpAddress::parse(from).value(), 50311},
                   .destination = {IpAddress::parse(to).value(), 8211},
                   .protocol = protocol},
          .direction = Direction::in,
          .bytes = 148};
}

// The service's, where it is here.
bool own(const IpAddress& address) { return address == IpAddress::parse("192.0.2.10").value(); }

TEST(Shown, names_addresses_as_they_are_without_privacy) {
  const auto udp = sample(Protocol::udp, "203.0.113.7", "192.0.2.10");
  EXPECT_EQ(describe(udp, Pseudonyms{}, own), "UDP 203.0.113.7:50311 → 192.0.2.10:8211, 148 bytes");
  EXPECT_EQ(describe(udp, Pseudonyms{}, own), describe(udp));
  const auto icmp = sample(Protocol::icmp, "203.0.113.7", "192.0.2.10");
  EXPECT_EQ(describe(icmp, Pseudonyms{}, own), describe(icmp));
  for (auto routed :
       {sample(Protocol::tcp, "203.0.113.7", "198.51.100.9"), sample(Protocol::tcp, "2001:db8::7", "2001:db8:1::9")}) {
    EXPECT_EQ(describe(routed, Pseudonyms{}, own), describe(routed));
    routed.direction = Direction::out;
    EXPECT_EQ(describe(routed, Pseudonyms{}, own), describe(routed));
  }
}

TEST(Shown, hides_the_client_and_not_the_service) {
  const auto come = sample(Protocol::udp, "10.0.0.1", "192.0.2.10");
  EXPECT_EQ(describe(come, hashed(), own), "UDP e506c8d69687f534:50311 → 192.0.2.10:8211, 148 bytes");
  EXPECT_EQ(describe(sample(Protocol::icmp, "10.0.0.1", "192.0.2.10"), hashed(), own),
            "ICMP e506c8d69687f534 → 192.0.2.10, 148 bytes");
}

TEST(Shown, knows_the_client_whichever_way_the_packet_goes) {
  auto back = sample(Protocol::tcp, "192.0.2.10", "10.0.0.1");
  back.direction = Direction::out;
  EXPECT_EQ(describe(back, hashed(), own), "TCP 192.0.2.10:50311 → e506c8d69687f534:8211, 148 bytes");
  EXPECT_EQ(shown_addresses(back, hashed(), own).destination, "e506c8d69687f534");
  EXPECT_THAT(shown_endpoints(back, hashed(), own).destination, Not(HasSubstr("10.0.0.1")));
}

TEST(Shown, hides_both_ends_of_a_packet_that_is_forwarded_in) {
  auto routed = sample(Protocol::udp, "203.0.113.7", "10.0.0.1");
  for (const auto direction : {Direction::in, Direction::unknown}) {
    routed.direction = direction;
    EXPECT_THAT(describe(routed, hashed(), own), EndsWith(" → e506c8d69687f534:8211, 148 bytes"));
    EXPECT_THAT(describe(routed, hashed(), own), Not(HasSubstr("203.0.113.7")));
    EXPECT_EQ(shown_addresses(routed, hashed(), own).destination, "e506c8d69687f534");
    EXPECT_EQ(shown_endpoints(routed, hashed(), own).destination, "e506c8d69687f534:8211");
  }
}

TEST(Shown, hides_both_ends_of_a_packet_that_is_forwarded_out) {
  auto routed = sample(Protocol::tcp, "10.0.0.1", "203.0.113.7");
  routed.direction = Direction::out;
  EXPECT_THAT(describe(routed, hashed(), own), StartsWith("TCP e506c8d69687f534:50311 → "));
  EXPECT_THAT(describe(routed, hashed(), own), Not(HasSubstr("203.0.113.7")));
  EXPECT_EQ(shown_addresses(routed, hashed(), own).source, "e506c8d69687f534");
  EXPECT_EQ(shown_endpoints(routed, hashed(), own).source, "e506c8d69687f534:50311");
}

TEST(Shown, hides_the_client_even_where_it_is_this_host) {
  const auto to_itself = sample(Protocol::udp, "192.0.2.10", "192.0.2.10");
  EXPECT_THAT(shown_addresses(to_itself, hashed(), own).source, Not(HasSubstr("192.0.2.10")));
  EXPECT_EQ(shown_addresses(to_itself, hashed(), own).destination, "192.0.2.10");
}

}  // namespace
}  // namespace tidegate
