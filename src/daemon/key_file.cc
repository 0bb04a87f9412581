#include "daemon/key_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <string_view>

#include "base/fd.h"
#include "privacy/pseudonyms.h"

namespace tidegate {

Result<std::vector<std::uint8_t>> read_key_file(const std::string& path) {
  const auto reading = "read the key " + path;
  const Fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)};
  if (!file) return system_failure(reading);
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return system_failure(reading);
  if (!S_ISREG(status.st_mode)) return failure("{}: not a regular file", reading);
  if ((status.st_mode & S_IRWXO) != 0) return failure("{}: others may use it (try chmod o= {})", reading, path);
  std::array<char, kMostKeyFileBytes + 1> contents{};
  const auto got = ::read(file.get(), contents.data(), contents.size());
  if (got < 0) return system_failure(reading);
  if (static_cast<std::size_t>(got) > kMostKeyFileBytes)
    return failure("{}: longer than {} bytes", reading, kMostKeyFileBytes);
  auto key = parse_key({contents.data(), static_cast<std::size_t>(got)});
  if (!key) return failure("{}: {}", reading, key.error().what);
  return key;
}

}  // namespace tidegate
