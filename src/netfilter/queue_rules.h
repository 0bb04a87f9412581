// The rules that hand packets to a queue of nfnetlink_queue: tables of our own, of nf_tables, one each for IPv4 and
// IPv6. Without ports there are no tables, and nothing of ours is in the path of any packet.
//
//   table ip tidegate-hold {
//     flags owner
//     set held { type inet_proto . ipv4_addr . inet_service; flags interval }
//     chain arriving { type filter hook prerouting priority -250; … }
//     chain leaving { type filter hook output priority -250; … }
//   }
//
// Both chains come before conntrack and before destination NAT. A packet over loopback passes both, and is taken by
// the second only, which also sees those of local clients that are then led to a container.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/address.h"
#include "model/port.h"

namespace tidegate {

// What goes to the queue: of TCP packets that ask for a connection, of UDP all, to these ports of this address.
struct HeldPorts {
  PortRange ports;
  IpAddress address;
  auto operator<=>(const HeldPorts&) const = default;
};

// The same with ranges that overlap or touch made one, in order.
[[nodiscard]] std::vector<HeldPorts> merged(std::vector<HeldPorts> held);

// How a rule can hand packets to a queue, as this kernel lets us.
struct QueueMeans {
  bool expression = false;  // nf_tables' own `queue`; else the target NFQUEUE of xtables, by nft_compat
  bool owned = false;       // tables go with their owner, and nobody else can change them (Linux 5.12)
};

// Found by trying, in this network namespace; nothing is left behind. The error: no permission; the kernel cannot.
[[nodiscard]] Result<QueueMeans> queue_means();

class QueueRules {
 public:
  // By these means, as queue_means() found them. Removes what an earlier life left behind. The error: another program
  // has the tables. `restored` is told when somebody removed the tables, and what became of putting them back.
  using Restored = std::function<void(const Result<>& done)>;
  [[nodiscard]] static Result<std::unique_ptr<QueueRules>> open(const boost::asio::any_io_executor& executor,
                                                                std::uint16_t queue, const QueueMeans& means,
                                                                Restored restored);
  ~QueueRules();  // removes everything, as clear() does
  QueueRules(const QueueRules&) = delete;
  QueueRules& operator=(const QueueRules&) = delete;

  // From now on exactly these. At once for each of IPv4 and IPv6: no packet meets a rule set that is half the old one.
  // On an error everything is as it was.
  [[nodiscard]] Result<> set(std::vector<HeldPorts> held);

  // Removes the tables that have no ports any more. To be called when no packet waits: with a chain the kernel drops
  // every packet that waits in any queue of the network namespace (nf_queue_nf_hook_drop). set() removes no chain.
  void clear_unused();

  [[nodiscard]] const QueueMeans& means() const;

 private:
  struct Impl;
  explicit QueueRules(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;  // its other owner: a handler of the monitor, while it runs
};

}  // namespace tidegate
