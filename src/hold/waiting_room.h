// Which packets wait for which service, and how many may. It keeps no packet, only the numbers by which the kernel
// knows them. Pure: the time is given. Not thread-safe; one owner.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/time.h"
#include "model/sample.h"

namespace tidegate {

struct WaitingPacket {
  std::uint32_t number = 0;  // the kernel's
  FlowKey flow;
  std::uint32_t bytes = 0;  // from the network header on
  Instant since;
  bool local = false;  // of a client on this host
};

// What has become of a service's packets since the beginning.
struct WaitingCounts {
  std::uint64_t held = 0;
  std::uint64_t let_go = 0;
  std::uint64_t repeated = 0;        // a SYN that made way for its client's next try
  std::uint64_t dropped_full = 0;    // there was no room
  std::uint64_t dropped_old = 0;     // waited for too long
  std::uint64_t dropped_failed = 0;  // the start failed
  std::uint64_t lost = 0;            // the kernel had dropped them itself before they were let go
};

class WaitingRoom {
 public:
  // The kernel keeps about 1 KiB for each packet beside its bytes.
  struct Bounds {
    std::size_t packets = 16'384;  // of all services
    std::size_t service_packets = 4096;
    std::size_t service_bytes = 4 << 20;
    std::size_t client_packets = 1024;  // of one source address, in one service
    std::size_t client_bytes = 1 << 20;
  };

  explicit WaitingRoom(Bounds bounds) : bounds_{bounds} {}
  WaitingRoom() : WaitingRoom{Bounds{}} {}

  // What is to become of a packet: it waits, and perhaps takes the place of another one that is to be dropped; or there
  // is no room. Who was there first stays. A TCP client that tries again (the same flow) has its last try waiting: the
  // answer to it tells the client the right time of the round trip.
  struct Admission {
    bool waits = false;
    std::optional<std::uint32_t> instead_of;
  };
  [[nodiscard]] Admission admit(const std::string& service, const WaitingPacket& packet);

  // Takes out those that `which` names (empty: all), in the order in which they came. What is done to them is counted
  // by whoever takes them.
  using Which = std::function<bool(const WaitingPacket&)>;
  [[nodiscard]] std::vector<std::uint32_t> take(const std::string& service, const Which& which = {});

  // Forgets a service that nobody waits for, and its counts.
  void forget(const std::string& service);

  [[nodiscard]] const std::list<WaitingPacket>& waiting(const std::string& service) const;
  [[nodiscard]] std::size_t clients(const std::string& service) const;  // that wait, by address
  [[nodiscard]] bool empty() const { return packets_ == 0; }
  [[nodiscard]] WaitingCounts& counts(const std::string& service) { return rooms_[service].counts; }
  [[nodiscard]] WaitingCounts counts(const std::string& service) const;

 private:
  struct Load {
    std::size_t packets = 0;
    std::size_t bytes = 0;
  };
  struct Room {
    std::list<WaitingPacket> packets;                             // the oldest first
    std::map<FlowKey, std::list<WaitingPacket>::iterator> asked;  // of TCP
    std::unordered_map<IpAddress, Load> clients;
    std::size_t bytes = 0;
    WaitingCounts counts;
  };
  void remove(Room& room, std::list<WaitingPacket>::iterator packet);

  Bounds bounds_;
  std::map<std::string, Room> rooms_;
  std::size_t packets_ = 0;
};

}  // namespace tidegate
