// TCP connections whose handshake is not over (RFC 9293, section 3.5), in bounded memory: flat arrays, open addressing,
// and a list by the time of the last SYN, so that the one which has waited longest is always at hand.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/time.h"
#include "model/address.h"

namespace tidegate {

// Memory: capacity × about 80 bytes, all of it taken at the start. One thread.
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

  // A SYN at `now`. True: the connection was not known, and has begun; there must be room. False: it is a SYN sent
  // again, from which its waiting time runs anew.
  bool syn(const Connection& connection, Instant now);

  [[nodiscard]] bool knows(const Connection& connection) const;

  // The handshake is over. False: there was none, or it is over already.
  bool end(const Connection& connection);

  // Takes out the connection whose last SYN is the oldest, if that is not younger than `until`; its initiator.
  std::optional<IpAddress> take_oldest(Instant until = Instant::max());

  [[nodiscard]] std::size_t size() const { return used_; }
  [[nodiscard]] bool full() const { return used_ == entries_.size(); }

 private:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  struct Entry {
    Connection connection;
    Instant last_syn;
    std::uint32_t tag = 0;         // of the hash
    std::uint32_t before = kNone;  // by the time of the last SYN
    std::uint32_t after = kNone;   // of a free entry: the next free one
  };
  struct Cell {
    std::uint32_t tag = 0;
    std::uint32_t entry = kNone;
  };

  [[nodiscard]] std::uint32_t tag_of(const Connection& connection) const;
  // Where the connection's cell is, or the free cell where it would be.
  [[nodiscard]] std::size_t cell_of(const Connection& connection, std::uint32_t tag) const;
  void empty_cell(std::size_t cell);
  void append(std::uint32_t entry);
  void unlink(std::uint32_t entry);
  void remove(std::size_t cell);

  std::uint64_t seed_;
  std::size_t mask_;
  std::vector<Entry> entries_;
  std::vector<Cell> cells_;
  std::size_t used_ = 0;
  std::uint32_t free_ = 0;
  std::uint32_t oldest_ = kNone;
  std::uint32_t newest_ = kNone;
};

}  // namespace tidegate
