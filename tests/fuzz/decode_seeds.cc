// decode_seeds DIRECTORY: writes each frame of the packet corpus as an input of decode_fuzz.cc, whole and as a capture
// that was cut.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "tests/fuzz/decode_input.h"
#include "tests/support/packet_corpus.h"

namespace {

using namespace tidegate;

void write_seed(const std::filesystem::path& path, const test::CorpusPacket& packet, std::uint8_t not_captured) {
  std::ofstream stream{path, std::ios::binary};
  const auto link = std::ranges::find(test::kFuzzedLinks, packet.link) - test::kFuzzedLinks.begin();
  stream.put(static_cast<char>(link)).put(static_cast<char>(not_captured)).put(0);
  for (const auto byte : packet.frame) stream.put(static_cast<char>(byte));
  stream.exceptions(std::ios::badbit | std::ios::failbit);
  stream.flush();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: decode_seeds DIRECTORY\n", stderr);
    return 2;
  }
  const std::filesystem::path directory{argv[1]};
  int number = 0;
  for (const auto& packet : test::packet_corpus()) {
    write_seed(directory / std::to_string(number++), packet, 0);
    write_seed(directory / std::to_string(number++), packet, 0x90);  // above 64 KiB on the wire
  }
  return 0;
}
