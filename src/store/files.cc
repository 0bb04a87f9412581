// See files.h.
#include "store/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "base/text.h"

namespace tidegate {
namespace {

constexpr int kMostSetAside = 1000;  // damaged files of one name; past these a person must look

std::filesystem::path folder_of(const std::string& path) {
  const auto folder = std::filesystem::path{path}.parent_path();
  return folder.empty() ? "." : folder;
}

bool exists(const std::string& path) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0;
}

// "process 4711", as the holder of the lock wrote it.
std::string holder(const Fd& lock) {
  std::array<char, 32> buffer{};
  const auto size = ::pread(lock.get(), buffer.data(), buffer.size(), 0);
  const auto pid = size <= 0 ? std::string_view{} : trim({buffer.data(), static_cast<std::size_t>(size)});
  const bool number = !pid.empty() && pid.find_first_not_of("0123456789") == std::string_view::npos;
  return number ? fmt::format("process {}", pid) : "another process";
}

}  // namespace

Result<> make_folder_of(const std::string& path) {
  std::filesystem::path made;
  for (const auto& part : folder_of(path)) {
    made /= part;
    if (::mkdir(made.c_str(), 0700) != 0 && errno != EEXIST) {
      if (const int code = errno; !exists(made)) return system_failure("make the folder " + made.string(), code);
    }
  }
  return {};
}

Result<Fd> lock_beside(const std::string& path) {
  const auto name = path + ".lock";
  Fd lock{::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
  if (!lock) return system_failure("open " + name);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return failure("open {}: the store is in use by {}", path, holder(lock));
    return system_failure("lock " + name);
  }
  // The id only helps a person: on a full disk the lock holds without it.
  const auto pid = fmt::format("{}\n", ::getpid());
  if (::ftruncate(lock.get(), 0) == 0) [[maybe_unused]]
    const auto written = ::pwrite(lock.get(), pid.data(), pid.size(), 0);
  return lock;
}

Result<std::string> set_aside(const std::string& path, std::initializer_list<std::string_view> endings) {
  for (int number = 1; number <= kMostSetAside; ++number) {
    auto aside = fmt::format("{}.damaged-{}", path, number);
    if (exists(aside)) continue;
    if (std::rename(path.c_str(), aside.c_str()) != 0) return system_failure("rename " + path);
    for (const auto ending : endings) {
      const auto beside = fmt::format("{}{}", path, ending);
      const auto kept = fmt::format("{}{}", aside, ending);
      if (std::rename(beside.c_str(), kept.c_str()) != 0 && errno != ENOENT) return system_failure("rename " + beside);
    }
    if (const auto synced = sync_folder_of(path); !synced) return std::unexpected{synced.error()};
    return aside;
  }
  return failure("rename {}: there are {} damaged ones already ({}.damaged-1 …)", path, kMostSetAside, path);
}

Result<> sync_folder_of(const std::string& path) {
  const auto folder = folder_of(path);
  const Fd open{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!open) return system_failure("open " + folder.string());
  if (::fsync(open.get()) != 0) return system_failure("fsync " + folder.string());
  return {};
}

}  // namespace tidegate
