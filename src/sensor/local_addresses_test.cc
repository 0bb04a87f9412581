#include "sensor/local_addresses.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

#include "tests/support/network_lab.h"

namespace tidegate {
namespace {

using std::chrono::seconds;
using testing::Contains;
using testing::Not;
using testing::UnorderedElementsAre;

IpAddress address(std::string_view text) { return IpAddress::parse(text).value(); }

class LocalAddressesTest : public test::NetworkTest {
 protected:
  // Follows the addresses until there is news.
  void next() {
    const auto before = changes;
    while (changes == before && io.run_one_for(seconds{5}) != 0) {
    }
    ASSERT_GT(changes, before);
  }

  void watch() {
    auto watched = LocalAddresses::watch(io.get_executor(), [this](const std::vector<IpAddress>& now) {
      addresses = now;
      ++changes;
    });
    ASSERT_TRUE(watched) << watched.error().what;
    watcher = std::move(*watched);
  }

 public:
  boost::asio::io_context io;
  std::unique_ptr<LocalAddresses> watcher;
  std::vector<IpAddress> addresses;
  int changes = 0;
};

TEST_F(LocalAddressesTest, tells_those_of_today_at_once) {
  watch();
  EXPECT_EQ(changes, 1);
  EXPECT_THAT(addresses, UnorderedElementsAre(address("127.0.0.1"), address("::1")));
}

TEST_F(LocalAddressesTest, tells_when_an_address_comes_and_when_it_goes) {
  watch();
  ip("address add 192.0.2.10/24 dev lo");
  next();
  EXPECT_THAT(addresses, Contains(address("192.0.2.10")));
  ip("address add 2001:db8::10/64 dev lo");
  next();
  EXPECT_THAT(addresses, Contains(address("2001:db8::10")));
  ip("address del 192.0.2.10/24 dev lo");
  next();
  EXPECT_THAT(addresses, Not(Contains(address("192.0.2.10"))));
  EXPECT_THAT(addresses, Contains(address("2001:db8::10")));
}

TEST_F(LocalAddressesTest, tells_a_burst_of_changes_once) {
  watch();
  for (int i = 1; i <= 20; ++i) ip(fmt::format("address add 192.0.2.{}/32 dev lo", i));
  next();
  EXPECT_EQ(changes, 2);
  EXPECT_EQ(addresses.size(), 22u);
}

TEST_F(LocalAddressesTest, says_nothing_when_the_same_address_is_only_renewed) {
  watch();
  ip("address change 127.0.0.1/8 dev lo valid_lft 1000 preferred_lft 1000");
  io.run_one_for(seconds{5});
  EXPECT_EQ(changes, 1);
}

TEST_F(LocalAddressesTest, is_silent_once_it_is_gone) {
  watch();
  ip("address add 192.0.2.10/24 dev lo");
  watcher.reset();
  io.poll();
  EXPECT_EQ(changes, 1);
}

}  // namespace
}  // namespace tidegate
