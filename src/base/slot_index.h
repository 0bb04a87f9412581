// Where records are kept, by their hash: the index of a table whose owner keeps the records in an array and knows each
// by its place there, its slot. Bounded, no allocation after the start, nothing to tidy up however much comes and goes.
//
// Groups of six slots, each with seven bits of the hash beside it, so that one comparison of words looks at all six and
// the records themselves are seldom looked at in vain. A record that finds its group full goes to the next one, and is
// counted where it passed: a search ends at the first group that none has passed. So nothing is ever moved, and no
// branch depends on how full a group is, which is what costs most in a flood of keys that come once.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/check.h"

namespace tidegate {

// Memory: 11 to 22 bytes for each of `capacity`, all of it taken at the start. One thread.
class SlotIndex {
 public:
  using Slot = std::uint32_t;
  static constexpr Slot kNone = ~Slot{0};
  static constexpr std::size_t kMostCapacity = std::size_t{1} << 25;

  // At most `capacity` slots at once, at least 1 and at most kMostCapacity.
  explicit SlotIndex(std::size_t capacity) : mask_{std::bit_ceil((capacity + 2) / 3) - 1}, groups_(mask_ + 1) {
    TIDEGATE_CHECK(capacity >= 1 && capacity <= kMostCapacity);
  }

  // Has the place of `hash` fetched, for callers who have other work to do before they ask for it.
  void prefetch(std::uint32_t hash) const { __builtin_prefetch(&groups_[hash & mask_], 1); }

  // The slot of that hash of which `is_it(slot)` is true; kNone: there is none.
  template <typename IsIt>
  [[nodiscard]] Slot find(std::uint32_t hash, const IsIt& is_it) const {
    for (std::size_t at = hash & mask_;; at = (at + 1) & mask_) {
      const auto& group = groups_[at];
      for (auto likely = group.likely(hash); likely != 0; likely &= likely - 1) {
        if (const auto slot = group.slots[place(likely)]; is_it(slot)) return slot;
      }
      if (group.passed() == 0) return kNone;
    }
  }

  // A slot that is not there yet. There must be room.
  void insert(std::uint32_t hash, Slot slot) {
    std::size_t at = hash & mask_;
    for (; groups_[at].free() == 0; at = (at + 1) & mask_) groups_[at].pass();
    groups_[at].put(place(groups_[at].free()), hash, slot);
  }

  // A slot that is there, by the hash it was inserted with.
  void erase(std::uint32_t hash, Slot slot) {
    for (std::size_t at = hash & mask_;; at = (at + 1) & mask_) {
      auto& group = groups_[at];
      for (auto likely = group.likely(hash); likely != 0; likely &= likely - 1) {
        if (group.slots[place(likely)] != slot) continue;
        group.drop(place(likely));
        return;
      }
      group.unpass();
    }
  }

  void clear() { groups_.assign(groups_.size(), Group{}); }

 private:
  static constexpr std::uint64_t kLowBits = 0x0000'0101'0101'0101;   // of the six bytes
  static constexpr std::uint64_t kHighBits = 0x0000'8080'8080'8080;  // a slot is there
  static constexpr std::uint64_t kPass = 0x0001'0000'0000'0000;
  static constexpr std::uint64_t kMostPassed = 0xff;  // where it is reached it stays, and searches go on from there

  static std::size_t place(std::uint64_t bits) { return static_cast<std::size_t>(std::countr_zero(bits)) / 8; }
  static std::uint64_t mark(std::uint32_t hash) { return hash >> 25 | 0x80; }

  struct Group {
    std::uint64_t marks = 0;  // a byte for each slot, zero where it is free; above them how many have passed
    Slot slots[6] = {};

    // The high bit of each byte that is the mark of `hash`, and seldom of another.
    [[nodiscard]] std::uint64_t likely(std::uint32_t hash) const {
      const auto differs = marks ^ kLowBits * mark(hash);
      return (differs - kLowBits) & ~differs & kHighBits;
    }
    [[nodiscard]] std::uint64_t free() const { return ~marks & kHighBits; }
    [[nodiscard]] std::uint64_t passed() const { return marks / kPass; }
    void pass() { marks += passed() < kMostPassed ? kPass : 0; }
    void unpass() { marks -= passed() < kMostPassed ? kPass : 0; }
    void put(std::size_t at, std::uint32_t hash, Slot slot) {
      marks |= mark(hash) << 8 * at;
      slots[at] = slot;
    }
    void drop(std::size_t at) { marks &= ~(std::uint64_t{0xff} << 8 * at); }
  };

  std::size_t mask_;
  std::vector<Group> groups_;
};

}  // namespace tidegate
