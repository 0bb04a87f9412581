// The connections that are known, by their two ends in either order: a table with a bound, and lists that tell
// which was silent for longest. Nothing here depends on the order in the table, so that the same packets always have
// the same effect.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "base/slot_index.h"
#include "base/time.h"
#include "http/conversation.h"
#include "http/reassembly.h"

namespace tidegate {

struct Connection;

struct ConnectionLinks {
  Connection* before = nullptr;
  Connection* after = nullptr;
  bool listed = false;
};

struct Connection {
  Connection(const ConnectionEnds& between, std::uint32_t key, SlotIndex::Slot place, std::size_t most_head)
      : ends{between}, hash{key}, slot{place}, http{most_head} {}

  ConnectionEnds ends;  // the first packet's source, and its destination
  std::uint32_t hash;
  SlotIndex::Slot slot;              // in the table
  std::array<TcpStream, 2> streams;  // from each end
  Conversation http;

  Instant last;             // its latest packet
  Instant listed;           // when it took its place in the list of open or closed ones
  Instant holding;          // since when it has held memory, or when that was last looked at
  std::size_t charged = 0;  // memory that is counted against what all may hold
  bool closed = false;
  ConnectionLinks by_silence;  // in the list of open ones, or in that of closed ones
  ConnectionLinks by_holding;
};

// A queue of connections that lives in the connections.
template <ConnectionLinks Connection::* Links>
class ConnectionQueue {
 public:
  [[nodiscard]] Connection* front() const { return front_; }

  void push_back(Connection& connection) {
    connection.*Links = {.before = back_, .after = nullptr, .listed = true};
    (back_ == nullptr ? front_ : (back_->*Links).after) = &connection;
    back_ = &connection;
  }
  void remove(Connection& connection) {
    const auto [before, after, listed] = connection.*Links;
    if (!listed) return;
    (before == nullptr ? front_ : (before->*Links).after) = after;
    (after == nullptr ? back_ : (after->*Links).before) = before;
    connection.*Links = {};
  }
  void move_to_back(Connection& connection) {
    remove(connection);
    push_back(connection);
  }

 private:
  Connection* front_ = nullptr;
  Connection* back_ = nullptr;
};

class ConnectionTable {
 public:
  // At most `most` connections (at least one). `seed`: see HttpReaderSettings.
  ConnectionTable(std::size_t most, std::uint64_t seed);

  struct Found {
    Connection* connection;  // null: not known
    std::size_t side;        // of the source
    std::uint32_t hash;      // for insert()
  };
  [[nodiscard]] Found find(const Endpoint& source, const Endpoint& destination);

  // A connection that find() did not find just now. There must be room.
  Connection& insert(const Endpoint& source, const Endpoint& destination, std::uint32_t hash, std::size_t most_head);
  void erase(Connection& connection);

  [[nodiscard]] bool full() const { return size() == most_; }
  [[nodiscard]] std::size_t size() const { return records_.size() - free_.size(); }

 private:
  [[nodiscard]] std::uint32_t hash_of(const Endpoint& one, const Endpoint& other) const;

  std::size_t most_;
  std::uint64_t seed_;
  SlotIndex index_;
  std::deque<Connection> records_;     // by slot; they stay where they are
  std::vector<SlotIndex::Slot> free_;  // the last one used first
};

}  // namespace tidegate
