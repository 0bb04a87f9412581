#include "daemon/shown.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace tidegate {
namespace {

using testing::HasSubstr;
using testing::Not;

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

TEST(Shown, names_addresses_as_they_are_without_privacy) {
  const auto udp = sample(Protocol::udp, "203.0.113.7", "192.0.2.10");
  EXPECT_EQ(describe(udp, Pseudonyms{}), "UDP 203.0.113.7:50311 → 192.0.2.10:8211, 148 bytes");
  EXPECT_EQ(describe(udp, Pseudonyms{}), describe(udp));
  const auto icmp = sample(Protocol::icmp, "203.0.113.7", "192.0.2.10");
  EXPECT_EQ(describe(icmp, Pseudonyms{}), describe(icmp));
}

TEST(Shown, hides_the_client_and_not_the_service) {
  const auto come = sample(Protocol::udp, "10.0.0.1", "192.0.2.10");
  EXPECT_EQ(describe(come, hashed()), "UDP e506c8d69687f534:50311 → 192.0.2.10:8211, 148 bytes");
  EXPECT_EQ(describe(sample(Protocol::icmp, "10.0.0.1", "192.0.2.10"), hashed()),
            "ICMP e506c8d69687f534 → 192.0.2.10, 148 bytes");
}

TEST(Shown, knows_the_client_whichever_way_the_packet_goes) {
  auto back = sample(Protocol::tcp, "192.0.2.10", "10.0.0.1");
  back.direction = Direction::out;
  EXPECT_EQ(describe(back, hashed()), "TCP 192.0.2.10:50311 → e506c8d69687f534:8211, 148 bytes");
  EXPECT_EQ(shown_addresses(back, hashed()).destination, "e506c8d69687f534");
  EXPECT_THAT(shown_endpoints(back, hashed()).destination, Not(HasSubstr("10.0.0.1")));
}

}  // namespace
}  // namespace tidegate
