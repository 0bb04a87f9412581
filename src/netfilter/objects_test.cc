#include "netfilter/objects.h"

#include <gtest/gtest.h>

#include "netfilter/conntrack.h"
#include "netfilter/nft.h"
#include "netfilter/tcp_probe.h"
#include "tests/support/network_lab.h"

namespace tidegate {
namespace {

constexpr RuleTable kTable{.family = "inet", .name = "counts"};

class Objects : public test::NetworkTest {
 protected:
  void SetUp() override {
    NetworkTest::SetUp();
    if (IsSkipped()) return;
    if (const auto done = nft::run("add table inet counts\n"); !done) GTEST_SKIP() << done.error().what;
  }
};

TEST_F(Objects, are_read_by_name_and_a_table_that_is_not_there_has_none) {
  ASSERT_TRUE(
      nft::run("add counter inet counts a.b { packets 3 bytes 4000000000000 ; }\n"
               "add quota inet counts group/x.0 { over 5000 bytes used 70 bytes ; }\n"));
  const auto counters = read_counters(kTable);
  ASSERT_TRUE(counters) << counters.error().what;
  ASSERT_EQ(counters->size(), 1U);
  EXPECT_EQ(counters->at("a.b").packets, 3U);
  EXPECT_EQ(counters->at("a.b").bytes, 4'000'000'000'000U);
  const auto quotas = read_quotas(kTable);
  ASSERT_TRUE(quotas) << quotas.error().what;
  EXPECT_EQ(quotas->at("group/x.0").bytes, 5000U);
  EXPECT_EQ(quotas->at("group/x.0").consumed, 70U);
  EXPECT_TRUE(read_counters({.family = "inet", .name = "elsewhere"})->empty());
}

TEST_F(Objects, of_more_than_one_message_come_whole) {
  std::string text;
  for (int i = 0; i < 3000; ++i)
    text += "add counter inet counts c" + std::to_string(i) + " { packets 0 bytes " + std::to_string(i) + " ; }\n";
  ASSERT_TRUE(nft::run(text));
  const auto counters = read_counters(kTable);
  ASSERT_TRUE(counters) << counters.error().what;
  EXPECT_EQ(counters->size(), 3000U);
  EXPECT_EQ(counters->at("c2999").bytes, 2999U);
}

TEST_F(Objects, connections_that_nobody_made_are_none) {
  const auto connections = tracked_connections(0x1, 0xffff);
  ASSERT_TRUE(connections) << connections.error().what;
  EXPECT_TRUE(connections->empty());
  const TrackedConnection gone{.protocol = Protocol::tcp,
                               .client = {*IpAddress::parse("192.0.2.1"), 5},
                               .listen = {*IpAddress::parse("192.0.2.2"), 80}};
  EXPECT_TRUE(forget_connections({gone})) << "one that has gone meanwhile";
}

TEST_F(Objects, a_probe_that_has_no_way_is_an_error) {
  const TcpProbe probe{.from = {*IpAddress::parse("192.0.2.1"), 5}, .to = {*IpAddress::parse("192.0.2.2"), 80}};
  const auto sent = send_probes(std::span{&probe, 1}, 1);
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().what, "ask 192.0.2.2:80: Network is unreachable");
}

}  // namespace
}  // namespace tidegate
