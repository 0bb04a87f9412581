#include "host/addresses.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tidegate {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Field;

TEST(HostAddresses, are_those_of_the_interfaces) {
  const auto all = host_addresses();
  ASSERT_TRUE(all) << all.error().what;
  EXPECT_THAT(*all, Contains(AllOf(Field(&HostAddress::interface, "lo"),
                                   Field(&HostAddress::address, IpAddress::parse("127.0.0.1").value()))));
}

}  // namespace
}  // namespace tidegate
