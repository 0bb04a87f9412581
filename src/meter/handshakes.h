// TCP connections whose handshake is not over (RFC 9293, section 3.5), in bounded memory: a flat array with
// an index, and a list by the time of the last SYN, so that the one which has waited longest is always at hand.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/slot_index.h"
#include "base/time.h"
#include "model/address.h"

namespace tidegate {

// Memory: capacity × 75 to 86 bytes, all of it taken at the start. One thread.
class Handshakes {
 public:
  struct Connection {
    Endpoint initiator;
    Endpoint responder;
    bool operator==(const Connection&) const = default;
  };
  static constexpr std::size_t kMostCapacity = 1U << 24;

  // At least 1 and at most kMostCapacity connections. `seed`: anything strangers do not know.
  explicit Handshakes(std::size_t capacity, std::uint64_t seed = 0);

  // Who began a connection, and where the caller keeps what he knows of that address: a number that is his.
  struct Origin {
    IpAddress address;
    std::uint32_t slot = 0;
    bool operator==(const Origin&) const = default;
  };
  struct Syn {
    bool fresh;                      // the connection was not known, and has begun; else the SYN was sent again
    std::uint32_t& slot;             // the origin's; of a fresh connection it is for the caller to set, before all else
    std::optional<Origin> gave_way;  // for want of room: the connection whose last SYN was the oldest
  };

  // A connection's hash, whose place is fetched meanwhile: for callers who have other work to do before they ask.
  struct Hash {
    std::uint32_t tag;
  };
  [[nodiscard]] Hash hash(const Connection& connection) const;

  // A SYN at `now`, from which the connection's waiting time runs, anew if it is known.
  Syn syn(const Connection& connection, Instant now) { return syn(connection, hash(connection), now); }
  Syn syn(const Connection& connection, Hash hash, Instant now);

  // The handshake is over; who began it. None: there was none, or it is over already.
  std::optional<Origin> end(const Connection& connection) { return end(connection, hash(connection)); }
  std::optional<Origin> end(const Connection& connection, Hash hash);

  // Takes out the connection whose last SYN is the oldest, if that is not younger than `until`.
  std::optional<Origin> take_oldest(Instant until = Instant::max());

  [[nodiscard]] std::size_t size() const { return used_; }

 private:
  static constexpr std::uint32_t kNone = SlotIndex::kNone;

  struct alignas(64) Entry {  // of one cache line
    Connection connection;
    std::uint32_t slot = 0;
    std::uint32_t tag = 0;  // of the hash
    Instant last_syn;
    std::uint32_t before = kNone;  // by the time of the last SYN
    std::uint32_t after = kNone;   // of a free entry: the next free one
  };
  static_assert(sizeof(Entry) == 64);

  [[nodiscard]] std::uint32_t find(const Connection& connection, std::uint32_t tag) const;
  void append(std::uint32_t entry);
  void unlink(std::uint32_t entry);
  Origin remove(std::uint32_t entry);

  std::uint64_t seed_;
  std::vector<Entry> entries_;  // one more than are kept: who is new comes in before the oldest makes way
  SlotIndex index_;
  std::size_t used_ = 0;
  std::uint32_t free_ = 0;
  std::uint32_t oldest_ = kNone;
  std::uint32_t newest_ = kNone;
};

}  // namespace tidegate
