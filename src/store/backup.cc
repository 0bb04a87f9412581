// See backup.h. https://www.sqlite.org/backup.html
#include "store/backup.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "store/files.h"

namespace tidegate {

namespace {

std::string unfinished(const std::string& path) { return backup_of(path) + ".new"; }

Result<> failed(const std::string& what, const std::error_code& error) {
  if (!error) return {};
  return std::unexpected{Error{fmt::format("{}: {}", what, error.message()), error.value()}};
}

// A copy that was broken off, with its journal, is of no use, and takes room.
Result<> remove_unfinished(const std::string& path) {
  for (const auto* ending : {"", "-journal"}) {
    std::error_code error;
    std::filesystem::remove(unfinished(path) + ending, error);
    if (auto removed = failed("remove " + unfinished(path) + ending, error); !removed) return removed;
  }
  return {};
}

}  // namespace

std::string backup_of(const std::string& path) { return path + ".backup"; }

Result<> Backup::step(WallTime now) {
  if (!copy_) {
    if (begun_ && now >= *begun_ && now < *begun_ + kEvery) return {};
    begun_ = now;
    if (const auto removed = remove_unfinished(path_); !removed) return removed;
    auto copy = database_.copy_to(unfinished(path_));
    if (!copy) return std::unexpected{copy.error()};
    copy_.emplace(std::move(*copy));
  }
  const auto done = copy_->step(kPages);
  if (done && !*done) return {};
  copy_.reset();
  if (done) return finish();
  auto error = done.error();
  if (const auto removed = remove_unfinished(path_); !removed) error.what += "; " + removed.error().what;
  return std::unexpected{std::move(error)};
}

Result<> Backup::finish() {
  const auto from = unfinished(path_);
  const auto to = backup_of(path_);
  if (std::rename(from.c_str(), to.c_str()) != 0) return system_failure("rename " + from + " to " + to);
  return sync_folder_of(path_);
}

Result<std::optional<WallTime>> restore_backup(const std::string& path) {
  const auto from = backup_of(path);
  struct stat about{};
  if (::stat(from.c_str(), &about) != 0) {
    if (errno == ENOENT) return std::nullopt;
    return system_failure("look at " + from);
  }
  std::error_code error;
  std::filesystem::copy_file(from, path, error);
  if (const auto copied = failed("copy " + from + " to " + path, error); !copied)
    return std::unexpected{copied.error()};
  return WallTime{std::chrono::seconds{about.st_mtim.tv_sec} + std::chrono::nanoseconds{about.st_mtim.tv_nsec}};
}

}  // namespace tidegate
