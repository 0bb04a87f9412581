// The counters of the forwards in a file mapped into memory. A store into it is in the kernel's page cache the moment
// it is made, so what was counted survives the end of the process, whatever ended it; only a power loss may lose the
// last seconds, and the database covers those. The memory of every entry in use is backed by reserved blocks: a full
// disk cannot raise SIGBUS in a data thread.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/fd.h"
#include "model/counters.h"

namespace tidegate {

class CounterFile {
 public:
  static constexpr std::size_t kLongestName = 64;
  static constexpr std::size_t kRoom = 1024;        // for entries beyond those it begins with
  static constexpr std::size_t kMostThreads = 257;  // the data threads, and one cell for the kernel

  using Totals = std::map<std::string, ForwardTotals, std::less<>>;

  struct Entry {
    ForwardTotals base;
    std::span<ForwardCounters> cells;  // one a thread
  };

  // What a file holds: base and cells of each forward together.
  struct Contents {
    Totals totals;
    std::size_t damaged = 0;  // entries that cannot be believed, or are cut off
  };

  // The file's contents, whatever number of threads wrote it; none where there is no file. The error has a code where
  // the system refused, and none where this is not, or no longer, a counter file of this version.
  [[nodiscard]] static Result<std::optional<Contents>> read(const std::string& path);

  // A new file that begins with these bases, complete on disk before it takes the place of the one at `path`.
  [[nodiscard]] static Result<CounterFile> create(const std::string& path, std::size_t threads, const Totals& bases);

  // The same without a file.
  [[nodiscard]] static Result<CounterFile> in_memory(std::size_t threads, const Totals& bases);

  CounterFile(CounterFile&& other) noexcept;
  CounterFile& operator=(CounterFile&&) = delete;
  CounterFile(const CounterFile&) = delete;
  CounterFile& operator=(const CounterFile&) = delete;
  ~CounterFile();

  [[nodiscard]] std::optional<Entry> find(std::string_view name) const;

  // A new entry for a name that find() does not find. The error: no room here or on disk (with
  // a code), or the name's length (without).
  [[nodiscard]] Result<Entry> add(std::string_view name, const ForwardTotals& base);

 private:
  CounterFile(Fd file, std::string path, std::span<std::byte> memory, std::size_t threads);
  [[nodiscard]] Result<> reserve(std::size_t from, std::size_t bytes);
  [[nodiscard]] Result<> fill(const Totals& bases);

  Fd file_;  // none in memory
  std::string path_;
  std::span<std::byte> memory_;
  std::size_t threads_;
  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace tidegate
