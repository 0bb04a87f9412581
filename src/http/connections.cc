#include "http/connections.h"

#include <algorithm>
#include <memory>

#include "base/check.h"
#include "model/key_hash.h"

namespace tidegate {

ConnectionTable::ConnectionTable(std::size_t most, std::uint64_t seed)
    : most_{std::max<std::size_t>(most, 1)}, seed_{seed}, index_{most_} {}

// The same either way round.
std::uint32_t ConnectionTable::hash_of(const Endpoint& one, const Endpoint& other) const {
  return static_cast<std::uint32_t>(hash_address(one.address, seed_ ^ one.port) +
                                    hash_address(other.address, seed_ ^ other.port));
}

ConnectionTable::Found ConnectionTable::find(const Endpoint& source, const Endpoint& destination) {
  const auto hash = hash_of(source, destination);
  std::size_t side = 0;
  const auto slot = index_.find(hash, [&](SlotIndex::Slot known) {
    const auto& [first, second] = records_[known].ends;
    side = first == source && second == destination ? 0 : 1;
    return side == 0 || (second == source && first == destination);
  });
  return {slot == SlotIndex::kNone ? nullptr : &records_[slot], side, hash};
}

Connection& ConnectionTable::insert(const Endpoint& source, const Endpoint& destination, std::uint32_t hash,
                                    std::size_t most_head) {
  TIDEGATE_CHECK(!full());
  const ConnectionEnds ends{source, destination};
  auto slot = static_cast<SlotIndex::Slot>(records_.size());
  if (free_.empty()) {
    records_.emplace_back(ends, hash, slot, most_head);
  } else {
    slot = free_.back();
    free_.pop_back();
    std::destroy_at(&records_[slot]);
    std::construct_at(&records_[slot], ends, hash, slot, most_head);
  }
  index_.insert(hash, slot);
  return records_[slot];
}

void ConnectionTable::erase(Connection& connection) {
  index_.erase(connection.hash, connection.slot);
  free_.push_back(connection.slot);
}

}  // namespace tidegate
