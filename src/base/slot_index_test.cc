#include "base/slot_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <random>
#include <vector>

namespace tidegate {
namespace {

using Slot = SlotIndex::Slot;

Slot find(const SlotIndex& index, std::uint32_t hash, Slot wanted) {
  return index.find(hash, [wanted](Slot slot) { return slot == wanted; });
}

TEST(SlotIndex, finds_what_was_inserted_until_it_is_erased) {
  SlotIndex index{3};
  EXPECT_EQ(find(index, 7, 0), SlotIndex::kNone);
  index.insert(7, 0);
  index.insert(7, 1);
  EXPECT_EQ(find(index, 7, 0), 0u);
  EXPECT_EQ(find(index, 7, 1), 1u);
  index.erase(7, 0);
  EXPECT_EQ(find(index, 7, 0), SlotIndex::kNone);
  EXPECT_EQ(find(index, 7, 1), 1u);
  index.clear();
  EXPECT_EQ(find(index, 7, 1), SlotIndex::kNone);
}

TEST(SlotIndex, asks_for_what_may_be_meant_and_for_little_else) {
  constexpr std::size_t kRecords = 10'000;
  std::minstd_rand random{1};
  std::vector<std::uint32_t> hashes(kRecords);
  SlotIndex index{kRecords};
  for (Slot slot = 0; slot < kRecords; ++slot) {
    hashes[slot] = static_cast<std::uint32_t>(random()) * 2;
    index.insert(hashes[slot], slot);
  }
  std::size_t asked = 0;
  for (Slot slot = 0; slot < kRecords; ++slot) {
    const auto found = index.find(hashes[slot], [&](Slot one) {
      ++asked;
      return one == slot;
    });
    ASSERT_EQ(found, slot);
  }
  EXPECT_LT(asked, kRecords + kRecords / 10);
}

// Whatever comes and goes, with hashes of which many are the same, alike in their group, or alike in their mark.
TEST(SlotIndex, is_as_a_list_that_is_searched_from_end_to_end) {
  for (const std::size_t capacity : {1u, 2u, 6u, 7u, 100u, 1'000u}) {
    std::mt19937 random{static_cast<unsigned>(capacity)};
    SlotIndex index{capacity};
    std::vector<std::uint32_t> hashes(capacity);
    std::vector<bool> there(capacity);
    std::size_t most = 0;
    for (int step = 0; step < 20'000; ++step) {
      const auto slot = static_cast<Slot>(random() % capacity);
      if (there[slot]) {
        index.erase(hashes[slot], slot);
      } else {
        const std::uint32_t few[] = {0, 1, 0xfe00'0000, 0xffff'ffff, static_cast<std::uint32_t>(random())};
        hashes[slot] = few[random() % std::size(few)];
        index.insert(hashes[slot], slot);
      }
      there[slot] = !there[slot];
      most = std::max<std::size_t>(most, static_cast<std::size_t>(std::ranges::count(there, true)));
      for (const auto other : {slot, static_cast<Slot>(random() % capacity)}) {
        ASSERT_EQ(find(index, hashes[other], other), there[other] ? other : SlotIndex::kNone);
      }
    }
    EXPECT_GT(most, capacity / 2);
  }
}

// More of one hash than a group can count as having passed it.
TEST(SlotIndex, stays_right_where_all_hashes_are_one) {
  constexpr Slot kRecords = 2'000;
  SlotIndex index{kRecords};
  for (Slot slot = 0; slot < kRecords; ++slot) index.insert(5, slot);
  for (Slot slot = 0; slot < kRecords; slot += 2) index.erase(5, slot);
  for (Slot slot = 0; slot < kRecords; ++slot) {
    ASSERT_EQ(find(index, 5, slot), slot % 2 == 0 ? SlotIndex::kNone : slot);
  }
  for (Slot slot = 1; slot < kRecords; slot += 2) index.erase(5, slot);
  for (Slot slot = 0; slot < kRecords; ++slot) ASSERT_EQ(find(index, 5, slot), SlotIndex::kNone);
}

}  // namespace
}  // namespace tidegate
