// The targets of a forward at run time: their addresses, which are up, and which one is next. Shared by all data
// threads; addresses are replaced by the control thread when a name resolves anew.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "forward/socket.h"
#include "model/forward.h"

namespace tidegate {

// One target. Addresses change; what is known of its health stays.
struct TargetState {
  explicit TargetState(Target t) : settings{std::move(t)} {}

  const Target settings;
  std::atomic<std::uint32_t> open{0};          // connections and sessions towards it
  std::atomic<std::int64_t> down_until{0};     // passive mark: steady clock, nanoseconds
  std::atomic<bool> checked_down{false};       // by the active check
  std::atomic<std::uint32_t> next_address{0};  // of several, the one that answered last
};

// The bit of a target among those that a client has tried; bit 63 stands for all from 63 on.
[[nodiscard]] constexpr std::uint64_t tried_bit(std::size_t index) {
  return std::uint64_t{1} << std::min<std::size_t>(index, 63);
}

// Where one connection goes.
struct TargetChoice {
  std::size_t index = 0;  // of the target
  TargetState* target = nullptr;
  SocketAddress address;  // with its port
};

class Targets {
 public:
  // How long a target is left out after failures in a row: 1 s, doubling to 30 s.
  static constexpr Duration kFirstDown = std::chrono::seconds{1};
  static constexpr Duration kLongestDown = std::chrono::seconds{30};
  static constexpr std::size_t kMostAddresses = 16;  // of a name

  Targets(const std::vector<Target>& settings, Balance balance);

  // The next target for a client that came to the `nth` listening port (0 for the first), whose number is `port`.
  // `tried` holds the tried_bit() of each target that this client tried already; such a target is given once more where
  // some of its addresses have failed and others not, since it last answered. One that is up is preferred; where none
  // is, the one whose last failure is longest ago is tried all the same. None: all were tried, or no target has an
  // address yet. Any thread.
  //   round_robin         smooth weighted: {a:2, b:1} gives a b a
  //   least_connections   open ÷ weight smallest; among equals round robin
  //   source              rendezvous hash of the client's address: the others keep theirs when one leaves; a client
  //                       without an address (of a UNIX socket) goes by round robin
  [[nodiscard]] std::optional<TargetChoice> choose(const IpAddress& client, std::uint16_t port, std::uint16_t nth,
                                                   std::uint64_t tried, Instant now);

  // What came of it. Failed goes on to its next address, marks it down when all of them have failed, and has the
  // resolver asked again (see take_stale()). Any thread.
  void connected(std::size_t index);
  void failed(std::size_t index, Instant now);

  // Addresses for the names among the targets, each with no port; an address literal or a UNIX path needs none. At most
  // kMostAddresses are taken. Empty: the name did not resolve, and the old addresses stay. Control thread.
  void set_addresses(std::size_t index, std::vector<IpAddress> addresses);

  // Whether a failure asked for a new look at the names since the last call. Control thread.
  [[nodiscard]] bool take_stale() { return stale_.exchange(false, std::memory_order_relaxed); }

  [[nodiscard]] std::span<const std::unique_ptr<TargetState>> all() const { return targets_; }
  [[nodiscard]] bool is_up(std::size_t index, Instant now) const;
  [[nodiscard]] std::vector<IpAddress> addresses(std::size_t index) const;  // as they are now

 private:
  struct Address {
    IpAddress ip;
    bool failed = false;  // since the target last answered
  };

  // What the lock guards of one target.
  struct Choosing {
    std::uint64_t hash = 0;          // of its text
    bool named = false;              // its addresses come from set_addresses()
    std::vector<Address> addresses;  // of a UNIX target one, which is empty
    std::int64_t current = 0;        // of smooth weighted round robin
    std::uint32_t marks = 0;         // in a row, how often it was marked down
    Instant failed_at = Instant::min();
  };

  [[nodiscard]] static bool has_another(const Choosing& target);
  void find_candidates(std::uint64_t tried, Instant now);
  void keep_least_loaded();
  [[nodiscard]] std::size_t next_in_turn();
  [[nodiscard]] std::size_t nearest_to(const IpAddress& client) const;
  [[nodiscard]] bool marked(std::size_t index, Instant now) const;

  std::vector<std::unique_ptr<TargetState>> targets_;
  Balance balance_;
  std::atomic<bool> stale_{false};
  mutable std::mutex mutex_;             // of what follows; held for a look-up, never for a system call
  std::vector<Choosing> choosing_;       // by target
  std::vector<std::size_t> candidates_;  // of the present choice
};

// The port of `target` for a client that came to the `nth` listening port, whose number is `port`.
[[nodiscard]] std::uint16_t target_port(const Target& target, std::uint16_t port, std::uint16_t nth);

// The address of `target` at `ip`, or of its UNIX socket.
[[nodiscard]] SocketAddress target_address(const Target& target, const IpAddress& ip, std::uint16_t port,
                                           std::uint16_t nth);

}  // namespace tidegate
