#include "netfilter/queue_rules.h"

#include <gmock/gmock.h>

namespace tidegate {
namespace {

HeldPorts ports_at(const char* ports, const char* address) {
  return {.ports = PortRange::parse(ports).value(), .address = IpAddress::parse(address).value()};
}

TEST(QueueRulesMerge, keeps_what_is_apart_and_puts_it_in_order) {
  EXPECT_THAT(merged({ports_at("udp/53", "192.0.2.1"), ports_at("tcp/53", "192.0.2.1"), ports_at("tcp/55", "192.0.2.1"),
                      ports_at("tcp/54", "192.0.2.2"), ports_at("tcp/54", "2001:db8::1")}),
              testing::ElementsAre(ports_at("tcp/54", "2001:db8::1"), ports_at("tcp/53", "192.0.2.1"),
                                   ports_at("tcp/55", "192.0.2.1"), ports_at("udp/53", "192.0.2.1"),
                                   ports_at("tcp/54", "192.0.2.2")));
}

TEST(QueueRulesMerge, makes_one_of_ranges_that_overlap_or_touch) {
  EXPECT_THAT(merged({ports_at("tcp/30-40", "::1"), ports_at("tcp/10-20", "::1"), ports_at("tcp/15-18", "::1"),
                      ports_at("tcp/21", "::1"), ports_at("tcp/10-20", "::1")}),
              testing::ElementsAre(ports_at("tcp/10-21", "::1"), ports_at("tcp/30-40", "::1")));
}

TEST(QueueRulesMerge, knows_the_last_port) {
  EXPECT_THAT(merged({ports_at("tcp/65535", "::1"), ports_at("tcp/1-65535", "::1")}),
              testing::ElementsAre(ports_at("tcp/1-65535", "::1")));
}

}  // namespace
}  // namespace tidegate
