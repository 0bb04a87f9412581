// reassembly_seeds DIRECTORY: writes orders of segments as inputs of reassembly_fuzz.cc: four bytes each, the place
// (two), the size, and bits: 0x06 cut short, 0x18 acknowledged, 0x60 gap given up, 0x81 FIN.
#include <cstddef>
#include <initializer_list>
#include <string>
#include <vector>

#include "tests/fuzz/seeds.h"

namespace {

struct Segment {
  int at;
  int size;
  int bits = 0;
};

std::string seed(std::initializer_list<Segment> segments) {
  std::string bytes;
  for (const auto& [at, size, bits] : segments) {
    for (const int byte : {at >> 8, at & 0xff, size, bits}) bytes += static_cast<char>(byte);
  }
  return bytes;
}

std::vector<std::string> seeds() {
  return {
      seed({{0, 100}, {100, 100}, {200, 100, 0x81}}),                // in order, to the end
      seed({{200, 50}, {100, 100}, {250, 0, 0x81}, {0, 100}}),       // backwards
      seed({{0, 100}, {0, 100}, {50, 100}, {140, 20}}),              // again, and overlapping
      seed({{10, 20}, {50, 20}, {5, 80}, {0, 200}}),                 // around what is held
      seed({{50, 50}, {120, 30, 0x18}, {200, 10, 0x60}, {0, 10}}),   // gaps that are given up
      seed({{0, 100, 0x06}, {150, 50, 0x06}, {100, 50}, {0, 255}}),  // cut short
      seed({{1, 1}, {3, 1}, {5, 1}, {7, 1}, {9, 1}, {11, 1}, {13, 1}, {15, 1}, {17, 1}, {19, 1}, {21, 1}, {23, 1}}),
      seed({{100, 0, 0x81}, {200, 20}, {50, 20, 0x60}, {0, 50}}),  // the end before all else
  };
}

}  // namespace

int main(int argc, char** argv) { return tidegate::test::write_seeds({argv, static_cast<std::size_t>(argc)}, seeds()); }
