// savefile_seeds DIRECTORY: writes savefiles of every kind as inputs of savefile_fuzz.cc, right and wrong ones.
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "tests/support/packet_builder.h"
#include "tests/support/savefile_bytes.h"

int main(int argc, char** argv) {
  using namespace tidegate::test;
  if (argc != 2) {
    std::fputs("usage: savefile_seeds DIRECTORY\n", stderr);
    return 2;
  }
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
  std::vector<Bytes> seeds{{}};
  for (const bool big_endian : {false, true}) {
    for (const bool nanoseconds : {false, true}) {
      seeds.push_back(pcap_bytes(kEthernet, packets, {.big_endian = big_endian, .nanoseconds = nanoseconds}));
    }
    seeds.push_back(pcapng_bytes(kEthernet, packets, {.big_endian = big_endian}));
  }
  seeds.push_back(pcap_bytes(kRaw, packets));
  seeds.push_back(pcap_bytes(kCooked, packets));
  seeds.push_back(pcap_bytes(kEthernet, {}, {.snap_length = 0}));
  seeds.push_back(pcap_bytes(147, packets));  // a link type of somebody's own
  auto cut = seeds[1];
  cut.resize(cut.size() - 7);
  seeds.push_back(std::move(cut));

  int number = 0;
  for (const auto& seed : seeds) {
    std::ofstream stream{std::filesystem::path{argv[1]} / std::to_string(number++), std::ios::binary};
    stream.exceptions(std::ios::badbit | std::ios::failbit);
    for (const auto byte : seed) stream.put(static_cast<char>(byte));
    stream.flush();
  }
  return 0;
}
