// A pool of pipes for splice(2), within a budget: past fs.pipe-user-pages-soft the kernel gives an unprivileged user
// pipes of one page (pipe(7)), so no more are made than fit below it. Who gets none copies instead.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <optional>
#include <vector>

#include "base/fd.h"

namespace tidegate {

struct Pipe {
  Fd read;
  Fd write;
  std::size_t capacity = 0;  // bytes
};

// How many pages the pools of all data threads may use together. Any thread.
class PipeBudget {
 public:
  // Half of what fs.pipe-user-pages-soft allows (16,384 pages where it cannot be read or is 0, no limit).
  PipeBudget();
  explicit PipeBudget(std::size_t pages) : pages_{static_cast<std::ptrdiff_t>(pages)} {}

  bool take(std::size_t pages);
  void give_back(std::size_t pages);

 private:
  std::atomic<std::ptrdiff_t> pages_;
};

// One data thread's.
class Pipes {
 public:
  static constexpr std::size_t kCapacity = 1 << 20;  // asked of each pipe
  static constexpr std::size_t kSpare = 16;          // empty ones that are kept

  explicit Pipes(PipeBudget& budget) : budget_{budget} {}
  Pipes(const Pipes&) = delete;
  Pipes& operator=(const Pipes&) = delete;
  ~Pipes();

  // An empty pipe; none: the budget is used up, or the kernel has no more.
  [[nodiscard]] std::optional<Pipe> take();

  // Gives an empty pipe back.
  void give_back(Pipe pipe);

  // Closes one that is not empty.
  void discard(Pipe pipe);

 private:
  PipeBudget& budget_;
  std::vector<Pipe> spare_;
};

}  // namespace tidegate
