#include "forward/kernel_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "forward/kernel_host.h"
#include "netfilter/listing.h"
#include "netfilter/nft.h"
#include "tests/support/network_lab.h"

namespace tidegate {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

// A forward with everything that rules may be made of.
KernelForward rich(const std::string& name, std::uint16_t port, std::uint16_t number) {
  KernelForward f;
  f.settings.name = name;
  f.settings.protocol = ForwardProtocol::both;
  f.settings.listen.first = port;
  f.settings.listen.last = static_cast<std::uint16_t>(port + 2);
  f.settings.connections = {.all = 5,
                            .each_client = 3,
                            .new_all = {3, std::chrono::minutes{1}},
                            .new_each_client = {20, std::chrono::seconds{1}}};
  f.settings.rate.all = 1'000'000;
  f.settings.allow = {*Cidr::parse("10.0.0.0/8"), *Cidr::parse("10.1.0.0/16"), *Cidr::parse("fd00::/8")};
  f.settings.deny = {*Cidr::parse("10.2.0.0/16")};
  for (std::uint32_t weight : {2U, 4U}) {
    f.settings.targets.push_back({.unix_path = {}, .host = "h", .port = 8000, .each_port = true, .weight = weight});
    f.targets.push_back({.v4 = *IpAddress::parse("127.0.0.1"), .v6 = *IpAddress::parse("fd77::1")});
  }
  f.tcp = number;
  f.udp = static_cast<std::uint16_t>(number + 1);
  f.quotas = {{.name = name + "/limit", .action = LimitAction::cut, .both = 1000, .up = {}, .down = {}},
              {.name = "group/all", .action = LimitAction::throttle, .rate = 9000, .both = {}, .up = 1, .down = 2}};
  return f;
}

KernelForward plain() {
  KernelForward f;
  f.settings.name = "web";
  f.settings.listen.first = f.settings.listen.last = 80;
  f.settings.targets = {{.unix_path = {}, .host = "192.0.2.1", .port = 8080}};
  f.targets = {{.v4 = *IpAddress::parse("192.0.2.1"), .v6 = {}}};
  f.tcp = 1;
  return f;
}

RuleSet rules_of(const KernelForward& forward) { return kernel_rules(std::span{&forward, 1}, {}); }

TEST(KernelRules, lead_a_connection_by_its_mark) {
  const auto rules = rules_of(plain());
  EXPECT_THAT(rules.maps.at("listen").elements, ElementsAre(Pair("tcp . 80", "goto in.web")));
  const auto leg = leg_name(plain().settings, 1, false);
  EXPECT_THAT(
      rules.chains.at("enter.web").rules,
      ElementsAre("meta l4proto tcp counter name \"count.web.connections\" ct mark set 0x74670001 goto " + leg));
  EXPECT_THAT(rules.chains.at(leg).rules, ElementsAre("meta nfproto ipv4 meta l4proto tcp dnat ip to 192.0.2.1:8080"));
  EXPECT_THAT(rules.chains.at("tcp_up.web").rules, ElementsAre("counter name \"count.web.tcp_up\""));
  EXPECT_THAT(rules.chains.at("in.web").rules,
              Contains(HasSubstr("meta nfproto ipv6 counter name \"count.web.refused\" goto turn_away")));
  EXPECT_FALSE(rules.chains.contains("guard")) << "nothing to be guarded";
}

TEST(KernelRules, turn_everybody_away_where_a_quota_is_reached) {
  auto forward = plain();
  forward.closed = true;
  EXPECT_THAT(rules_of(forward).chains.at("in.web").rules, Not(Contains(HasSubstr("enter.web"))));
}

TEST(KernelRules, know_a_number_of_an_earlier_life_by_its_chain) {
  const auto forward = plain();
  const auto leg = parse_leg_name(leg_name(forward.settings, 77, false));
  ASSERT_TRUE(leg);
  EXPECT_EQ(leg->number, 77);
  auto other = forward.settings;
  other.limit = 5;
  EXPECT_TRUE(same_way(forward.settings, other)) << "a limit ends nobody";
  EXPECT_EQ(parse_leg_name(leg_name(other, 3, false))->settings, leg->settings);
  other.targets[0].port = 1;
  EXPECT_FALSE(same_way(forward.settings, other));
  for (const std::string_view text : {"in.web", "leg.", "leg.0.x", "leg.40000.x", "leg.7"})
    EXPECT_FALSE(parse_leg_name(text));
}

TEST(KernelRules, guard_the_loopback_network_where_they_open_it) {
  auto forward = plain();
  forward.targets[0].v4 = *IpAddress::parse("127.0.0.1");
  EXPECT_TRUE(needs_route_localnet(forward));
  EXPECT_THAT(rules_of(forward).chains.at("guard").rules,
              ElementsAre("ip daddr 127.0.0.0/8 meta iiftype != loopback drop"));
  forward.settings.listen.address = *IpAddress::parse("127.0.0.1");
  EXPECT_FALSE(needs_route_localnet(forward));
  EXPECT_TRUE(settings_needed(forward).empty());
}

TEST(KernelRules, need_what_their_targets_need) {
  auto forward = plain();
  forward.targets[0].v6 = *IpAddress::parse("2001:db8::1");
  std::vector<std::string> names;
  for (const auto& setting : settings_needed(forward)) names.push_back(setting.name);
  EXPECT_THAT(names, ElementsAre("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"));
}

class KernelTakes : public test::NetworkTest {
 protected:
  void SetUp() override {
    NetworkTest::SetUp();
    if (IsSkipped()) return;
    const auto finding = engine_kernel_finding();
    if (finding.verdict == Finding::Verdict::no) GTEST_SKIP() << finding.detail;
  }
};

TEST_F(KernelTakes, every_rule_and_every_difference) {
  KernelForward both[] = {rich("a.b", 7000, 1), rich("9-c", 7100, 3)};
  both[1].settings.balance = Balance::source;
  both[1].settings.masquerade = Masquerade::always;
  both[1].slowed = 5000;
  RuleSet now;
  const auto becomes = [&](const RuleSet& wanted) {
    const auto text = difference(kForwardTable, now, wanted);
    const auto done = nft::run(text);
    EXPECT_TRUE(done) << done.error().what << "\n" << text;
    now = wanted;
  };
  becomes(kernel_rules(both, {}));
  both[0].closed = true;
  both[0].tcp = 9;
  both[0].quotas[0].generation = 1;
  becomes(kernel_rules(both, {1, 2}));
  both[1].targets[0].up = false;
  both[1].settings.rate.all = 5;
  becomes(kernel_rules(both, {1, 2}));
  becomes(kernel_rules(std::span{both}.first(1), {1, 2, 3, 4}));
  becomes(kernel_rules({}, {}));
}

TEST_F(KernelTakes, over_what_another_life_has_left) {
  const KernelForward both[] = {rich("a", 7000, 1), rich("b", 7100, 3)};
  ASSERT_TRUE(nft::run(difference(kForwardTable, {}, kernel_rules(both, {8}))));
  const auto found = list_rules(kForwardTable);
  ASSERT_TRUE(found && *found);
  EXPECT_TRUE((*found)->names.counters.contains(counter_name("a", "tcp_up")));
  const auto wanted = kernel_rules(std::span{both}.last(1), {1, 2});
  const auto done = nft::run((*found)->forgets + difference(kForwardTable, (*found)->names, wanted));
  EXPECT_TRUE(done) << done.error().what;
  ASSERT_TRUE(nft::run(removal(kForwardTable)));
  EXPECT_FALSE(list_rules(kForwardTable).value());
}

}  // namespace
}  // namespace tidegate
