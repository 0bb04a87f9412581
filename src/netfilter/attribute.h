// The attributes of a netlink message of netfilter's, read with their lengths checked.
#pragma once

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

namespace tidegate {

[[nodiscard]] inline std::span<const std::uint8_t> bytes_of(const nlattr* attribute) {
  return {static_cast<const std::uint8_t*>(::mnl_attr_get_payload(attribute)), ::mnl_attr_get_payload_len(attribute)};
}

// A structure at the beginning of the attribute; nothing where it is too short.
template <class Value>
[[nodiscard]] std::optional<Value> value_of(const nlattr* attribute) {
  const auto bytes = bytes_of(attribute);
  if (bytes.size() < sizeof(Value)) return std::nullopt;
  Value value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

// A number in network byte order; 0 where the attribute is too short.
[[nodiscard]] inline std::uint32_t number_of(const nlattr* attribute) {
  return ntohl(value_of<std::uint32_t>(attribute).value_or(0));
}

// What every message of netfilter's begins with; nothing where it is too short. The message itself is whole
// (mnl_nlmsg_ok).
[[nodiscard]] inline const nfgenmsg* netfilter_header(const nlmsghdr& message) {
  if (::mnl_nlmsg_get_payload_len(&message) < sizeof(nfgenmsg)) return nullptr;
  return static_cast<const nfgenmsg*>(::mnl_nlmsg_get_payload(&message));
}

// Calls `each` with every attribute of such a message, none of which reaches beyond it.
template <class Each>
void each_attribute(const nlmsghdr& message, Each each) {
  const auto* const end = reinterpret_cast<const std::uint8_t*>(&message) + message.nlmsg_len;
  for (const auto* attribute = static_cast<const nlattr*>(::mnl_nlmsg_get_payload_offset(&message, sizeof(nfgenmsg)));
       ::mnl_attr_ok(attribute, static_cast<int>(end - reinterpret_cast<const std::uint8_t*>(attribute)));
       attribute = ::mnl_attr_next(attribute)) {
    each(attribute);
  }
}

}  // namespace tidegate
