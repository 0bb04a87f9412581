// Bytes of a captured frame → headers: bounds-checked, without allocation.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string_view>

#include "model/address.h"
#include "model/sample.h"

namespace tidegate::packet {

// Link-layer header types by their numbers in libpcap (https://www.tcpdump.org/linktypes.html).
enum class LinkType : std::uint16_t {
  null = 0,
  ethernet = 1,
  raw = 12,
  raw_101 = 101,
  loop = 108,
  linux_sll = 113,
  ipv4 = 228,
  ipv6 = 229,
  linux_sll2 = 276
};

// The link type of that number, as pcap_datalink(3) gives it; nothing for those that decode() does not read.
[[nodiscard]] std::optional<LinkType> link_type(int number);

// Why a frame could not be read to its transport header. `cut` is a short capture, the others are the sender's doing.
enum class Reject : std::uint8_t {
  cut_link,
  cut_vlan,
  too_many_vlans,
  cut_arp,
  bad_arp,  // not a request or reply of Ethernet and IPv4
  cut_ip,
  bad_ip_version,
  bad_ip_length,  // the header's, the packet's, or an extension header's that reaches beyond the packet
  cut_extension,
  too_many_extensions,
  cut_transport,
  bad_transport_length,
  unknown_link,
};
[[nodiscard]] std::string_view to_string(Reject reject);

using Mac = std::array<std::uint8_t, 6>;

struct Headers {
  std::optional<Mac> source_mac;
  std::optional<Mac> destination_mac;
  std::array<std::uint16_t, 2> vlan{};  // VLAN identifiers, outermost first
  std::uint8_t vlans = 0;
  std::uint16_t ethertype = 0;  // of the payload, behind VLAN tags; 0 where the link type has none
  Cast cast = Cast::unicast;
  Direction direction = Direction::unknown;  // where the link type tells (cooked)
  std::uint32_t interface = 0;               // cooked v2

  std::uint8_t ip_version = 0;  // 4, 6; 0: not IP
  IpAddress source;             // IP, or ARP's sender and target protocol addresses
  IpAddress destination;
  std::uint8_t next_header = 0;  // the transport, behind every extension header
  bool later_fragment = false;   // not the first: no ports
  bool arp = false;

  Protocol protocol = Protocol::other;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint8_t tcp_flags = 0;
  std::uint32_t tcp_sequence = 0;         // of the segment's first byte, its SYN's where it has one
  std::uint32_t tcp_acknowledgement = 0;  // means something with the flag ACK only
  std::uint8_t icmp_type = 0;
  std::uint32_t ip_bytes = 0;    // from the network header on, as the header says (not as captured)
  std::uint32_t payload = 0;     // behind the TCP or UDP header, as the header says; in a fragment: this one's part
  std::uint32_t payload_at = 0;  // where in the frame it begins, captured or not; 0 without such a header

  bool operator==(const Headers&) const = default;
};

// Reads one frame as captured (it may be cut short) with its length on the wire, which is taken to be no less than what
// was captured. Frames that are neither IP nor ARP give Headers with protocol other and no addresses, and in `ip_bytes`
// what was sent behind the link header. Headers are all by value: `frame` is not kept. For a shorter capture of the
// same frame the answer is the same, or a `cut`.
[[nodiscard]] std::expected<Headers, Reject> decode(std::span<const std::uint8_t> frame, LinkType link,
                                                    std::uint32_t wire_length);

// As much of the TCP or UDP payload as was captured: bytes of `frame`, of which `headers` were read.
[[nodiscard]] std::span<const std::uint8_t> captured_payload(const Headers& headers,
                                                             std::span<const std::uint8_t> frame);

// What of the headers a gate needs to know.
[[nodiscard]] Sample to_sample(const Headers& headers, Now at);

}  // namespace tidegate::packet
