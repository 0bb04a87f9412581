#include "meter/handshakes.h"

#include <utility>

#include "base/check.h"
#include "model/key_hash.h"

namespace tidegate {

Handshakes::Handshakes(std::size_t capacity, std::uint64_t seed)
    : seed_{seed}, entries_(capacity + 1), index_{capacity + 1} {
  TIDEGATE_CHECK(capacity >= 1 && capacity <= kMostCapacity);
  for (std::size_t i = 0; i < capacity; ++i) entries_[i].after = static_cast<std::uint32_t>(i + 1);
}

Handshakes::Syn Handshakes::syn(const Connection& connection, Hash hash, Instant now) {
  if (const auto known = find(connection, hash.tag); known != kNone) {
    unlink(known);
    entries_[known].last_syn = now;
    append(known);
    return {.fresh = false, .slot = entries_[known].slot, .gave_way = {}};
  }
  const auto made = free_;
  auto& entry = entries_[made];
  free_ = entry.after;
  entry.connection = connection;
  entry.last_syn = now;
  entry.tag = hash.tag;
  append(made);
  index_.insert(hash.tag, made);
  ++used_;
  return {.fresh = true,
          .slot = entry.slot,
          .gave_way = used_ == entries_.size() ? take_oldest() : std::optional<Origin>{}};
}

std::optional<Handshakes::Origin> Handshakes::end(const Connection& connection, Hash hash) {
  const auto known = find(connection, hash.tag);
  if (known == kNone) return std::nullopt;
  return remove(known);
}

std::optional<Handshakes::Origin> Handshakes::take_oldest(Instant until) {
  if (oldest_ == kNone || entries_[oldest_].last_syn > until) return std::nullopt;
  const auto taken = remove(oldest_);
  // The next one's place in the index is far from here, and in a flood it is wanted with the next packet.
  if (oldest_ != kNone) index_.prefetch(entries_[oldest_].tag);
  return taken;
}

Handshakes::Hash Handshakes::hash(const Connection& connection) const {
  const auto tag = static_cast<std::uint32_t>(hash_endpoints(connection.initiator, connection.responder, seed_));
  index_.prefetch(tag);
  return {tag};
}

std::uint32_t Handshakes::find(const Connection& connection, std::uint32_t tag) const {
  return index_.find(tag, [&](std::uint32_t entry) { return entries_[entry].connection == connection; });
}

void Handshakes::append(std::uint32_t entry) {
  entries_[entry].before = newest_;
  entries_[entry].after = kNone;
  (newest_ == kNone ? oldest_ : entries_[newest_].after) = entry;
  newest_ = entry;
}

void Handshakes::unlink(std::uint32_t entry) {
  const auto [before, after] = std::pair{entries_[entry].before, entries_[entry].after};
  (before == kNone ? oldest_ : entries_[before].after) = after;
  (after == kNone ? newest_ : entries_[after].before) = before;
}

Handshakes::Origin Handshakes::remove(std::uint32_t entry) {
  index_.erase(entries_[entry].tag, entry);
  unlink(entry);
  entries_[entry].after = free_;
  free_ = entry;
  --used_;
  return {.address = entries_[entry].connection.initiator.address, .slot = entries_[entry].slot};
}

}  // namespace tidegate
