// The clients of one service: who they are, what passed each way, and when last. Bounded.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/time.h"
#include "model/address.h"
#include "model/sample.h"

namespace tidegate {

struct Client {
  Endpoint endpoint;
  Protocol protocol = Protocol::other;
  std::uint64_t bytes_in = 0;  // towards the service
  std::uint64_t bytes_out = 0;
  std::uint64_t packets = 0;  // both ways
  Instant first;
  Instant last;  // last packet either way
};

class ClientTable {
 public:
  static constexpr std::size_t kMost = 4096;  // past it the one silent for longest is forgotten
  static constexpr Duration kSameInterface = std::chrono::seconds{5};

  // Counts a sample whose direction is already the service's (in or out). A packet that another interface shows again
  // (a VLAN or a bridge and its port, on a capture of all) is not counted twice: each way a client is counted on the
  // interface where it was first seen, until it has been silent there for 5 s.
  void add(const Sample& sample);

  // Those seen since `since`, the latest first.
  [[nodiscard]] std::vector<Client> since(Instant since) const;
  [[nodiscard]] std::size_t count_since(Instant since) const;

  // Since the table was made, forgotten clients included.
  [[nodiscard]] std::uint64_t bytes_in() const { return bytes_in_; }
  [[nodiscard]] std::uint64_t bytes_out() const { return bytes_out_; }
  [[nodiscard]] std::uint64_t packets_in() const { return packets_in_; }

 private:
  struct Key {
    Endpoint endpoint;
    Protocol protocol;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    std::size_t operator()(const Key& key) const noexcept {
      return std::hash<Endpoint>{}(key.endpoint) ^ static_cast<std::size_t>(key.protocol);
    }
  };
  // Where one way's packets are counted.
  struct Path {
    std::uint32_t interface = 0;
    std::optional<Instant> last;  // none: nothing passed yet
  };
  struct Entry {
    Client client;
    std::array<Path, 2> paths;  // in, out
  };

  std::list<Entry> entries_;  // the latest seen first
  std::unordered_map<Key, std::list<Entry>::iterator, Hash> by_key_;
  std::uint64_t bytes_in_ = 0;
  std::uint64_t bytes_out_ = 0;
  std::uint64_t packets_in_ = 0;
};

}  // namespace tidegate
