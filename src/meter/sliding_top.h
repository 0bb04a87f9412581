// The heaviest keys of a sliding window in bounded memory. The running second has a summary of its own (meter/top.h);
// when it ends, its heaviest keys are kept, and a window is the merger of its seconds: counts and errors add up, and
// where a second did not keep a key, what that key may have weighed there is added to both (Agarwal et al., "Mergeable
// summaries", PODS 2012).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "meter/top.h"
#include "meter/window.h"
#include "model/ranked.h"

namespace tidegate {

struct SlidingTopSettings {
  std::size_t running = 0;  // keys counted in the running second
  std::size_t kept = 0;     // of each second that has ended
  std::size_t seconds = 0;  // that are kept
  std::uint64_t seed = 0;   // of the tables: anything strangers do not know
};

// Memory: that of a Top of `running` keys; for each second at most `kept` × (12 bytes + a name, where no other second
// has it: 64 bytes + the key). A window's error is at most its total / running, plus in each second the count of the
// first key not kept. The same calls give the same answers, whatever the seed. One thread.
template <typename Key, typename Traits = TopTraits<Key>>
class SlidingTop {
 public:
  using Running = Top<Key, Traits>;
  using View = typename Running::View;
  using Slot = typename Running::Slot;
  using Id = std::uint32_t;  // of a key that a second has kept, until no second does

  struct Closed {
    Slot slot;
    Id id;
  };
  struct Found {
    Ranked<Key> ranked;
    std::optional<Slot> slot;  // in the running second
    std::optional<Id> id;      // in seconds that have ended
  };

  explicit SlidingTop(const SlidingTopSettings& settings)
      : kept_{settings.kept},
        running_{settings.running, settings.seed},
        past_{settings.seconds},
        ids_{0, Hash{settings.seed}} {}

  // One more of `key`, or its slot only (Top::place), in the running second.
  typename Running::Added add(View key) { return running_.add(key); }
  std::optional<typename Running::Added> place(View key) { return running_.place(key); }

  [[nodiscard]] const Running& running() const { return running_; }

  // The running second has ended. Gives what is kept of it, heaviest first, until the next call.
  std::span<const Closed> close() {
    auto& part = past_.push();
    for (const auto& item : part.items) release(item.id);
    part.items.clear();
    part.floor = 0;
    closed_.clear();
    if (running_.size() == 0) return closed_;

    auto slots = running_.ranking(kept_ + 1);
    part.floor = running_.floor();
    if (slots.size() > kept_) {
      part.floor = std::max(part.floor, running_.count(slots.back()));
      slots.pop_back();
    }
    part.items.reserve(slots.size());
    closed_.reserve(slots.size());
    for (const auto slot : slots) {
      const auto id = hold(running_.key(slot));
      part.items.push_back(
          {id, static_cast<std::uint32_t>(running_.count(slot)), static_cast<std::uint32_t>(running_.error(slot))});
      closed_.push_back({slot, id});
    }
    running_.clear();
    return closed_;
  }

  // Of the running second and the last `seconds` that have ended, at most `most`: by count, the larger first, then by
  // error, the smaller first, then by key. One that only had a place is among them, with a count of 0.
  [[nodiscard]] std::vector<Found> heaviest(std::size_t seconds, std::size_t most) const {
    std::uint64_t unseen = 0;  // what a key that is nowhere can weigh at the most
    auto all = candidates(seconds, unseen);
    const auto shown = std::min(most, all.size());
    const auto sorted = std::min(shown + 1, all.size());  // one more: the last is certain only against the next
    std::ranges::partial_sort(all, all.begin() + static_cast<std::ptrdiff_t>(sorted), precedes);
    std::vector<Found> found;
    found.reserve(shown);
    for (std::size_t i = 0; i < shown; ++i) {
      const auto& [key, count, error, slot, id] = all[i];
      const auto next = i + 1 < sorted ? all[i + 1].count : unseen;
      found.push_back({{*key, count, error, count - error >= next}, slot, id});
    }
    return found;
  }

 private:
  struct Hash {
    std::uint64_t seed = 0;
    std::size_t operator()(const Key& key) const { return Traits::hash(key, seed); }
  };
  struct Item {
    Id id;
    std::uint32_t count;  // of one second
    std::uint32_t error;
  };
  struct Part {
    std::vector<Item> items;
    std::uint64_t floor = 0;  // what a key that was not kept can have weighed at the most
  };
  struct Name {
    const Key* key = nullptr;  // in ids_
    std::uint32_t holders = 0;
  };
  struct Sum {
    std::uint64_t count = 0;
    std::uint64_t error = 0;
    std::uint64_t floor = 0;  // of the seconds that kept it
    bool present = false;
  };
  struct Candidate {
    const Key* key;
    std::uint64_t count;
    std::uint64_t error;
    std::optional<Slot> slot;
    std::optional<Id> id;
  };

  static bool precedes(const Candidate& left, const Candidate& right) {
    if (left.count != right.count) return left.count > right.count;
    if (left.error != right.error) return left.error < right.error;
    return *left.key < *right.key;
  }

  [[nodiscard]] std::vector<Candidate> candidates(std::size_t seconds, std::uint64_t& unseen) const {
    std::vector<Sum> sums(names_.size());
    std::vector<Id> present;
    std::uint64_t floor = 0;
    for (std::size_t i = 1; i <= std::min(seconds, past_.held()); ++i) {
      const auto& part = past_.ago(i);
      floor += part.floor;
      for (const auto& item : part.items) {
        auto& sum = sums[item.id];
        if (!sum.present) present.push_back(item.id);
        sum.present = true;
        sum.count += item.count;
        sum.error += item.error;
        sum.floor += part.floor;
      }
    }
    unseen = floor + running_.floor();

    std::vector<Candidate> all;
    all.reserve(present.size() + running_.size());
    std::vector<bool> known(running_.size());
    for (const auto id : present) {
      const auto* key = names_[id].key;
      const auto slot = running_.find(*key);
      if (slot) known[*slot] = true;
      const auto& sum = sums[id];
      const auto elsewhere = floor - sum.floor;
      all.push_back({key, sum.count + elsewhere + (slot ? running_.count(*slot) : running_.floor()),
                     sum.error + elsewhere + (slot ? running_.error(*slot) : running_.floor()), slot, id});
    }
    for (Slot slot = 0; slot < running_.size(); ++slot) {
      if (known[slot]) continue;
      all.push_back({&running_.key(slot), running_.count(slot) + floor, running_.error(slot) + floor, slot, {}});
    }
    return all;
  }

  Id hold(const Key& key) {
    if (const auto known = ids_.find(key); known != ids_.end()) {
      ++names_[known->second].holders;
      return known->second;
    }
    if (free_.empty()) {
      free_.push_back(static_cast<Id>(names_.size()));
      names_.push_back({});
    }
    const auto id = free_.back();
    free_.pop_back();
    names_[id] = {&ids_.emplace(key, id).first->first, 1};
    return id;
  }

  void release(Id id) {
    if (--names_[id].holders > 0) return;
    ids_.erase(ids_.find(*names_[id].key));
    free_.push_back(id);
  }

  std::size_t kept_;
  Running running_;
  Past<Part> past_;
  std::unordered_map<Key, Id, Hash> ids_;
  std::vector<Name> names_;  // by id
  std::vector<Id> free_;
  std::vector<Closed> closed_;
};

}  // namespace tidegate
