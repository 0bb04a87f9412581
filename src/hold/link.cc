// See link.h.
#include "hold/link.h"

#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <span>

#include "base/check.h"
#include "sensor/netlink.h"

namespace tidegate {
namespace {

constexpr std::size_t kMostAttribute = 64;

// A request about one interface with at most one attribute of text behind.
struct LinkRequest {
  nlmsghdr header{};
  ifinfomsg link{};
  rtattr attribute{};
  std::array<char, kMostAttribute> text{};

  LinkRequest(std::uint16_t type, std::uint16_t flags) {
    header = {.nlmsg_len = NLMSG_LENGTH(sizeof link),
              .nlmsg_type = type,
              .nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags),
              .nlmsg_seq = 1,
              .nlmsg_pid = 0};
    link.ifi_family = AF_UNSPEC;
  }

  void add(std::uint16_t what, std::string_view value) {
    TIDEGATE_CHECK(value.size() < text.size());
    attribute = {.rta_len = static_cast<std::uint16_t>(RTA_LENGTH(value.size() + 1)), .rta_type = what};
    value.copy(text.data(), value.size());
    header.nlmsg_len += RTA_ALIGN(attribute.rta_len);
  }

  [[nodiscard]] std::span<const std::byte> bytes() const {
    return std::as_bytes(std::span{this, 1}).first(header.nlmsg_len);
  }
};

// Calls `each` with the attributes one after the other.
template <class Each>
void walk(const rtattr* attribute, std::size_t bytes, Each each) {
  auto left = static_cast<unsigned>(bytes);
  for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) each(*attribute);
}

// The attributes inside of one.
template <class Each>
void walk_inside(const rtattr& outer, Each each) {
  walk(static_cast<const rtattr*>(RTA_DATA(&outer)), RTA_PAYLOAD(&outer), each);
}

std::string text_of(const rtattr& attribute) {
  const auto* const text = static_cast<const char*>(RTA_DATA(&attribute));
  return {text, ::strnlen(text, RTA_PAYLOAD(&attribute))};
}

std::uint8_t byte_of(const rtattr& attribute) {
  return RTA_PAYLOAD(&attribute) > 0 ? *static_cast<const std::uint8_t*>(RTA_DATA(&attribute)) : std::uint8_t{0};
}

void read_tun(const rtattr& attribute, Link& link) {
  switch (attribute.rta_type) {
    case IFLA_TUN_TYPE:
      link.mode = byte_of(attribute) == IFF_TAP ? DeviceMode::tap : DeviceMode::tun;
      break;
    case IFLA_TUN_MULTI_QUEUE:
      link.several_queues = byte_of(attribute) != 0;
      break;
    default:
      break;
  }
}

// The kernel names the kind before it tells of it.
void read_kind(const rtattr& attribute, Link& link) {
  if (attribute.rta_type == IFLA_INFO_KIND) link.kind = text_of(attribute);
  if (attribute.rta_type == IFLA_INFO_DATA && link.kind == "tun")
    walk_inside(attribute, [&](const rtattr& own) { read_tun(own, link); });
}

}  // namespace

Link read_link(const nlmsghdr& message) {
  Link link;
  const auto* const head = static_cast<const ifinfomsg*>(NLMSG_DATA(&message));
  link.index = head->ifi_index;
  walk(IFLA_RTA(head), message.nlmsg_len - NLMSG_LENGTH(sizeof *head), [&](const rtattr& attribute) {
    if (attribute.rta_type == IFLA_IFALIAS) link.alias = text_of(attribute);
    if (attribute.rta_type == IFLA_LINKINFO) walk_inside(attribute, [&](const rtattr& info) { read_kind(info, link); });
  });
  return link;
}

Result<std::optional<Link>> find_link(const std::string& name) {
  LinkRequest request{RTM_GETLINK, 0};
  request.add(IFLA_IFNAME, name);
  std::optional<Link> found;
  const auto answered =
      ask_kernel("look for interface " + name, NETLINK_ROUTE, request.bytes(), [&](const nlmsghdr& message) {
        if (message.nlmsg_type == RTM_NEWLINK) found = read_link(message);
      });
  if (answered) return found;
  if (answered.error().code == ENODEV) return std::nullopt;
  return std::unexpected{answered.error()};
}

Result<> set_link_up(const std::string& name, int index, std::string_view alias) {
  LinkRequest request{RTM_SETLINK, NLM_F_ACK};
  request.link.ifi_index = index;
  request.link.ifi_flags = IFF_UP;
  request.link.ifi_change = IFF_UP;
  if (!alias.empty()) request.add(IFLA_IFALIAS, alias);
  return ask_kernel(fmt::format("set {} up", name), NETLINK_ROUTE, request.bytes(), [](const nlmsghdr&) {});
}

}  // namespace tidegate
