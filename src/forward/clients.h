// The clients of a forward, by address: what each has moved and has open, and its limits over all its connections, both
// protocols and all data threads. Bounded: the smallest of those that have nothing open leave first.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "meter/rate_limit.h"
#include "model/address.h"

namespace tidegate {

struct ForwardClient {
  IpAddress address;
  std::atomic<std::uint64_t> upload{0};
  std::atomic<std::uint64_t> download{0};
  std::atomic<std::uint64_t> connections{0};  // and UDP sessions, ever
  std::atomic<std::uint32_t> open{0};         // now
  std::atomic<std::uint32_t> sessions{0};     // of those, the UDP sessions
  RateLimit rate;                             // bytes, of RateSettings::each_client
  RateLimit fresh;                            // new connections, of ConnectionSettings::new_each_client
};

// Any thread. A lock is taken for a new connection and when the last of a client ends, never for its bytes.
class ForwardClients {
 public:
  static constexpr std::size_t kMost = 16'384;

  // The client of that address, kept until as many release(): made where it is new; `make_limits` is called on it,
  // since limits may have changed. `open` is counted up. Null where every entry has something open.
  template <class MakeLimits>
  [[nodiscard]] ForwardClient* acquire(const IpAddress& address, MakeLimits make_limits) {
    const std::lock_guard lock{mutex_};
    ForwardClient* client = find_or_make(address);
    if (client == nullptr) return nullptr;
    make_limits(*client);
    client->open.fetch_add(1, std::memory_order_relaxed);
    return client;
  }

  // The last use of `client`: it may leave from now on, in another thread.
  void release(ForwardClient& client) { client.open.fetch_sub(1, std::memory_order_release); }

  struct Line {
    IpAddress address;
    std::uint64_t upload = 0;
    std::uint64_t download = 0;
    std::uint64_t connections = 0;
    std::uint32_t open = 0;
  };

  // The `most` that moved most, most first.
  [[nodiscard]] std::vector<Line> biggest(std::size_t most) const;

 private:
  ForwardClient* find_or_make(const IpAddress& address);

  mutable std::mutex mutex_;
  std::unordered_map<IpAddress, std::unique_ptr<ForwardClient>> clients_;
};

}  // namespace tidegate
