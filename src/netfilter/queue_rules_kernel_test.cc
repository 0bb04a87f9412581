// The rules and the monitor in this kernel, each test in a network namespace of its own.
#include <boost/asio/io_context.hpp>

#include "netfilter/batch.h"
#include "netfilter/monitor.h"
#include "netfilter/queue_rules.h"
#include "tests/support/network_lab.h"

namespace tidegate {
namespace {

using namespace std::chrono_literals;

const HeldPorts kWeb{.ports = {Protocol::tcp, 80, 89}, .address = IpAddress::parse("192.0.2.1").value()};
const HeldPorts kWeb6{.ports = {Protocol::udp, 53, 53}, .address = IpAddress::parse("2001:db8::1").value()};

class QueueRulesInKernel : public test::NetworkTest {
 protected:
  void SetUp() override {
    NetworkTest::SetUp();
    if (IsSkipped()) return;
    if (std::system("nft --version > /dev/null 2>&1") != 0) GTEST_SKIP() << "nft is not installed";
    const auto means = queue_means();
    if (!means) GTEST_SKIP() << means.error().what;
    means_ = *means;
  }

  static bool nft(const std::string& words) { return std::system(("nft " + words + " > /dev/null 2>&1").c_str()) == 0; }
  static bool has(const std::string& family) { return nft("list table " + family + " tidegate-hold"); }
  static bool holds(const std::string& family, const std::string& element) {
    return nft("get element " + family + " tidegate-hold held '{ " + element + " }'");
  }

  std::unique_ptr<QueueRules> open() {
    auto rules = QueueRules::open(io_.get_executor(), 7, means_, [this](const Result<>& done) {
      ++restored_;
      EXPECT_TRUE(done) << done.error().what;
    });
    EXPECT_TRUE(rules) << rules.error().what;
    return rules ? std::move(*rules) : nullptr;
  }

  boost::asio::io_context io_;
  QueueMeans means_;
  int restored_ = 0;
};

TEST_F(QueueRulesInKernel, are_there_for_families_that_have_ports_and_go_with_them) {
  const auto rules = open();
  ASSERT_TRUE(rules);
  EXPECT_FALSE(has("ip") || has("ip6"));
  ASSERT_TRUE(rules->set({kWeb}));
  EXPECT_TRUE(has("ip") && !has("ip6"));
  EXPECT_TRUE(holds("ip", "tcp . 192.0.2.1 . 85"));
  EXPECT_FALSE(holds("ip", "udp . 192.0.2.1 . 85") || holds("ip", "tcp . 192.0.2.1 . 90"));
  ASSERT_TRUE(rules->set({kWeb6}));
  EXPECT_FALSE(holds("ip", "tcp . 192.0.2.1 . 85"));
  EXPECT_TRUE(holds("ip6", "udp . 2001:db8::1 . 53"));
  EXPECT_TRUE(has("ip")) << "packets may wait";
  rules->clear_unused();
  EXPECT_TRUE(!has("ip") && has("ip6"));
}

TEST_F(QueueRulesInKernel, take_thousands_of_ports_in_one_change) {
  const auto rules = open();
  ASSERT_TRUE(rules);
  std::vector<HeldPorts> many;
  for (std::uint16_t port = 1; port < 10'000; port += 2) {
    many.push_back({.ports = {Protocol::tcp, port, port}, .address = kWeb.address});
  }
  const auto set = rules->set(many);
  ASSERT_TRUE(set) << set.error().what;
  EXPECT_TRUE(holds("ip", "tcp . 192.0.2.1 . 9999") && !holds("ip", "tcp . 192.0.2.1 . 9998"));
  ASSERT_TRUE(rules->set({kWeb}));
  EXPECT_FALSE(holds("ip", "tcp . 192.0.2.1 . 9999"));
}

TEST_F(QueueRulesInKernel, are_nobody_else_s_to_change_and_go_with_their_owner) {
  if (!means_.owned) GTEST_SKIP() << "tables cannot be owned here";
  auto rules = open();
  ASSERT_TRUE(rules && rules->set({kWeb, kWeb6}));
  EXPECT_TRUE(nft("flush ruleset"));
  EXPECT_TRUE(has("ip") && has("ip6"));
  const auto second = QueueRules::open(io_.get_executor(), 8, means_, {});
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().what.find("another tidegate has it"), std::string::npos) << second.error().what;
  rules.reset();
  EXPECT_FALSE(has("ip") || has("ip6"));
}

TEST_F(QueueRulesInKernel, are_put_back_where_they_cannot_be_owned) {
  means_.owned = false;
  const auto rules = open();
  ASSERT_TRUE(rules && rules->set({kWeb}));
  for (const auto* const how : {"flush ruleset", "delete chain ip tidegate-hold leaving"}) {
    const int before = restored_;
    ASSERT_TRUE(nft(how)) << how;
    for (int turn = 0; turn < 1000 && restored_ == before; ++turn) io_.run_one_for(10ms);
    EXPECT_EQ(restored_, before + 1) << how;
    EXPECT_TRUE(holds("ip", "tcp . 192.0.2.1 . 85") && nft("list chain ip tidegate-hold leaving")) << how;
  }
}

TEST_F(QueueRulesInKernel, replace_what_a_crash_left_behind) {
  ASSERT_TRUE(nft("add table ip tidegate-hold"));
  means_.owned = false;
  const auto rules = open();
  ASSERT_TRUE(rules);
  EXPECT_FALSE(has("ip"));
}

}  // namespace
}  // namespace tidegate
