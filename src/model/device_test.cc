#include "model/device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tidegate {
namespace {

TEST(Device, has_a_name_that_the_kernel_takes_as_it_is) {
  for (const std::string_view good : {"tun0", "tap-home.1", "abcdefghijklmno"}) {
    EXPECT_TRUE(check_device_name(good)) << good;
  }
  for (const std::string_view bad :
       {"", "€", ".", "..", "any", "abcdefghijklmnop", "tun%d", "a/b", "a b", "a:1", "a\n"}) {
    EXPECT_FALSE(check_device_name(bad)) << bad;
  }
  EXPECT_THAT(check_device_name("abcdefghijklmnop").error().what,
              ::testing::HasSubstr("\"abcdefghijklmnop\" is not the name of a tun or tap device (1 to 15 characters"));
}

TEST(Device, is_a_tun_or_a_tap) {
  EXPECT_EQ(parse_device_mode("tun").value(), DeviceMode::tun);
  EXPECT_EQ(parse_device_mode("tap").value(), DeviceMode::tap);
  EXPECT_EQ(to_string(DeviceMode::tap), "tap");
  EXPECT_THAT(parse_device_mode("bridge").error().what, ::testing::HasSubstr("allowed: tun or tap"));
}

}  // namespace
}  // namespace tidegate
