// syn_savefile FILE COUNT SOURCES: a savefile of COUNT TCP SYNs to port 80, from SOURCES addresses in turn (a
// permutation of so many, so that each is as frequent as any other) and random ports; 10 a microsecond. Prints as JSON
// what there is.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <random>

#include "savefile.h"

namespace {

// Spreads numbers over all of 32 bits, no two of them to the same one (each step can be undone).
std::uint32_t spread(std::uint32_t number) {
  number ^= number >> 16;
  number *= 0x7feb352dU;
  number ^= number >> 15;
  number *= 0x846ca68bU;
  number ^= number >> 16;
  return number;
}

}  // namespace

int main(int argc, char** argv) {
  const auto count = argc == 4 ? std::strtoull(argv[2], nullptr, 10) : 0;
  const auto sources = argc == 4 ? std::strtoull(argv[3], nullptr, 10) : 0;
  if (count < 1 || count > 1'000'000'000 || sources < 1 || sources > count) {
    std::fputs("usage: syn_savefile FILE COUNT SOURCES\n", stderr);
    return 2;
  }
  try {
    bench::Savefile file{argv[1]};
    std::mt19937 random{1};
    for (std::uint64_t i = 0; i < count; ++i) {
      const bench::Flow flow{.client = spread(static_cast<std::uint32_t>(i % sources) + 1),
                             .server = 0x0a4d0101,  // 10.77.1.1
                             .client_port = static_cast<std::uint16_t>(1024 + random() % 64'000)};
      file.add(1'800'000'000'000'000'000 + static_cast<std::int64_t>(i) * 100, flow,
               {.sequence = static_cast<std::uint32_t>(random()), .flags = bench::kSyn});
    }
    file.close();
    std::printf("{\"packets\": %llu, \"sources\": %llu, \"bytes\": %llu}\n",
                static_cast<unsigned long long>(file.packets()), sources,
                static_cast<unsigned long long>(file.bytes()));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "syn_savefile: %s\n", error.what());
    return 1;
  }
  return 0;
}
