#include "sensor/link_drops.h"

#include <gtest/gtest.h>

#include "tests/support/network_lab.h"

namespace tidegate {
namespace {

using LinkDropsTest = test::NetworkTest;

TEST_F(LinkDropsTest, are_none_on_an_interface_just_made) {
  make_pair("client", "server");
  const auto drops = link_drops(index_of("server"));
  ASSERT_TRUE(drops) << drops.error().what;
  EXPECT_EQ(*drops, 0u);
}

TEST_F(LinkDropsTest, of_an_interface_that_is_not_there_are_an_error_in_the_kernel_s_words) {
  const auto drops = link_drops(4711);
  ASSERT_FALSE(drops);
  EXPECT_EQ(drops.error().what, "statistics of interface 4711: No such device");
  EXPECT_EQ(drops.error().code, ENODEV);
}

TEST(LinkDrops, of_no_interface_are_an_error) { EXPECT_FALSE(link_drops(0)); }

}  // namespace
}  // namespace tidegate
