// See describe.h. Names are those of IANA's protocol numbers, as tuninetd prints them, and of the EtherType registry.
#include "packet/describe.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "packet/numbers.h"

namespace tidegate::packet {
namespace {

template <class Number>
using Name = std::pair<Number, std::string_view>;

constexpr Name<std::uint8_t> kNextHeaders[] = {
    {0, "HOPOPT"}, {1, "ICMP"},   {2, "IGMP"},   {4, "IPv4"},        {6, "TCP"},         {8, "EGP"},
    {17, "UDP"},   {33, "DCCP"},  {41, "IPv6"},  {43, "IPv6-Route"}, {44, "IPv6-Frag"},  {46, "RSVP"},
    {47, "GRE"},   {50, "ESP"},   {51, "AH"},    {58, "IPv6-ICMP"},  {59, "IPv6-NoNxt"}, {60, "IPv6-Opts"},
    {88, "EIGRP"}, {89, "OSPF"},  {94, "IPIP"},  {97, "ETHERIP"},    {103, "PIM"},       {108, "IPComp"},
    {112, "VRRP"}, {115, "L2TP"}, {132, "SCTP"}, {135, "Mobility"},  {136, "UDPLite"},   {137, "MPLS-in-IP"},
    {139, "HIP"},  {140, "Shim6"}};

constexpr Name<std::uint16_t> kEthertypes[] = {{ethertype::kIpv4, "IPv4"},
                                               {ethertype::kArp, "ARP"},
                                               {0x0842, "Wake-on-LAN"},
                                               {0x8035, "RARP"},
                                               {ethertype::kVlan, "802.1Q"},
                                               {ethertype::kIpv6, "IPv6"},
                                               {0x8808, "MAC Control"},
                                               {0x8809, "LACP"},
                                               {0x8847, "MPLS"},
                                               {0x8848, "MPLS multicast"},
                                               {0x8863, "PPPoE Discovery"},
                                               {0x8864, "PPPoE Session"},
                                               {0x888e, "802.1X"},
                                               {ethertype::kServiceVlan, "802.1ad"},
                                               {0x88cc, "LLDP"},
                                               {0x88e5, "MACsec"},
                                               {0x88f7, "PTP"}};

template <class Number, std::size_t N>
std::string_view name_of(Number number, const Name<Number> (&names)[N]) {
  const auto* found = std::ranges::find(names, number, &Name<Number>::first);
  return found == std::end(names) ? "unknown" : found->second;
}

std::string mac_text(const std::optional<Mac>& mac) { return mac ? fmt::format("{:02x}", fmt::join(*mac, ":")) : "-"; }

std::string ethertype_text(const Headers& headers) {
  if (headers.ethertype == 0) return "EtherType: none";
  return fmt::format("EtherType: 0x{:04X} ({})", headers.ethertype, name_of(headers.ethertype, kEthertypes));
}

}  // namespace

std::string describe_network(const Headers& headers) {
  if (headers.arp) return fmt::format("ARP {} > {}", headers.source.to_string(), headers.destination.to_string());
  if (headers.ip_version == 0) return fmt::format("no IP, {}", ethertype_text(headers));
  return fmt::format("IPv{} {} > {}, NXT_HDR: 0x{:02X} ({})", headers.ip_version, headers.source.to_string(),
                     headers.destination.to_string(), headers.next_header, name_of(headers.next_header, kNextHeaders));
}

std::string describe_link(const Headers& headers) {
  if (!headers.source_mac && !headers.destination_mac) return {};
  std::string tags;
  if (headers.vlans == 2) tags = fmt::format("QinQ VID: {}, ", headers.vlan[0]);
  if (headers.vlans > 0) tags += fmt::format("802.1Q VID: {}, ", headers.vlan[headers.vlans - 1]);
  return fmt::format("MAC: {} > {}, {}{}", mac_text(headers.source_mac), mac_text(headers.destination_mac), tags,
                     ethertype_text(headers));
}

std::vector<std::string> describe_lines(const Headers& headers) {
  std::vector<std::string> lines{"|- " + describe_network(headers)};
  if (const auto link = describe_link(headers); !link.empty()) lines.push_back("|- " + link);
  return lines;
}

}  // namespace tidegate::packet
