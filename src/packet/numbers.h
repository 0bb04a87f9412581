// Numbers of the headers that decode.cc reads: EtherTypes (IEEE 802 registry) and IP protocol numbers (IANA; RFC 8200,
// section 4 for those that are IPv6 extension headers).
#pragma once

#include <cstdint>

namespace tidegate::packet {

namespace ethertype {
inline constexpr std::uint16_t kFirst = 0x0600;  // below it the field is a length (IEEE 802.3) or Linux's own
inline constexpr std::uint16_t kIpv4 = 0x0800, kArp = 0x0806, kVlan = 0x8100, kIpv6 = 0x86dd, kServiceVlan = 0x88a8,
                               kOldServiceVlan = 0x9100;
}  // namespace ethertype

namespace next_header {
inline constexpr std::uint8_t kHopByHop = 0, kIcmp = 1, kTcp = 6, kUdp = 17, kRouting = 43, kFragment = 44,
                              kAuthentication = 51, kIcmp6 = 58, kDestinationOptions = 60, kMobility = 135, kHip = 139,
                              kShim6 = 140;
}  // namespace next_header

}  // namespace tidegate::packet
