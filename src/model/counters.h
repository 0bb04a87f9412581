// What one data thread counts for one forward. The cell lives in memory that outlives the process (a mapped file), is
// written by that thread alone and may be read by any. Payload bytes, counted when the system call that delivered them
// has returned.
#pragma once

#include <atomic>
#include <cstdint>

namespace tidegate {

// A number with one writer: no locked instruction on the way.
class Counter {
 public:
  void add(std::uint64_t n) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// One cache line and a half of numbers that only grow; two lines with its padding. This layout is in a file: a change
// is a new version of that file.
struct alignas(128) ForwardCounters {
  Counter upload;       // bytes, client to target
  Counter download;     // bytes, target to client
  Counter connections;  // TCP connections accepted and let in
  Counter sessions;     // UDP sessions begun
  Counter errors;       // connections and sessions that ended by an error, or reached no target
  Counter refused;      // clients turned away: deny, limits, quota, no room to wait
  Counter datagrams_up;
  Counter datagrams_down;
  Counter dropped;  // datagrams that were received and could not be delivered, or were not allowed
  Counter reserved[7];
};
static_assert(sizeof(ForwardCounters) == 128);

// The sum over the data threads, as plain numbers.
struct ForwardTotals {
  std::uint64_t upload = 0;
  std::uint64_t download = 0;
  std::uint64_t connections = 0;
  std::uint64_t sessions = 0;
  std::uint64_t errors = 0;
  std::uint64_t refused = 0;
  std::uint64_t datagrams_up = 0;
  std::uint64_t datagrams_down = 0;
  std::uint64_t dropped = 0;
  bool operator==(const ForwardTotals&) const = default;

  ForwardTotals& operator+=(const ForwardTotals& other);
  [[nodiscard]] ForwardTotals operator-(const ForwardTotals& before) const;  // `before` must not be larger
};

[[nodiscard]] ForwardTotals totals(const ForwardCounters& cell);

}  // namespace tidegate
