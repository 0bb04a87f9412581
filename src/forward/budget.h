// How many bytes may move now: the rate limits of a forward, a client and a connection, and the quotas, asked together.
// Reserve before a read, settle what was delivered, release what was not. One data thread's.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "forward/runtime.h"
#include "quota/allowance.h"

namespace tidegate {

enum class Flow : std::uint8_t { up, down };  // client to target, target to client

// Bytes of a quota in the hands of data threads.
struct LeasedBytes {
  std::uint64_t up = 0;        // free to be used by uploads
  std::uint64_t down = 0;      // by downloads; where both count together, the same bytes
  std::uint64_t reserved = 0;  // on their way
};

// The leases that one data thread has on one quota.
class QuotaLease {
 public:
  explicit QuotaLease(std::shared_ptr<QuotaShare> share);

  QuotaShare& share() const { return *share_; }
  Lease* of(Flow flow) const { return flow == Flow::up ? up_ : down_; }  // null: those bytes do not count

  // Gives back what is held and not in use; tells what that was, and what has been read or received and is not yet
  // delivered.
  LeasedBytes give_up();

 private:
  std::shared_ptr<QuotaShare> share_;
  std::vector<std::unique_ptr<Lease>> leases_;
  Lease* up_ = nullptr;
  Lease* down_ = nullptr;
};

// The leases of one data thread, by quota: forwards of a group share one.
class QuotaLeases {
 public:
  QuotaLease& of(const std::shared_ptr<QuotaShare>& share);
  void give_up_all();

 private:
  std::unordered_map<const QuotaShare*, std::unique_ptr<QuotaLease>> leases_;
};

// What a reservation came to.
struct Grant {
  std::uint64_t bytes = 0;
  Instant again;              // 0 bytes by a rate: when to ask again
  QuotaShare* dry = nullptr;  // 0 bytes by a quota: which one
};

// One forward's budget on one data thread.
class Budget {
 public:
  Budget(ForwardRuntime& forward, QuotaLeases& leases, ForwardCounters& counters);

  // Reserves up to `want` bytes, at least `least` or none (a datagram is whole or not at all). `connection` may be
  // null.
  [[nodiscard]] Grant reserve(Flow flow, std::uint64_t want, std::uint64_t least, ForwardClient* client,
                              RateLimit* connection, Now now);

  // Of what was reserved, `bytes` have been delivered: they are counted, for the forward and the client.
  void settle(Flow flow, std::uint64_t bytes, ForwardClient* client);

  // Of what was reserved, `bytes` were not there to read, or could not be delivered.
  void release(Flow flow, std::uint64_t bytes, ForwardClient* client, RateLimit* connection);

  // True where nothing can be refused now: no rates, no quotas.
  [[nodiscard]] bool unlimited() const { return unlimited_ && !forward_.life->throttle.limits(); }

 private:
  ForwardRuntime& forward_;
  ForwardCounters& counters_;
  std::vector<QuotaLease*> cuts_;   // of action cut
  std::vector<QuotaShare*> softs_;  // of reject and throttle
  bool unlimited_ = true;           // by the settings
};

}  // namespace tidegate
