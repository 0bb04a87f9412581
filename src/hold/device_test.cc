#include "hold/device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>

#include <array>
#include <string_view>

namespace tidegate {
namespace {

using ::testing::StrEq;
using namespace std::string_view_literals;

const DeviceSettings kTun{.name = "tun0", .mode = DeviceMode::tun};

std::string refused(int code, const std::optional<Link>& there, const DeviceSettings& settings = kTun) {
  const auto error = refusal(code, settings, there);
  EXPECT_EQ(error.code, code);
  return error.what;
}

TEST(Device, says_who_stands_in_its_way) {
  const Link tun{.index = 2, .kind = "tun", .mode = DeviceMode::tun, .alias = {}};
  EXPECT_THAT(refused(EBUSY, tun), StrEq("take tun device tun0: Device or resource busy (another process holds it)"));
  EXPECT_THAT(refused(EPERM, {}), StrEq("take tun device tun0: Operation not permitted (needs CAP_NET_ADMIN)"));
  EXPECT_THAT(refused(EPERM, tun),
              StrEq("take tun device tun0: Operation not permitted (it is another user's; needs CAP_NET_ADMIN)"));
  EXPECT_THAT(refused(EINVAL, Link{.index = 3, .kind = "veth", .mode = {}, .alias = {}}),
              StrEq("take tun device tun0: Invalid argument (there is an interface of that name, and it is neither tun "
                    "nor tap)"));
  EXPECT_THAT(refused(EINVAL, tun, {.name = "tun0", .mode = DeviceMode::tap}),
              StrEq("take tap device tun0: Invalid argument (it is a tun device)"));
  Link shared = tun;
  shared.several_queues = true;
  EXPECT_THAT(refused(EINVAL, shared), ::testing::HasSubstr("several queues (multi_queue)"));
  EXPECT_THAT(refused(EINVAL, {}), StrEq("take tun device tun0: Invalid argument"));
}

// An RTM_NEWLINK message, put together as the kernel does it.
class Message {
 public:
  Message() {
    header()->nlmsg_type = RTM_NEWLINK;
    header()->nlmsg_len = NLMSG_LENGTH(sizeof(ifinfomsg));
    static_cast<ifinfomsg*>(NLMSG_DATA(header()))->ifi_index = 7;
  }

  // Inside of the attribute that begins at `outer`, if there is one.
  std::size_t add(std::uint16_t type, std::string_view value, std::initializer_list<std::size_t> outer = {}) {
    const std::size_t at = header()->nlmsg_len;
    auto* const attribute = attribute_at(at);
    attribute->rta_type = type;
    attribute->rta_len = static_cast<std::uint16_t>(RTA_LENGTH(value.size()));
    value.copy(static_cast<char*>(RTA_DATA(attribute)), value.size());
    const auto padded = static_cast<std::uint16_t>(RTA_ALIGN(attribute->rta_len));
    header()->nlmsg_len += padded;
    for (const std::size_t around : outer)
      attribute_at(around)->rta_len = static_cast<std::uint16_t>(attribute_at(around)->rta_len + padded);
    return at;
  }

  void cut_to(std::uint32_t bytes) { header()->nlmsg_len = bytes; }

  [[nodiscard]] const nlmsghdr& get() const { return *reinterpret_cast<const nlmsghdr*>(bytes_.data()); }

 private:
  nlmsghdr* header() { return reinterpret_cast<nlmsghdr*>(bytes_.data()); }
  rtattr* attribute_at(std::size_t at) { return reinterpret_cast<rtattr*>(bytes_.data() + at); }

  alignas(nlmsghdr) std::array<char, 512> bytes_{};
};

Message tap_message() {
  Message message;
  message.add(IFLA_IFNAME, "tap0\0"sv);
  message.add(IFLA_IFALIAS, "of somebody\0"sv);
  const auto info = message.add(IFLA_LINKINFO, {});
  message.add(IFLA_INFO_KIND, "tun\0"sv, {info});
  const auto data = message.add(IFLA_INFO_DATA, {}, {info});
  message.add(IFLA_TUN_TYPE, "\2", {info, data});
  message.add(IFLA_TUN_MULTI_QUEUE, "\1", {info, data});
  return message;
}

TEST(Link, is_read_from_the_kernels_answer) {
  const Link expected{
      .index = 7, .kind = "tun", .mode = DeviceMode::tap, .several_queues = true, .alias = "of somebody"};
  EXPECT_EQ(read_link(tap_message().get()), expected);
}

TEST(Link, that_is_no_tun_has_no_mode) {
  Message message;
  const auto info = message.add(IFLA_LINKINFO, {});
  message.add(IFLA_INFO_KIND, "veth\0"sv, {info});
  EXPECT_EQ(read_link(message.get()), (Link{.index = 7, .kind = "veth", .mode = {}, .alias = {}}));
}

TEST(Link, is_read_within_bounds_wherever_the_answer_ends) {
  auto message = tap_message();
  for (std::uint32_t bytes = message.get().nlmsg_len; bytes >= NLMSG_LENGTH(sizeof(ifinfomsg)); --bytes) {
    message.cut_to(bytes);
    EXPECT_EQ(read_link(message.get()).index, 7);
  }
}

}  // namespace
}  // namespace tidegate
