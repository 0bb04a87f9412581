// One forward as all data threads see it: its settings, which do not change, and what they share. A changed forward is
// a new one of these; connections that were made under the old keep it until they end.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "forward/clients.h"
#include "forward/targets.h"
#include "meter/rate_limit.h"
#include "model/counters.h"
#include "model/forward.h"
#include "quota/allowance.h"

namespace tidegate {

// What an allowance has left; where there is none, those bytes do not count and have no end. Any thread.
[[nodiscard]] inline std::uint64_t left_of(const std::shared_ptr<Allowance>& allowance) {
  return allowance ? allowance->left() : Allowance::kMost;
}

// One quota as the data threads see it, shared by the forwards of its group. Which bytes count is in up and down:
// the same allowance for both together, one alone, or two of the same size for the larger.
struct QuotaShare {
  std::string key;  // "service1/limit", "service1/limit_monthly", "service1/quota", "group/family"
  LimitAction action = LimitAction::cut;
  std::shared_ptr<Allowance> up;     // null: uploads do not count
  std::shared_ptr<Allowance> down;   // null: downloads do not
  bool leased = true;                // by data threads; else the kernel counts, and what is left follows the books
  std::uint64_t throttle_rate = 0;   // of action throttle: bytes per second; control thread
  RateLimit throttle;                // likewise, once it is reached
  std::atomic<bool> reached{false};  // of action cut: told by the control thread when the last byte has been delivered
  std::atomic<bool> dry{false};      // a data thread found nothing left, and the control thread has been told

  // What is left for the direction that has less, leases not counted. Any thread.
  [[nodiscard]] std::uint64_t left() const { return std::min(left_of(up), left_of(down)); }

  // Of reject and throttle: the limit has been reached. Any thread.
  [[nodiscard]] bool spent() const { return left() == 0; }

  // Whether it lets nobody new in, and no datagram through. Any thread.
  [[nodiscard]] bool closed() const {
    return action == LimitAction::cut ? reached.load(std::memory_order_relaxed)
                                      : action == LimitAction::reject && spent();
  }
};

// Bytes per second, in bursts of a tenth of a second, and never less than one datagram or one small read; 0: no limit.
void set_byte_rate(RateLimit& limit, std::uint64_t bytes_per_second);

// What stays when a forward's settings change.
struct ForwardLife {
  ForwardClients clients;
  RateLimit throttle;  // bytes, of alerts that are raised; beside the rates of the settings
  std::atomic<std::int64_t> open_connections{0};
  std::atomic<std::int64_t> open_sessions{0};
  std::atomic<std::int64_t> waiting{0};  // held clients: connections and sessions
};

// What a service is to its forward.
enum class ServicePhase : std::uint8_t {
  ready,   // clients go through
  coming,  // asleep, waking or stopping: clients wait, and the first of them wakes it
};

struct ForwardRuntime {
  ForwardRuntime(ForwardSettings s, std::shared_ptr<ForwardLife> l, std::vector<ForwardCounters*> c,
                 std::vector<std::shared_ptr<QuotaShare>> q);

  const ForwardSettings settings;
  const std::shared_ptr<ForwardLife> life;
  const std::vector<ForwardCounters*> counters;  // by data thread
  const std::vector<std::shared_ptr<QuotaShare>> quotas;
  Targets targets;
  RateLimit rate;   // bytes, of RateSettings::all
  RateLimit fresh;  // new connections and sessions, of ConnectionSettings::new_all
  std::atomic<ServicePhase> phase{ServicePhase::ready};

  [[nodiscard]] bool holds() const { return phase.load(std::memory_order_acquire) != ServicePhase::ready; }

  // The client whose limits these settings give, its `open` counted up; null: the table is full of busy ones.
  [[nodiscard]] ForwardClient* acquire_client(const IpAddress& address);

  // The rate of one connection or session, which is that one's own; null: no limit.
  [[nodiscard]] std::unique_ptr<RateLimit> connection_rate() const;

  [[nodiscard]] bool uses(const QuotaShare& quota) const;
  [[nodiscard]] bool closed_by_quota() const;  // see QuotaShare::closed
};

// Why a new client is turned away; none: it may come in.
enum class Refusal : std::uint8_t { none, denied, quota, too_many, too_many_of_client, too_fast, too_fast_of_client };

// Whether a new connection or session of `client` may come in now: allow and deny, quotas that are reached, limits on
// open and on new ones. `client` has been acquired, and counts itself already. Takes from the rates of new ones.
[[nodiscard]] Refusal admit(ForwardRuntime& forward, ForwardClient& client, Instant now);

// Whether its address is allowed at all; asked first, before a client is acquired.
[[nodiscard]] bool allowed(const ForwardSettings& settings, const IpAddress& address);

}  // namespace tidegate
