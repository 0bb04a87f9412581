// See counter_file.h. The file: a page with the header; then entries of one size, each a head (name, base, and a hash
// over both) and a cell for each thread. An entry whose hash is zero is free; entries are used from the first on.
// Numbers are in this host's byte order, which the magic number tells.
#include "store/counter_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

#include "store/files.h"

namespace tidegate {
namespace {

constexpr std::uint64_t kMagic = 0x746e756f43656454;  // "TdeCount"
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kHeaderBytes = 4096;
constexpr std::size_t kMostEntries = 1'000'000;  // of a file that is believed

struct Header {
  std::uint64_t magic = kMagic;
  std::uint32_t version = kVersion;
  std::uint32_t threads = 0;
  std::uint64_t entries = 0;
  std::uint64_t hash = 0;  // of what is above
};

struct Head {
  std::uint64_t hash = 0;  // of what is below; written last
  std::uint64_t length = 0;
  char name[CounterFile::kLongestName] = {};
  ForwardTotals base;
};
constexpr std::size_t kHeadBytes = 256;  // a multiple of a cell's alignment

// A cell begins with the numbers of ForwardTotals in their order, so it is read from a file as one.
static_assert(sizeof(Header) == 32 && sizeof(Head) == 152 && sizeof(Head) <= kHeadBytes);
static_assert(std::is_trivially_copyable_v<ForwardTotals> && sizeof(ForwardTotals) == 9 * sizeof(Counter));
static_assert(offsetof(ForwardCounters, download) == offsetof(ForwardTotals, download));
static_assert(offsetof(ForwardCounters, errors) == offsetof(ForwardTotals, errors));
static_assert(offsetof(ForwardCounters, dropped) == offsetof(ForwardTotals, dropped));
static_assert(std::atomic<std::uint64_t>::is_always_lock_free && kHeadBytes % alignof(ForwardCounters) == 0);

// FNV-1a: against accidents, not against malice. Never 0, which marks a free entry.
std::uint64_t hash_of(const void* from, std::size_t bytes) {
  std::uint64_t hash = 0xcbf29ce484222325;
  const auto* byte = static_cast<const unsigned char*>(from);
  for (std::size_t at = 0; at < bytes; ++at) {
    hash = (hash ^ byte[at]) * std::uint64_t{0x100000001b3};
  }
  return hash == 0 ? 1 : hash;
}

std::uint64_t hash_of(const Header& header) { return hash_of(&header, offsetof(Header, hash)); }
std::uint64_t hash_of(const Head& head) { return hash_of(&head.length, sizeof head - offsetof(Head, length)); }

constexpr std::size_t entry_bytes(std::size_t threads) { return kHeadBytes + threads * sizeof(ForwardCounters); }

template <class T>
T copy_from(std::span<const std::byte> bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

Head head_of(std::string_view name, const ForwardTotals& base) {
  Head head{.length = name.size(), .base = base};
  std::ranges::copy(name, head.name);
  head.hash = hash_of(head);
  return head;
}

// By pread(2), for a mapping of a file that is too short would raise SIGBUS. Gives how many bytes there were.
Result<std::size_t> read_at(const Fd& file, const std::string& path, std::size_t at, std::span<std::byte> into) {
  std::size_t filled = 0;
  while (filled < into.size()) {
    const auto size = ::pread(file.get(), &into[filled], into.size() - filled, static_cast<off_t>(at + filled));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return system_failure("read " + path);
    if (size == 0) break;
    filled += static_cast<std::size_t>(size);
  }
  return filled;
}

Result<std::span<std::byte>> map(std::size_t bytes, const Fd& file, const std::string& path) {
  const int flags = file ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, file.get(), 0);
  if (memory == MAP_FAILED) return system_failure("map " + path);
  return std::span{static_cast<std::byte*>(memory), bytes};
}

Result<> check_threads(std::size_t threads) {
  if (threads >= 1 && threads <= CounterFile::kMostThreads) return {};
  return failure("counters for {} data threads: from 1 to {} are possible", threads, CounterFile::kMostThreads);
}

}  // namespace

Result<std::optional<CounterFile::Contents>> CounterFile::read(const std::string& path) {
  const Fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file && errno == ENOENT) return std::nullopt;
  if (!file) return system_failure("open " + path);
  std::vector<std::byte> bytes(sizeof(Header));
  auto size = read_at(file, path, 0, bytes);
  if (!size) return std::unexpected{size.error()};
  if (*size < sizeof(Header)) return failure("read {}: it is cut off", path);
  const auto header = copy_from<Header>(bytes);
  if (header.magic != kMagic) return failure("read {}: it is no counter file", path);
  if (header.version != kVersion)
    return failure("read {}: it is of version {}, and this tidegate knows version {}", path, header.version, kVersion);
  if (header.hash != hash_of(header) || !check_threads(header.threads) || header.entries > kMostEntries)
    return failure("read {}: its header is damaged", path);

  Contents contents;
  bytes.resize(entry_bytes(header.threads));
  for (std::uint64_t index = 0; index < header.entries; ++index) {
    size = read_at(file, path, kHeaderBytes + index * bytes.size(), bytes);
    if (!size) return std::unexpected{size.error()};
    if (*size < bytes.size()) {  // cut off: how many were in use behind here is not known
      ++contents.damaged;
      break;
    }
    const auto head = copy_from<Head>(bytes);
    if (head.hash == 0) continue;  // free
    if (head.hash != hash_of(head) || head.length == 0 || head.length > kLongestName) {
      ++contents.damaged;
      continue;
    }
    auto sum = head.base;
    for (std::size_t cell = kHeadBytes; cell < bytes.size(); cell += sizeof(ForwardCounters))
      sum += copy_from<ForwardTotals>(std::span{bytes}.subspan(cell));
    contents.totals.insert_or_assign(std::string{head.name, head.length}, sum);
  }
  return contents;
}

Result<CounterFile> CounterFile::create(const std::string& path, std::size_t threads, const Totals& bases) {
  if (const auto valid = check_threads(threads); !valid) return std::unexpected{valid.error()};
  const auto fresh = path + ".new";
  Fd file{::open(fresh.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
  if (!file) return system_failure("open " + fresh);
  const auto size = kHeaderBytes + (bases.size() + kRoom) * entry_bytes(threads);
  if (::ftruncate(file.get(), static_cast<off_t>(size)) != 0) return system_failure("make " + fresh);
  const auto memory = map(size, file, fresh);
  if (!memory) return std::unexpected{memory.error()};

  CounterFile counters{std::move(file), fresh, *memory, threads};
  // On disk first, then under its name: at any moment the name leads to a whole file.
  auto done = counters.fill(bases);
  if (done && ::fsync(counters.file_.get()) != 0) done = system_failure("fsync " + fresh);
  if (done && std::rename(fresh.c_str(), path.c_str()) != 0) done = system_failure("rename " + fresh);
  if (done) done = sync_folder_of(path);
  if (!done) {
    ::unlink(fresh.c_str());  // what room it took on a full disk; it may be gone already
    return std::unexpected{done.error()};
  }
  counters.path_ = path;
  return counters;
}

Result<> CounterFile::fill(const Totals& bases) {
  if (auto reserved = reserve(0, kHeaderBytes + bases.size() * entry_bytes(threads_)); !reserved) return reserved;
  Header header{.threads = static_cast<std::uint32_t>(threads_), .entries = bases.size() + kRoom};
  header.hash = hash_of(header);
  std::memcpy(memory_.data(), &header, sizeof header);
  for (const auto& [name, base] : bases)
    if (const auto added = add(name, base); !added) return std::unexpected{added.error()};
  return {};
}

Result<CounterFile> CounterFile::in_memory(std::size_t threads, const Totals& bases) {
  if (const auto valid = check_threads(threads); !valid) return std::unexpected{valid.error()};
  constexpr auto kName = "the counters in memory";
  const auto memory = map(kHeaderBytes + (bases.size() + kRoom) * entry_bytes(threads), Fd{}, kName);
  if (!memory) return std::unexpected{memory.error()};
  CounterFile counters{Fd{}, kName, *memory, threads};
  if (const auto filled = counters.fill(bases); !filled) return std::unexpected{filled.error()};
  return counters;
}

CounterFile::CounterFile(Fd file, std::string path, std::span<std::byte> memory, std::size_t threads)
    : file_{std::move(file)}, path_{std::move(path)}, memory_{memory}, threads_{threads} {}

CounterFile::CounterFile(CounterFile&& other) noexcept
    : file_{std::move(other.file_)},
      path_{std::move(other.path_)},
      memory_{std::exchange(other.memory_, {})},
      threads_{other.threads_},
      entries_{std::move(other.entries_)} {}

CounterFile::~CounterFile() {
  if (!memory_.empty()) ::munmap(memory_.data(), memory_.size());
}

std::optional<CounterFile::Entry> CounterFile::find(std::string_view name) const {
  const auto found = entries_.find(name);
  if (found == entries_.end()) return std::nullopt;
  return found->second;
}

Result<CounterFile::Entry> CounterFile::add(std::string_view name, const ForwardTotals& base) {
  if (name.empty() || name.size() > kLongestName)
    return failure("count \"{}\": a name has from 1 to {} bytes", name, kLongestName);
  const auto at = kHeaderBytes + entries_.size() * entry_bytes(threads_);
  if (at + entry_bytes(threads_) > memory_.size())
    return std::unexpected{Error{fmt::format("count {}: {} is full ({} names)", name, path_, entries_.size()), ENOSPC}};
  if (const auto reserved = reserve(at, entry_bytes(threads_)); !reserved) return std::unexpected{reserved.error()};

  auto* const place = memory_.data() + at;
  auto* const cells = reinterpret_cast<ForwardCounters*>(place + kHeadBytes);
  std::uninitialized_value_construct_n(cells, threads_);
  // The hash last: it makes the entry one that is in use, whole.
  const auto head = head_of(name, base);
  std::memcpy(place + offsetof(Head, length), &head.length, sizeof head - offsetof(Head, length));
  std::atomic_signal_fence(std::memory_order_release);
  std::memcpy(place, &head.hash, sizeof head.hash);
  return entries_.emplace(name, Entry{.base = base, .cells = {cells, threads_}}).first->second;
}

Result<> CounterFile::reserve(std::size_t from, std::size_t bytes) {
  if (!file_) return {};
  int code = EINTR;
  while (code == EINTR) code = ::posix_fallocate(file_.get(), static_cast<off_t>(from), static_cast<off_t>(bytes));
  if (code != 0) return system_failure("reserve room in " + path_, code);
  return {};
}

}  // namespace tidegate
