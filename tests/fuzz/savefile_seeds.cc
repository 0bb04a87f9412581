// savefile_seeds DIRECTORY: writes savefiles of every kind as inputs of savefile_fuzz.cc, right and wrong ones.
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "tests/fuzz/seeds.h"
#include "tests/support/packet_builder.h"
#include "tests/support/savefile_bytes.h"

namespace {

using namespace tidegate::test;

std::vector<Bytes> seeds() {
  const auto frame = PacketBuilder{}.ethernet().ipv4("192.0.2.1", "192.0.2.10").udp(1000, 53).payload(20).bytes();
  const auto other = PacketBuilder{}.ethernet().ipv6("2001:db8::1", "2001:db8::2").tcp(1000, 80, 2).bytes();
  const std::vector<SavedPacket> packets{
      {.nanoseconds = 1'700'000'000'123'456'789, .frame = frame, .wire_length = 1500},
      {.nanoseconds = 1'600'000'000'000'000'000, .frame = other},
      {.nanoseconds = 1'700'000'001'000'000'000, .frame = Bytes(frame.begin(), frame.begin() + 20)},
  };
  constexpr std::uint32_t kEthernet = 1;
  constexpr std::uint32_t kRaw = 101;
  constexpr std::uint32_t kCooked = 113;
  std::vector<Bytes> all{{}};
  for (const bool big_endian : {false, true}) {
    for (const bool nanoseconds : {false, true}) {
      all.push_back(pcap_bytes(kEthernet, packets, {.big_endian = big_endian, .nanoseconds = nanoseconds}));
    }
    all.push_back(pcapng_bytes(kEthernet, packets, {.big_endian = big_endian}));
  }
  all.push_back(pcap_bytes(kRaw, packets));
  all.push_back(pcap_bytes(kCooked, packets));
  all.push_back(pcap_bytes(kEthernet, {}, {.snap_length = 0}));
  all.push_back(pcap_bytes(147, packets));  // a link type of somebody's own
  auto cut = all[1];
  cut.resize(cut.size() - 7);
  all.push_back(std::move(cut));
  return all;
}

}  // namespace

int main(int argc, char** argv) { return write_seeds({argv, static_cast<std::size_t>(argc)}, seeds()); }
