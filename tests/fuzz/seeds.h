// What every program of seeds does: writes each input of a fuzz target as a file of the corpus.
#pragma once

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>

namespace tidegate::test {

// The exit status of `NAME DIRECTORY`: each of `seeds` (bytes or characters) is written into the directory, under its
// number. Throws where that fails.
template <class Seeds>
int write_seeds(std::span<char*> arguments, const Seeds& seeds) {
  if (arguments.size() != 2) {
    const auto name = std::filesystem::path{arguments.empty() ? "" : arguments[0]}.filename();
    std::fprintf(stderr, "usage: %s DIRECTORY\n", name.c_str());
    return 2;
  }
  int number = 0;
  for (const auto& seed : seeds) {
    std::ofstream stream{std::filesystem::path{arguments[1]} / std::to_string(number++), std::ios::binary};
    stream.exceptions(std::ios::badbit | std::ios::failbit);
    stream.write(reinterpret_cast<const char*>(seed.data()), static_cast<std::streamsize>(seed.size()));
    stream.flush();
  }
  return 0;
}

}  // namespace tidegate::test
