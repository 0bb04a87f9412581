// A directory for one test's files, removed with everything in it when the test is over.
#pragma once

#include <stdlib.h>  // mkdtemp is POSIX

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace tidegate::test {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "tidegate-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error{"no temporary directory: " + name};
    path_ = name;
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  // The path of a file in it, which need not exist.
  [[nodiscard]] std::string file(std::string_view name) const { return (path_ / name).string(); }

  // Writes a file in it, and gives its path.
  std::string write(std::string_view name, std::span<const std::uint8_t> bytes) const {
    std::ofstream stream{path_ / name, std::ios::binary};
    for (const auto byte : bytes) stream.put(static_cast<char>(byte));
    return file(name);
  }
  std::string write(std::string_view name, std::string_view text) const {
    std::ofstream{path_ / name, std::ios::binary} << text;
    return file(name);
  }

 private:
  std::filesystem::path path_;
};

// All bytes of a file; none where it cannot be read.
[[nodiscard]] inline std::vector<std::uint8_t> file_bytes(const std::string& path) {
  std::ifstream stream{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{stream}, std::istreambuf_iterator<char>{}};
}

}  // namespace tidegate::test
