// What is left of a quota, handed down as leases: quota → data thread → a read of a connection. A hot path asks nobody;
// it takes from its thread's lease, and only an empty lease goes to the shared number. Never more is handed out than
// there was, so what is delivered cannot pass the limit by a byte.
//
// A lease is given in a generation. A new period, a reset or a raise begins a new one (reset()); what was held of the
// old one is void, and what was reserved from it (read, not yet delivered) is reserved again from the new.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace tidegate {

// Shared by all data threads and the control thread; lock-free.
class Allowance {
 public:
  static constexpr std::uint64_t kMost = (std::uint64_t{1} << 56) - 1;  // 64 PiB; a larger number counts as this

  explicit Allowance(std::uint64_t left) : word_{std::min(left, kMost)} {}
  Allowance(const Allowance&) = delete;
  Allowance& operator=(const Allowance&) = delete;

  // Takes up to `want` bytes of `generation`; gives what was taken. 0: nothing is left, or that generation has passed
  // (generation() is another by then). Any thread.
  std::uint64_t take(std::uint64_t want, std::uint32_t generation);

  // The same of whatever generation is present. Any thread.
  std::uint64_t take(std::uint64_t want);

  // Gives back what was taken in `generation` and not used; void when that has passed. Any thread.
  void give_back(std::uint64_t bytes, std::uint32_t generation);

  // What is left now, not counting what leases hold.
  [[nodiscard]] std::uint64_t left() const { return word_.load(std::memory_order_acquire) & kMost; }
  [[nodiscard]] std::uint32_t generation() const { return generation_.load(std::memory_order_acquire); }

  // Begins a new generation with `left` bytes. Control thread.
  void reset(std::uint64_t left);

 private:
  // Whether `word` is of `generation`, and that the present one.
  bool is_current(std::uint64_t word, std::uint32_t generation);

  // What is left, and above it the low 8 bits of the generation. They guard the moment between reading and exchanging
  // the word; whether a lease is of the present generation is known from all 32 bits below.
  std::atomic<std::uint64_t> word_;
  std::atomic<std::uint32_t> generation_{0};
};

// One data thread's part of an allowance. That thread only.
//
// In each generation: what is settled, reserved and held is what was taken from the allowance, plus the debt.
class Lease {
 public:
  static constexpr std::uint64_t kMost = 4 << 20;  // bytes held at once

  explicit Lease(Allowance& allowance) : allowance_{&allowance}, generation_{allowance.generation()} {}
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  ~Lease();  // gives back what is held and what is reserved

  // Reserves up to `want` bytes for a read or a datagram: gives how many, 0 when nothing is left now. Refills the lease
  // from the allowance where needed, with an eighth of what is left there, at least `want` where there is as much, and
  // at most kMost: leases grow smaller towards the end.
  std::uint64_t reserve(std::uint64_t want);

  // Of what was reserved, `bytes` were delivered and count for good, in the generation that is then present.
  void settle(std::uint64_t bytes);

  // Of what was reserved, `bytes` are not needed after all: they may be reserved again.
  void release(std::uint64_t bytes);

  // Gives back to the allowance what is held and not reserved.
  void give_up();

  [[nodiscard]] std::uint64_t reserved() const { return reserved_; }  // read, not yet delivered
  [[nodiscard]] std::uint64_t held() const { return held_; }          // free to be reserved

  // What was reserved of an old generation and the new one did not have: nothing is handed out until it is repaid.
  [[nodiscard]] std::uint64_t debt() const { return debt_; }

  // The generation that reserved(), held() and debt() are of.
  [[nodiscard]] std::uint32_t generation() const { return generation_; }

 private:
  void renew();  // takes notice of a new generation
  void repay();

  Allowance* allowance_;
  std::uint32_t generation_;
  std::uint64_t held_ = 0;
  std::uint64_t reserved_ = 0;
  std::uint64_t debt_ = 0;
};

}  // namespace tidegate
