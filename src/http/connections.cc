#include "http/connections.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>

#include "base/check.h"

namespace tidegate {
namespace {

__extension__ using Wide = unsigned __int128;

// Both halves of a product, folded: every bit of both factors matters.
std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
  const Wide product = Wide{a} * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

// One step of SplitMix64, to make many seeds of one.
std::uint64_t draw(std::uint64_t& state) {
  state += 0x9e3779b97f4a7c15;
  std::uint64_t value = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

}  // namespace

ConnectionTable::ConnectionTable(std::size_t most, std::uint64_t seed)
    : most_{std::max<std::size_t>(most, 1)},
      mask_{std::bit_ceil(most_ * 2) - 1},
      seeds_{draw(seed), draw(seed), draw(seed)},
      slots_(mask_ + 1) {}

std::uint64_t ConnectionTable::hash_of(const Endpoint& endpoint) const {
  std::array<std::uint64_t, 2> words{};
  const auto bytes = endpoint.address.bytes();
  if (bytes.size() == 16) {
    std::memcpy(words.data(), bytes.data(), 16);
  } else if (bytes.size() == 4) {
    std::memcpy(words.data(), bytes.data(), 4);
  }
  const std::uint64_t address = fold(words[0] ^ seeds_[0], words[1] ^ seeds_[1]);
  return fold(address ^ seeds_[2], std::uint64_t{endpoint.port} + 0xd6e8feb86659fd93);
}

// The same either way round.
std::uint64_t ConnectionTable::hash_of(const Endpoint& one, const Endpoint& other) const {
  if (!one.address.is_v4() || !other.address.is_v4()) return hash_of(one) + hash_of(other);
  const auto word = [](const Endpoint& endpoint) {
    std::uint32_t address = 0;
    std::memcpy(&address, endpoint.address.bytes().data(), sizeof address);
    return std::uint64_t{endpoint.port} << 32 | address;
  };
  return fold(word(one) ^ seeds_[0], word(other) ^ seeds_[0]);
}

ConnectionTable::Found ConnectionTable::find(const Endpoint& source, const Endpoint& destination) {
  const std::uint64_t hash = hash_of(source, destination);
  for (std::size_t i = hash & mask_; slots_[i].connection != nullptr; i = (i + 1) & mask_) {
    if (slots_[i].hash != hash) continue;
    auto& connection = *slots_[i].connection;
    if (connection.ends[0] == source && connection.ends[1] == destination) return {&connection, 0, hash};
    if (connection.ends[1] == source && connection.ends[0] == destination) return {&connection, 1, hash};
  }
  return {nullptr, 0, hash};
}

Connection& ConnectionTable::insert(const Endpoint& source, const Endpoint& destination, std::uint64_t hash,
                                    std::size_t most_head) {
  TIDEGATE_CHECK(!full());
  const ConnectionEnds ends{source, destination};
  Connection* connection = nullptr;
  if (free_.empty()) {
    connection = &records_.emplace_back(ends, hash, most_head);
  } else {
    connection = free_.back();
    free_.pop_back();
    std::destroy_at(connection);
    std::construct_at(connection, ends, hash, most_head);
  }
  std::size_t i = hash & mask_;
  while (slots_[i].connection != nullptr) i = (i + 1) & mask_;
  slots_[i] = {.hash = hash, .connection = connection};
  ++count_;
  return *connection;
}

void ConnectionTable::erase(Connection& connection) {
  std::size_t hole = connection.hash & mask_;
  while (slots_[hole].connection != &connection) hole = (hole + 1) & mask_;
  // What lies behind moves up, unless it would then stand before its own place.
  for (std::size_t i = (hole + 1) & mask_; slots_[i].connection != nullptr; i = (i + 1) & mask_) {
    if (((i - slots_[i].hash) & mask_) < ((i - hole) & mask_)) continue;
    slots_[hole] = slots_[i];
    hole = i;
  }
  slots_[hole] = {};
  --count_;
  free_.push_back(&connection);
}

}  // namespace tidegate
