// Hold `queue`: packets that wait in the kernel (NFQUEUE) while their service sleeps, and go on untouched when it is
// ready. One queue for all services; which packets come to it is a matter of rules (netfilter/queue_rules.h). It is a
// sensor as well: each packet is shown to whoever judges it, before its fate is known.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/error.h"
#include "hold/waiting_room.h"
#include "model/finding.h"
#include "sensor/sensor.h"

namespace tidegate {

// How the sensor is called in the history.
inline constexpr auto kQueueSensor = "queue";

// What of a service is in the queue, and has been.
struct QueueStatus {
  bool holding = false;  // its packets come to the queue
  std::size_t waiting = 0;
  std::size_t clients = 0;  // that wait, by address
  WaitingCounts counts;
};

class PacketQueue {
 public:
  // The service that the packet is to wait for; empty: it goes on at once. `local`: its client is on this host.
  using Judge = std::function<std::string(const Sample& sample, const Frame& frame, bool local)>;
  enum class Fate : std::uint8_t { let_go, too_old, start_failed };

  // The error: as of QueueSocket::open().
  [[nodiscard]] static Result<std::unique_ptr<PacketQueue>> open(const boost::asio::any_io_executor& executor,
                                                                 Judge judge);
  ~PacketQueue();  // lets go all that wait
  PacketQueue(const PacketQueue&) = delete;
  PacketQueue& operator=(const PacketQueue&) = delete;

  [[nodiscard]] std::uint16_t number() const;

  // Ends the wait of those that `which` names (empty: of all) of the service, in order; gives how many. Let go, or
  // dropped for that reason.
  std::size_t end_wait(const std::string& service, Fate fate, const WaitingRoom::Which& which = {});

  // Up to 16 KiB of each packet from now on; else only what headers can take. On an error it stays as it was.
  [[nodiscard]] Result<> set_whole_packets(bool whole);

  // Forgets a service, and its counts; what waits for it is let go.
  void forget(const std::string& service);

  [[nodiscard]] const WaitingRoom& room() const;
  [[nodiscard]] SensorStatus status() const;

 private:
  struct Impl;
  explicit PacketQueue(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;  // its other owner: a handler, while it runs
};

// Whether this host can hold packets so. Tries it, in this network namespace, and leaves nothing behind.
[[nodiscard]] Finding queue_finding();

}  // namespace tidegate
