#include "meter/handshakes.h"

#include <bit>
#include <utility>

#include "base/check.h"
#include "meter/key_hash.h"

namespace tidegate {

Handshakes::Handshakes(std::size_t capacity, std::uint64_t seed)
    : seed_{seed}, mask_{std::bit_ceil(capacity * 2) - 1}, entries_(capacity + 1), cells_(mask_ + 1) {
  TIDEGATE_CHECK(capacity >= 1 && capacity <= kMostCapacity);
  for (std::size_t i = 0; i < capacity; ++i) entries_[i].after = static_cast<std::uint32_t>(i + 1);
}

Handshakes::Syn Handshakes::syn(const Connection& connection, Hash hash, Instant now) {
  const auto cell = cell_of(connection, hash.tag);
  if (const auto known = cells_[cell].entry; known != kNone) {
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
  cells_[cell] = {hash.tag, made};
  ++used_;
  return {.fresh = true,
          .slot = entry.slot,
          .gave_way = used_ == entries_.size() ? take_oldest() : std::optional<Origin>{}};
}

std::optional<Handshakes::Origin> Handshakes::end(const Connection& connection, Hash hash) {
  const auto cell = cell_of(connection, hash.tag);
  if (cells_[cell].entry == kNone) return std::nullopt;
  return remove(cell);
}

std::optional<Handshakes::Origin> Handshakes::take_oldest(Instant until) {
  if (oldest_ == kNone || entries_[oldest_].last_syn > until) return std::nullopt;
  const auto taken = remove(cell_of(oldest_));
  // The next one's cell is far from here, and in a flood it is wanted with the next packet.
  if (oldest_ != kNone) __builtin_prefetch(&cells_[entries_[oldest_].tag & mask_], 1);
  return taken;
}

Handshakes::Hash Handshakes::hash(const Connection& connection) const {
  const auto& [initiator, responder] = connection;
  const auto ports = std::uint64_t{initiator.port} << 16 | responder.port;
  const auto tag = static_cast<std::uint32_t>(hash_address(
      initiator.address, hash_address(responder.address, key_hash::fold(ports ^ seed_, key_hash::kSecond))));
  __builtin_prefetch(&cells_[tag & mask_], 1);
  return {tag};
}

std::size_t Handshakes::cell_of(const Connection& connection, std::uint32_t tag) const {
  std::size_t at = tag & mask_;
  for (; cells_[at].entry != kNone; at = (at + 1) & mask_) {
    if (cells_[at].tag == tag && entries_[cells_[at].entry].connection == connection) break;
  }
  return at;
}

std::size_t Handshakes::cell_of(std::uint32_t entry) const {
  std::size_t at = entries_[entry].tag & mask_;
  while (cells_[at].entry != entry) at = (at + 1) & mask_;
  return at;
}

// Closes the gap by moving back each later cell of the run that may stand there (Knuth 6.4, algorithm R).
void Handshakes::empty_cell(std::size_t cell) {
  std::size_t gap = cell;
  for (std::size_t at = (gap + 1) & mask_; cells_[at].entry != kNone; at = (at + 1) & mask_) {
    const std::size_t from_home = (at - cells_[at].tag) & mask_;
    if (from_home < ((at - gap) & mask_)) continue;
    cells_[gap] = cells_[at];
    gap = at;
  }
  cells_[gap] = Cell{};
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

Handshakes::Origin Handshakes::remove(std::size_t cell) {
  const auto entry = cells_[cell].entry;
  empty_cell(cell);
  unlink(entry);
  entries_[entry].after = free_;
  free_ = entry;
  --used_;
  return {.address = entries_[entry].connection.initiator.address, .slot = entries_[entry].slot};
}

}  // namespace tidegate
