// Messages of nfnetlink_log for tests, as the kernel writes them:
//
//     NflogMessage{7, NFPROTO_IPV4, 0x0800, NF_INET_LOCAL_IN}.number(NFULA_IFINDEX_INDEV, 2).payload(bytes)
#pragma once

#include <arpa/inet.h>
#include <endian.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netfilter_arp.h>

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace tidegate::test {

class NflogMessage {
 public:
  NflogMessage(std::uint16_t group, std::uint8_t family, std::uint16_t protocol, std::uint8_t hook) {
    auto* const header = ::mnl_nlmsg_put_header(room_.data());
    header->nlmsg_type = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET;
    auto* const about = static_cast<nfgenmsg*>(::mnl_nlmsg_put_extra_header(header, sizeof(nfgenmsg)));
    *about = {.nfgen_family = family, .version = NFNETLINK_V0, .res_id = htons(group)};
    const nfulnl_msg_packet_hdr packet{.hw_protocol = htons(protocol), .hook = hook, ._pad = 0};
    ::mnl_attr_put(header, NFULA_PACKET_HDR, sizeof packet, &packet);
  }

  NflogMessage& number(std::uint16_t attribute, std::uint32_t value) {
    ::mnl_attr_put_u32(message(), attribute, htonl(value));
    return *this;
  }
  NflogMessage& number16(std::uint16_t attribute, std::uint16_t value) {
    ::mnl_attr_put_u16(message(), attribute, htons(value));
    return *this;
  }
  NflogMessage& at(std::uint64_t seconds, std::uint64_t microseconds) {
    const nfulnl_msg_packet_timestamp stamp{.sec = htobe64(seconds), .usec = htobe64(microseconds)};
    ::mnl_attr_put(message(), NFULA_TIMESTAMP, sizeof stamp, &stamp);
    return *this;
  }
  NflogMessage& bytes(std::uint16_t attribute, std::span<const std::uint8_t> value) {
    ::mnl_attr_put(message(), attribute, value.size(), value.data());
    return *this;
  }
  // As a network interface of that kind had it.
  NflogMessage& link_header(std::span<const std::uint8_t> header, std::uint16_t hardware = 1) {
    number16(NFULA_HWTYPE, hardware);
    return bytes(NFULA_HWHEADER, header);
  }
  NflogMessage& vlan(std::uint16_t type, std::uint16_t value) {
    auto* const nest = ::mnl_attr_nest_start(message(), NFULA_VLAN);
    number16(NFULA_VLAN_TCI, value);
    number16(NFULA_VLAN_PROTO, type);
    ::mnl_attr_nest_end(message(), nest);
    return *this;
  }
  NflogMessage& payload(std::span<const std::uint8_t> packet) { return bytes(NFULA_PAYLOAD, packet); }

  [[nodiscard]] nlmsghdr* message() { return reinterpret_cast<nlmsghdr*>(room_.data()); }
  [[nodiscard]] std::span<const std::uint8_t> whole() {
    return {reinterpret_cast<const std::uint8_t*>(room_.data()), message()->nlmsg_len};
  }

 private:
  alignas(nlmsghdr) std::array<char, 32 << 10> room_{};
};

}  // namespace tidegate::test
