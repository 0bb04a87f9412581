// Services with `hold: queue`: whose packets come to the queue, and when they go on. Control thread only.
//
// While a service is not awake its packets come to the queue, which shows them to its gate as a sensor does. What wants
// the service waits: until it is ready, or its start has failed, or for start_timeout at most. What does not want it
// goes on at once. A service that counts as ready may be about to open its ports still: who waits is let go when
// somebody listens there, where that can be told.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "config/config.h"
#include "gate/gate.h"
#include "hold/queue.h"
#include "model/event.h"
#include "netfilter/queue_rules.h"

namespace tidegate {

class Service;

class QueueHolds {
 public:
  struct Hooks {
    std::function<void(Event)> tell;
    std::function<Service*(const std::string& service)> find;  // null: there is no such service yet
    std::function<bool(const Sample&)> is_own;                 // a probe of tidegate's own sent it
  };

  QueueHolds(const boost::asio::any_io_executor& executor, Hooks hooks);

  // Holds for these services from now on, as a difference; each asleep until follow() says otherwise. On an error
  // everything is as it was.
  [[nodiscard]] Result<> apply(const Config& config);

  // This host's own addresses, which are those of services without any.
  void set_local(const std::vector<IpAddress>& addresses);

  // The service's state may be another now.
  void follow(const std::string& service);

  // Whether a packet that another sensor saw comes to the queue as well, and is told of there. `sample`: as the service
  // sees it.
  [[nodiscard]] bool sees(const std::string& service, const Sample& sample) const;

  [[nodiscard]] std::optional<QueueStatus> status(const std::string& service) const;  // none: it is not held so
  [[nodiscard]] std::optional<SensorStatus> sensor() const;                           // none: there is no queue

  // Lets go who waits, and removes the queue and the rules.
  void close();

 private:
  struct Hold {
    std::vector<PortRange> ports;
    std::vector<IpAddress> addresses;  // empty: this host's
    std::string interface;
    Ready ready;
    SampleRule wake;
    Duration patience{};  // for which a packet waits at most
    bool whole = false;   // packets are to be kept whole
    GateState state = GateState::asleep;
    bool holding = true;                   // its packets come to the queue
    std::optional<Instant> opening_until;  // it counts as ready, and may be about to open its ports
    std::uint64_t full_told = 0;           // of WaitingCounts::dropped_full
    Instant full_next;                     // when more of them may be told
  };
  using Holds = std::map<std::string, Hold>;

  static Holds wanted(const Config& config);
  [[nodiscard]] Result<> open();
  [[nodiscard]] Result<> set_rules(const Holds& holds);
  void set_rules_or_tell(const std::string& service);
  void clear_unused();
  [[nodiscard]] std::string judge(const Sample& sample, const Frame& frame, bool local);
  [[nodiscard]] Holds::iterator find(const Sample& sample);
  [[nodiscard]] bool is_for(const Hold& hold, const Sample& sample) const;
  void became_ready(const std::string& name, Hold& hold);
  void let_go_where_open(const std::string& name, Hold& hold);
  void let_some_go(const std::string& name, const WaitingRoom::Which& which);
  [[nodiscard]] std::vector<PortRange> open_ports(const std::string& name, const Hold& hold) const;
  void failed(const std::string& name);
  void look_after(const std::string& name, Hold& hold, Instant now);
  void tell(const std::string& service, std::string text);
  void expect(Duration later);
  void on_time();

  boost::asio::any_io_executor executor_;
  Hooks hooks_;
  boost::asio::steady_timer timer_;
  std::optional<Instant> due_;  // when the timer is to ring
  std::vector<IpAddress> local_;
  Holds holds_;
  std::unique_ptr<QueueRules> rules_;
  std::unique_ptr<PacketQueue> queue_;
};

}  // namespace tidegate
