#include "quota/allowance.h"

namespace tidegate {

namespace {

constexpr unsigned kTagShift = 56;

std::uint64_t word_of(std::uint32_t generation, std::uint64_t left) {
  return static_cast<std::uint64_t>(generation & 0xff) << kTagShift | std::min(left, Allowance::kMost);
}

}  // namespace

bool Allowance::is_current(std::uint64_t word, std::uint32_t generation) {
  std::uint32_t present = generation_.load(std::memory_order_acquire);
  if (present != generation) return false;
  if (word >> kTagShift == (generation & 0xff)) return true;
  // reset() has exchanged the word and not yet counted the generation up. We do that for it, rather than wait.
  generation_.compare_exchange_strong(present, generation + 1, std::memory_order_acq_rel);
  return false;
}

std::uint64_t Allowance::take(std::uint64_t want, std::uint32_t generation) {
  std::uint64_t word = word_.load(std::memory_order_acquire);
  while (is_current(word, generation)) {
    const std::uint64_t taken = std::min(want, word & kMost);
    if (taken == 0) return 0;
    if (word_.compare_exchange_weak(word, word - taken, std::memory_order_acq_rel, std::memory_order_acquire)) {
      return taken;
    }
  }
  return 0;
}

std::uint64_t Allowance::take(std::uint64_t want) {
  for (;;) {
    const std::uint32_t present = generation();
    const std::uint64_t taken = take(want, present);
    if (taken > 0 || present == generation()) return taken;
  }
}

void Allowance::give_back(std::uint64_t bytes, std::uint32_t generation) {
  std::uint64_t word = word_.load(std::memory_order_acquire);
  while (is_current(word, generation) &&
         !word_.compare_exchange_weak(word, word_of(generation, (word & kMost) + bytes), std::memory_order_acq_rel,
                                      std::memory_order_acquire)) {
  }
}

void Allowance::reset(std::uint64_t left) {
  // The word first: as soon as the new generation can be seen, there is something to take of it.
  std::uint32_t present = generation_.load(std::memory_order_relaxed);
  word_.store(word_of(present + 1, left), std::memory_order_release);
  generation_.compare_exchange_strong(present, present + 1, std::memory_order_acq_rel);
}

Lease::~Lease() {
  release(reserved_);
  give_up();
}

std::uint64_t Lease::reserve(std::uint64_t want) {
  for (;;) {
    renew();
    repay();
    if (debt_ == 0 && held_ < want && held_ < kMost) {
      const std::uint64_t part = std::max(allowance_->left() / 8, want - held_);
      held_ += allowance_->take(std::min(part, kMost - held_), generation_);
    }
    // Nothing of an old generation does not mean that the new one has nothing.
    if (held_ == 0 && allowance_->generation() != generation_) continue;
    const std::uint64_t bytes = std::min(want, held_);
    held_ -= bytes;
    reserved_ += bytes;
    return bytes;
  }
}

void Lease::settle(std::uint64_t bytes) {
  renew();
  reserved_ -= std::min(bytes, reserved_);
}

void Lease::release(std::uint64_t bytes) {
  renew();
  const std::uint64_t released = std::min(bytes, reserved_);
  const std::uint64_t owed = std::min(released, debt_);
  reserved_ -= released;
  debt_ -= owed;
  held_ += released - owed;
}

void Lease::give_up() {
  allowance_->give_back(held_, generation_);
  held_ = 0;
}

void Lease::renew() {
  for (std::uint32_t present = allowance_->generation(); present != generation_; present = allowance_->generation()) {
    generation_ = present;
    held_ = 0;
    debt_ = reserved_;
    repay();
  }
}

void Lease::repay() {
  if (debt_ == 0) return;
  const std::uint64_t own = std::min(debt_, held_);
  held_ -= own;
  debt_ -= own;
  debt_ -= allowance_->take(debt_, generation_);
}

}  // namespace tidegate
