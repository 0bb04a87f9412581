// Frames for tests, built layer by layer as they stand on the wire, with lengths and types filled in:
//
//     PacketBuilder{}.ethernet().vlan(3).ipv4("192.0.2.1", "192.0.2.2").udp(50311, 8211).payload(100).bytes()
//
// What a layer announces of the next one (EtherType, next header) is entered when the next one comes; lengths when
// bytes() is called, from each layer to the end. Both can be forged. IPv4 headers have their checksum, the rest zero.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "model/address.h"

namespace tidegate::test {

using Bytes = std::vector<std::uint8_t>;
using MacBytes = std::array<std::uint8_t, 6>;

inline constexpr MacBytes kClientMac{0x02, 0, 0, 0, 0, 0x01};
inline constexpr MacBytes kServerMac{0x02, 0, 0, 0, 0, 0x02};
inline constexpr MacBytes kBroadcastMac{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
inline constexpr MacBytes kMulticastMac{0x33, 0x33, 0, 0, 0, 0x01};

class PacketBuilder {
 public:
  // Link headers. None at all is raw IP.
  PacketBuilder& ethernet(const MacBytes& destination = kServerMac, const MacBytes& source = kClientMac) {
    append(destination);
    append(source);
    return announces_ethertype(put16(0));
  }
  PacketBuilder& vlan(std::uint16_t id, std::uint16_t type = 0x8100) {
    announce(type, 0);
    put16(id);
    return announces_ethertype(put16(0));
  }
  struct Cooked {
    std::uint16_t packet_type = 0;  // 0: to us, 1: broadcast, 2: multicast, 3: to another host, 4: from us
    std::uint16_t hardware = 1;     // ARPHRD_ETHER
    std::uint16_t address_length = 6;
    std::uint32_t interface = 2;  // version 2
  };
  PacketBuilder& sll() { return sll(Cooked{}); }
  PacketBuilder& sll(const Cooked& cooked) {
    put16(cooked.packet_type);
    put16(cooked.hardware);
    put16(cooked.address_length);
    append(kClientMac);
    put16(0);
    return announces_ethertype(put16(0));
  }
  PacketBuilder& sll2() { return sll2(Cooked{}); }
  PacketBuilder& sll2(const Cooked& cooked) {
    const auto protocol = put16(0);
    put16(0);
    put32(cooked.interface);
    put16(cooked.hardware);
    put8(static_cast<std::uint8_t>(cooked.packet_type));
    put8(static_cast<std::uint8_t>(cooked.address_length));
    append(kClientMac);
    put16(0);
    return announces_ethertype(protocol);
  }
  // The BSD loopback header: an address family, big-endian (DLT_LOOP, and DLT_NULL of such hosts) or little-endian.
  PacketBuilder& family(std::uint32_t family, bool big_endian) {
    if (big_endian) {
      put32(family);
    } else {
      for (unsigned shift = 0; shift < 32; shift += 8) put8(static_cast<std::uint8_t>(family >> shift));
    }
    return *this;
  }
  // An EtherType that nothing here builds, or a length as in IEEE 802.3.
  PacketBuilder& ethertype(std::uint16_t type) {
    announce(type, 0);
    return *this;
  }

  struct Arp {
    std::uint16_t operation = 1;  // 1: request, 2: reply
    std::uint16_t hardware = 1;
    std::uint16_t protocol = 0x0800;
    std::uint8_t hardware_bytes = 6;
    std::uint8_t protocol_bytes = 4;
  };
  PacketBuilder& arp(std::string_view sender, std::string_view target) { return arp(sender, target, Arp{}); }
  PacketBuilder& arp(std::string_view sender, std::string_view target, const Arp& arp) {
    announce(0x0806, 0);
    put16(arp.hardware);
    put16(arp.protocol);
    put8(arp.hardware_bytes);
    put8(arp.protocol_bytes);
    put16(arp.operation);
    append(kClientMac);
    address(sender);
    append(MacBytes{});
    address(target);
    return *this;
  }

  struct Ipv4 {
    std::size_t options = 0;        // bytes of options, a multiple of 4
    std::uint16_t fragment_at = 0;  // offset in units of 8 bytes
    bool more_fragments = false;
    std::optional<std::uint8_t> header_words = {};
    std::optional<std::uint16_t> total_length = {};
  };
  PacketBuilder& ipv4(std::string_view source, std::string_view destination) {
    return ipv4(source, destination, Ipv4{});
  }
  PacketBuilder& ipv4(std::string_view source, std::string_view destination, const Ipv4& ip) {
    announce(0x0800, 4);
    const auto start = bytes_.size();
    const auto words = ip.header_words.value_or(static_cast<std::uint8_t>(5 + ip.options / 4));
    put8(static_cast<std::uint8_t>(0x40 | words));
    put8(0);
    length_field(start, put16(ip.total_length.value_or(0)), ip.total_length.has_value());
    put16(0x1234);
    put16(static_cast<std::uint16_t>(ip.fragment_at | (ip.more_fragments ? 0x2000 : 0)));
    put8(64);
    announces_next_header(put8(0));
    put16(0);
    address(source);
    address(destination);
    bytes_.insert(bytes_.end(), ip.options, 0x01);  // no-operation
    ipv4_headers_.push_back({.at = start, .bytes = 20 + ip.options});
    return *this;
  }

  struct Ipv6 {
    std::optional<std::uint16_t> payload_length = {};
  };
  PacketBuilder& ipv6(std::string_view source, std::string_view destination) {
    return ipv6(source, destination, Ipv6{});
  }
  PacketBuilder& ipv6(std::string_view source, std::string_view destination, const Ipv6& ip) {
    announce(0x86dd, 41);
    put32(0x60000000);
    const auto length = put16(ip.payload_length.value_or(0));
    announces_next_header(put8(59));
    put8(64);
    address(source);
    address(destination);
    length_field(bytes_.size(), length, ip.payload_length.has_value());
    return *this;
  }

  // IPv6 extension headers; `units` is the length field, in units of 8 bytes beyond the first 8.
  PacketBuilder& hop_by_hop(std::uint8_t units = 0) { return extension(0, units); }
  PacketBuilder& routing(std::uint8_t units = 2) { return extension(43, units); }
  PacketBuilder& destination_options(std::uint8_t units = 0) { return extension(60, units); }
  PacketBuilder& mobility(std::uint8_t units = 0) { return extension(135, units); }
  PacketBuilder& host_identity(std::uint8_t units = 4) { return extension(139, units); }
  PacketBuilder& shim6(std::uint8_t units = 0) { return extension(140, units); }
  // `at` in units of 8 bytes.
  PacketBuilder& fragment(std::uint16_t at, bool more) {
    announce(0, 44);
    announces_next_header(put8(59));
    put8(0);
    put16(static_cast<std::uint16_t>(at << 3 | (more ? 1 : 0)));
    put32(0x01020304);
    return *this;
  }
  // Authentication header: its length field counts words of 4 bytes, less 2. Goes with IPv4 too.
  PacketBuilder& authentication(std::uint8_t words_less_2 = 4) {
    announce(0, 51);
    announces_next_header(put8(59));
    put8(words_less_2);
    bytes_.insert(bytes_.end(), (words_less_2 + 2u) * 4 - 2, 0);
    return *this;
  }
  // The hop-by-hop header of a jumbogram (RFC 2675).
  PacketBuilder& jumbo(std::uint32_t length) {
    announce(0, 0);
    announces_next_header(put8(59));
    put8(0);
    put16(0xc204);
    put32(length);
    return *this;
  }
  // A next header that nothing here builds, or that there is none (59).
  PacketBuilder& next_header(std::uint8_t number) {
    announce(0, number);
    return *this;
  }

  struct Tcp {
    std::size_t options = 0;  // bytes of options, a multiple of 4
    std::optional<std::uint8_t> header_words = {};
    std::uint32_t sequence = 1;
    std::optional<std::uint32_t> acknowledgement = {};  // none: 1 with the flag ACK, else 0
  };
  PacketBuilder& tcp(std::uint16_t source, std::uint16_t destination, std::uint8_t flags) {
    return tcp(source, destination, flags, Tcp{});
  }
  PacketBuilder& tcp(std::uint16_t source, std::uint16_t destination, std::uint8_t flags, const Tcp& tcp) {
    announce(0, 6);
    put16(source);
    put16(destination);
    put32(tcp.sequence);
    put32(tcp.acknowledgement.value_or((flags & 0x10) != 0 ? 1 : 0));
    put8(static_cast<std::uint8_t>(tcp.header_words.value_or(static_cast<std::uint8_t>(5 + tcp.options / 4)) << 4));
    put8(flags);
    put16(0xffff);
    put32(0);
    bytes_.insert(bytes_.end(), tcp.options, 0x01);
    return *this;
  }

  PacketBuilder& udp(std::uint16_t source, std::uint16_t destination, std::optional<std::uint16_t> length = {}) {
    announce(0, 17);
    const auto start = bytes_.size();
    put16(source);
    put16(destination);
    length_field(start, put16(length.value_or(0)), length.has_value());
    put16(0);
    return *this;
  }

  PacketBuilder& icmp(std::uint8_t type, std::uint8_t code = 0) { return control(1, type, code); }
  PacketBuilder& icmp6(std::uint8_t type, std::uint8_t code = 0) { return control(58, type, code); }

  PacketBuilder& payload(std::size_t bytes) {
    bytes_.insert(bytes_.end(), bytes, 0xa5);
    return *this;
  }
  PacketBuilder& payload(std::string_view text) {
    bytes_.insert(bytes_.end(), text.begin(), text.end());
    return *this;
  }

  // The frame. `at_least`: padded to that size behind the packet, as Ethernet does to 60 bytes.
  [[nodiscard]] Bytes bytes(std::size_t at_least = 0) const {
    Bytes frame = bytes_;
    for (const auto& [from, at] : lengths_) write16(frame, at, static_cast<std::uint16_t>(frame.size() - from));
    for (const auto& [at, size] : ipv4_headers_) write16(frame, at + 10, checksum(frame, at, size));
    if (frame.size() < at_least) frame.resize(at_least);
    return frame;
  }

 private:
  struct Length {
    std::size_t from;
    std::size_t at;
  };
  struct Header {
    std::size_t at;
    std::size_t bytes;
  };

  std::size_t put8(std::uint8_t value) {
    bytes_.push_back(value);
    return bytes_.size() - 1;
  }
  std::size_t put16(std::uint16_t value) {
    put8(static_cast<std::uint8_t>(value >> 8));
    return put8(static_cast<std::uint8_t>(value)) - 1;
  }
  void put32(std::uint32_t value) {
    put16(static_cast<std::uint16_t>(value >> 16));
    put16(static_cast<std::uint16_t>(value));
  }
  void append(const MacBytes& mac) { bytes_.insert(bytes_.end(), mac.begin(), mac.end()); }
  void address(std::string_view text) {
    const auto address = IpAddress::parse(text).value();
    bytes_.insert(bytes_.end(), address.bytes().begin(), address.bytes().end());
  }
  static void write16(Bytes& frame, std::size_t at, std::uint16_t value) {
    frame[at] = static_cast<std::uint8_t>(value >> 8);
    frame[at + 1] = static_cast<std::uint8_t>(value);
  }
  static std::uint16_t checksum(const Bytes& frame, std::size_t at, std::size_t bytes) {
    std::uint32_t sum = 0;
    for (std::size_t i = at; i < at + bytes; i += 2) sum += static_cast<std::uint32_t>(frame[i] << 8 | frame[i + 1]);
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
  }

  void length_field(std::size_t from, std::size_t at, bool forged) {
    if (!forged) lengths_.push_back({.from = from, .at = at});
  }
  PacketBuilder& announces_ethertype(std::size_t at) {
    ethertype_at_ = at;
    next_header_at_.reset();
    return *this;
  }
  void announces_next_header(std::size_t at) {
    next_header_at_ = at;
    ethertype_at_.reset();
  }
  void announce(std::uint16_t type, std::uint8_t next_header) {
    if (ethertype_at_) write16(bytes_, *ethertype_at_, type);
    if (next_header_at_) bytes_[*next_header_at_] = next_header;
    ethertype_at_.reset();
    next_header_at_.reset();
  }
  PacketBuilder& extension(std::uint8_t kind, std::uint8_t units) {
    announce(0, kind);
    announces_next_header(put8(59));
    put8(units);
    bytes_.insert(bytes_.end(), units * 8u + 6, 0);
    return *this;
  }
  PacketBuilder& control(std::uint8_t protocol, std::uint8_t type, std::uint8_t code) {
    announce(0, protocol);
    put8(type);
    put8(code);
    put16(0);
    put32(0);
    return *this;
  }

  Bytes bytes_;
  std::optional<std::size_t> ethertype_at_;  // where the last layer names the next one, if it does
  std::optional<std::size_t> next_header_at_;
  std::vector<Length> lengths_;
  std::vector<Header> ipv4_headers_;
};

}  // namespace tidegate::test
