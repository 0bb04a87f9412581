// The heaviest keys of a stream in bounded memory: Space-Saving with its stream-summary (Metwally, Agrawal, El Abbadi:
// "Efficient computation of frequent and top-k elements in data streams", ICDT 2005). A key that is not kept takes the
// place of the lightest one and its count, which from then on is the error of its own.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/slot_index.h"
#include "model/address.h"
#include "model/key_hash.h"
#include "model/ranked.h"

namespace tidegate {

// How a key is looked up (View), hashed, compared, and owned.
template <typename Key>
struct TopTraits;

template <>
struct TopTraits<IpAddress> {
  using View = const IpAddress&;
  static std::uint64_t hash(View key, std::uint64_t seed) { return hash_address(key, seed); }
  static bool equal(const IpAddress& kept, View key) { return kept == key; }
  static void assign(IpAddress& kept, View key) { kept = key; }
};

// A key longer than kMostBytes is known by its first kMostBytes, and is kept with the mark behind them: all that begin
// alike are one.
template <>
struct TopTraits<std::string> {
  using View = std::string_view;
  static constexpr std::size_t kMostBytes = 128;
  static constexpr std::string_view kCut = "…";

  static std::uint64_t hash(View key, std::uint64_t seed) {
    return key.size() <= kMostBytes ? hash_bytes(key, seed) : hash_bytes(key.substr(0, kMostBytes), ~seed);
  }
  static bool equal(const std::string& kept, View key) {
    if (key.size() <= kMostBytes) return kept == key;
    return kept.size() == kMostBytes + kCut.size() && kept.starts_with(key.substr(0, kMostBytes));
  }
  static void assign(std::string& kept, View key) {
    kept.assign(key.substr(0, kMostBytes));
    if (key.size() > kMostBytes) kept.append(kCut);
  }
};

// Memory: capacity × (24 bytes + the key + 11 to 22 of index + 24), all of it taken at the start (the bytes of long
// texts as they come, at most 131 each). No other allocation, ever. What is kept and its order depend on nothing but
// the calls, not on the seed. One thread.
template <typename Key, typename Traits = TopTraits<Key>>
class Top {
 public:
  using View = typename Traits::View;
  static constexpr std::size_t kMostCapacity = 1U << 24;

  // Where a key is kept: 0 to capacity - 1, the same until the key makes way. A caller may keep more about a key in an
  // array of its own beside it.
  using Slot = SlotIndex::Slot;
  struct Added {
    Slot slot;
    bool fresh;  // the key has just come to this slot; what was there, if anything, is gone
  };
  using Entry = Ranked<Key>;

  // At least 1 and at most kMostCapacity keys are kept. `seed`: anything strangers do not know.
  explicit Top(std::size_t capacity, std::uint64_t seed = 0)
      : seed_{seed}, nodes_(capacity), buckets_(capacity + 1), index_{capacity} {
    TIDEGATE_CHECK(capacity >= 1 && capacity <= kMostCapacity);
    forget_buckets();
  }

  // A key's hash, whose place in the index is fetched meanwhile: for callers who have other work to do before they add.
  struct Hash {
    std::uint32_t tag;
  };
  [[nodiscard]] Hash hash(View key) const {
    const auto tag = tag_of(key);
    index_.prefetch(tag);
    return {tag};
  }

  // Adds `weight` to the count of `key`. O(1) for a weight of 1; else it passes the different counts in between.
  Added add(View key, std::uint64_t weight = 1) { return add(key, Hash{tag_of(key)}, weight); }
  Added add(View key, Hash hash, std::uint64_t weight = 1) {
    total_ += weight;
    const auto tag = hash.tag;
    if (const auto slot = look_up(key, tag); slot != kNone) {
      raise(slot, weight);
      return {slot, false};
    }
    if (used_ < nodes_.size()) {
      const auto slot = take_free(key, tag);
      link(slot, weight);
      return {slot, true};
    }
    const auto slot = buckets_[lowest_].first;
    auto& node = nodes_[slot];
    index_.erase(node.tag, slot);
    index_.insert(tag, slot);
    Traits::assign(node.key, key);
    node.tag = tag;
    node.error = buckets_[lowest_].count;
    raise(slot, weight);
    index_.prefetch(nodes_[buckets_[lowest_].first].tag);  // of the next to make way
    return {slot, true};
  }

  // The slot of `key`, with a count of 0 if it was not kept and there was room; none: no room.
  std::optional<Added> place(View key) {
    const auto tag = tag_of(key);
    if (const auto slot = look_up(key, tag); slot != kNone) return Added{slot, false};
    if (used_ == nodes_.size()) return std::nullopt;
    const auto slot = take_free(key, tag);
    link(slot, 0);
    return Added{slot, true};
  }

  [[nodiscard]] std::optional<Slot> find(View key) const {
    const auto slot = look_up(key, tag_of(key));
    if (slot == kNone) return std::nullopt;
    return slot;
  }

  // Of a slot below size().
  [[nodiscard]] const Key& key(Slot slot) const { return nodes_[slot].key; }
  [[nodiscard]] std::uint64_t count(Slot slot) const { return buckets_[nodes_[slot].bucket].count; }
  [[nodiscard]] std::uint64_t error(Slot slot) const { return nodes_[slot].error; }

  [[nodiscard]] std::size_t size() const { return used_; }
  [[nodiscard]] std::size_t capacity() const { return nodes_.size(); }
  [[nodiscard]] std::uint64_t total() const { return total_; }  // of all weights, whatever their key
  // What a key that is not kept can weigh at the most; never more than total() / capacity(). 0: nothing made way yet.
  [[nodiscard]] std::uint64_t floor() const { return used_ < nodes_.size() ? 0 : buckets_[lowest_].count; }

  // The slots of the heaviest, at most `most`: by count, the larger first, then by error, the smaller first, then by
  // key.
  [[nodiscard]] std::vector<Slot> ranking(std::size_t most) const {
    std::vector<Slot> slots(used_);
    std::iota(slots.begin(), slots.end(), Slot{0});
    const auto shown = std::ranges::next(slots.begin(), static_cast<std::ptrdiff_t>(std::min(most, used_)));
    std::ranges::partial_sort(slots, shown, [this](Slot left, Slot right) {
      if (count(left) != count(right)) return count(left) > count(right);
      if (error(left) != error(right)) return error(left) < error(right);
      return key(left) < key(right);
    });
    slots.erase(shown, slots.end());
    return slots;
  }

  // The same as values.
  [[nodiscard]] std::vector<Entry> heaviest(std::size_t most) const {
    const auto shown = std::min(most, used_);
    const auto slots = ranking(shown + 1);  // one more: the last is certain only against the next
    std::vector<Entry> entries;
    entries.reserve(shown);
    for (std::size_t i = 0; i < shown; ++i) {
      const auto next = i + 1 < slots.size() ? count(slots[i + 1]) : floor();
      const auto counted = count(slots[i]);
      const auto error = nodes_[slots[i]].error;
      entries.push_back({nodes_[slots[i]].key, counted, error, counted - error >= next});
    }
    return entries;
  }

  // Forgets all keys and counts; keeps the memory.
  void clear() {
    used_ = 0;
    total_ = 0;
    index_.clear();
    forget_buckets();
  }

 private:
  static constexpr std::uint32_t kNone = SlotIndex::kNone;

  struct Node {
    std::uint64_t error = 0;
    std::uint32_t tag = 0;  // of the hash
    std::uint32_t bucket = kNone;
    std::uint32_t before = kNone;  // in the bucket, the longest there first
    std::uint32_t after = kNone;
    Key key{};
  };
  // The keys of one count. Buckets are linked by rising count.
  struct Bucket {
    std::uint64_t count = 0;
    std::uint32_t first = kNone;  // the next to make way
    std::uint32_t last = kNone;
    std::uint32_t lower = kNone;
    std::uint32_t higher = kNone;  // of a free bucket: the next free one
  };
  [[nodiscard]] std::uint32_t tag_of(View key) const { return static_cast<std::uint32_t>(Traits::hash(key, seed_)); }

  [[nodiscard]] Slot look_up(View key, std::uint32_t tag) const {
    return index_.find(tag, [&](Slot slot) { return nodes_[slot].tag == tag && Traits::equal(nodes_[slot].key, key); });
  }

  Slot take_free(View key, std::uint32_t tag) {
    const auto slot = static_cast<Slot>(used_++);
    auto& node = nodes_[slot];
    Traits::assign(node.key, key);
    node.tag = tag;
    node.error = 0;
    index_.insert(tag, slot);
    return slot;
  }

  // Puts a slot that is in no bucket where `count` is.
  void link(Slot slot, std::uint64_t count) {
    if (lowest_ == kNone || buckets_[lowest_].count > count) {
      append(new_bucket(count, kNone, lowest_), slot);
    } else {
      append(bucket_from(lowest_, count), slot);
    }
  }

  void raise(Slot slot, std::uint64_t weight) {
    const auto from = nodes_[slot].bucket;
    auto& bucket = buckets_[from];
    const auto count = bucket.count + weight;
    const bool alone = bucket.first == bucket.last;
    if (alone && (bucket.higher == kNone || buckets_[bucket.higher].count > count)) {
      bucket.count = count;
      return;
    }
    if (weight == 0) return;
    const auto to = bucket_from(from, count);
    unlink(slot);
    append(to, slot);
  }

  // The bucket of `count`, made if need be, sought upwards from one of a lower count or of the same.
  std::uint32_t bucket_from(std::uint32_t at, std::uint64_t count) {
    for (auto next = buckets_[at].higher; next != kNone && buckets_[next].count <= count; next = buckets_[at].higher) {
      at = next;
    }
    return buckets_[at].count == count ? at : new_bucket(count, at, buckets_[at].higher);
  }

  std::uint32_t new_bucket(std::uint64_t count, std::uint32_t lower, std::uint32_t higher) {
    const auto made = free_;
    free_ = buckets_[made].higher;
    buckets_[made] = {count, kNone, kNone, lower, higher};
    (lower == kNone ? lowest_ : buckets_[lower].higher) = made;
    if (higher != kNone) buckets_[higher].lower = made;
    return made;
  }

  void append(std::uint32_t to, Slot slot) {
    auto& bucket = buckets_[to];
    auto& node = nodes_[slot];
    node.bucket = to;
    node.before = bucket.last;
    node.after = kNone;
    (bucket.last == kNone ? bucket.first : nodes_[bucket.last].after) = slot;
    bucket.last = slot;
  }

  void unlink(Slot slot) {
    const auto& node = nodes_[slot];
    auto& bucket = buckets_[node.bucket];
    (node.before == kNone ? bucket.first : nodes_[node.before].after) = node.after;
    (node.after == kNone ? bucket.last : nodes_[node.after].before) = node.before;
    if (bucket.first != kNone) return;
    (bucket.lower == kNone ? lowest_ : buckets_[bucket.lower].higher) = bucket.higher;
    if (bucket.higher != kNone) buckets_[bucket.higher].lower = bucket.lower;
    bucket.higher = free_;
    free_ = node.bucket;
  }

  void forget_buckets() {
    lowest_ = kNone;
    free_ = 0;
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
      buckets_[i].higher = i + 1 < buckets_.size() ? static_cast<std::uint32_t>(i + 1) : kNone;
    }
  }

  std::uint64_t seed_;
  std::vector<Node> nodes_;
  std::vector<Bucket> buckets_;
  SlotIndex index_;
  std::size_t used_ = 0;
  std::uint64_t total_ = 0;
  std::uint32_t lowest_ = kNone;
  std::uint32_t free_ = 0;
};

}  // namespace tidegate
