// nflog_seeds DIRECTORY: writes messages of nfnetlink_log as inputs of nflog_fuzz.cc: of each family and hook, with and
// without link headers and tags.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tests/fuzz/seeds.h"
#include "tests/support/nflog_bytes.h"
#include "tests/support/packet_builder.h"

namespace {

using tidegate::test::Bytes;
using tidegate::test::NflogMessage;
using tidegate::test::PacketBuilder;

std::vector<NflogMessage> seeds() {
  const auto v4 = PacketBuilder{}.ipv4("192.0.2.1", "192.0.2.2").udp(1, 53).payload(20).bytes();
  const auto v6 = PacketBuilder{}.ipv6("2001:db8::1", "2001:db8::2").tcp(1, 80, 2).bytes();
  const auto arp = PacketBuilder{}.ethernet().arp("192.0.2.1", "192.0.2.2").bytes();
  const auto header = PacketBuilder{}.ethernet().ethertype(0x0800).bytes();
  const auto tagged = PacketBuilder{}.ethernet().vlan(3).ethertype(0x0800).bytes();
  std::vector<NflogMessage> all;
  all.reserve(5);
  all.push_back(NflogMessage{1, NFPROTO_IPV4, 0x0800, NF_INET_LOCAL_IN}
                    .number(NFULA_IFINDEX_INDEV, 2)
                    .at(1'700'000'000, 1)
                    .number(NFULA_SEQ, 1)
                    .link_header(header)
                    .payload(v4));
  all.push_back(NflogMessage{1, NFPROTO_IPV6, 0x86dd, NF_INET_LOCAL_OUT}.number(NFULA_IFINDEX_OUTDEV, 2).payload(v6));
  all.push_back(NflogMessage{1, NFPROTO_ARP, 0x0806, NF_ARP_OUT}.payload(arp));
  all.push_back(NflogMessage{1, NFPROTO_BRIDGE, 0x0800, NF_INET_FORWARD}
                    .link_header(header)
                    .vlan(0x8100, 5)
                    .bytes(NFULA_L2HDR, tagged)
                    .payload(v4));
  all.push_back(NflogMessage{1, NFPROTO_NETDEV, 0x0806, NF_NETDEV_EGRESS}.payload(arp));
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::span<const std::uint8_t>> wholes;
  auto messages = seeds();
  wholes.reserve(messages.size());
  for (auto& message : messages) wholes.push_back(message.whole());
  return tidegate::test::write_seeds({argv, static_cast<std::size_t>(argc)}, wholes);
}
