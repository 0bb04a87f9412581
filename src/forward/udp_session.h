// One client's datagrams to one listening address and port: a connected socket of its own towards the target, so that
// answers find their way back, and a bounded queue while the forward's service is not ready.
//
// RFC 768; Linux: udp(7), ip(7). ICMP errors are about single datagrams and do not end a session (RFC 1122, 4.1.3.3).
#pragma once

#include <array>
#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "forward/worker.h"

namespace tidegate {

// What makes a session: who sends, and to where. The listener outlives its sessions.
struct UdpKey {
  Endpoint client;
  IpAddress local;
  const Listener* listener = nullptr;
  bool operator==(const UdpKey&) const = default;
};

// What a session has shown, in the order in which they leave when there is no room: anyone can send from an address
// that is not his, but only who is there can go on after an answer.
enum class UdpStanding : std::uint8_t {
  fresh,     // no answer yet
  waiting,   // for the service
  answered,  // by the target
  proven,    // the client sent again after an answer
};
inline constexpr std::size_t kUdpStandings = 4;

struct UdpPlanTag;
struct UdpClientTag;
template <class Tag>
using UdpHook = boost::intrusive::list_base_hook<boost::intrusive::tag<Tag>,
                                                 boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;
class UdpSession;
template <class Tag>
using UdpList = boost::intrusive::list<UdpSession, boost::intrusive::base_hook<UdpHook<Tag>>,
                                       boost::intrusive::constant_time_size<false>>;

// What the sessions that were begun under the same settings share, and those sessions, idle for longest first.
struct UdpPlan : DataPlan {
  using DataPlan::DataPlan;

  [[nodiscard]] bool empty() const;

  std::array<UdpList<UdpPlanTag>, kUdpStandings> sessions;  // by standing
};

// A client's sessions on this thread, idle for longest first.
struct UdpClient {
  explicit UdpClient(ForwardClient& c) : client{c} {}
  ForwardClient& client;
  UdpList<UdpClientTag> sessions;
};

class UdpSession final : public Watched, public Disposable, public UdpHook<UdpPlanTag>, public UdpHook<UdpClientTag> {
 public:
  // Whether a target was reached, which for UDP means that a route and a socket were found.
  enum class Reach : std::uint8_t { reached, no_target, no_room };

  // Begins with the standing `fresh`. Counts itself among the open ones of the forward and of the client, which has
  // been acquired and is released with it. `interface` is the one that the first datagram came by.
  UdpSession(WorkerContext& context, UdpPlan& plan, UdpClient& client, const UdpKey& key, std::uint32_t interface);
  ~UdpSession() override = default;  // after close()

  // Opens a socket towards a target that is not among `tried` (see Targets::choose), in place of the one it has.
  [[nodiscard]] Reach connect(std::uint64_t tried = 0);

  // Sends what the client sent to the target. Connected.
  void carry(std::span<const Datagrams> items);

  // Has its datagrams wait from now on; hold() keeps them, within the bounds of the settings.
  void begin_waiting();
  void hold(std::span<const Datagrams> items);
  // The wait is over: sends what waited, in order. Connected. False: nobody receives there yet, as a service that
  // counts as ready may still be about to open its port. Nothing has left then, and it waits on. Only where the kernel
  // tells it at once, as it does of targets on this host.
  [[nodiscard]] bool flush();

  // Counts datagrams that are given up.
  void drop(std::span<const Datagrams> items);

  // Undoes all that it has counted and closes its socket; what waits is dropped. What comes later is ignored.
  void close();

  std::uint16_t share = 0;  // its number in the batch that is being handed out; its listener's

  [[nodiscard]] const UdpKey& key() const { return key_; }
  [[nodiscard]] UdpPlan& plan() const { return *plan_; }
  [[nodiscard]] UdpClient& client() const { return *client_; }
  [[nodiscard]] UdpStanding standing() const { return standing_; }
  [[nodiscard]] bool waits() const { return standing_ == UdpStanding::waiting; }
  [[nodiscard]] bool connected() const { return static_cast<bool>(socket_); }
  [[nodiscard]] bool closed() const { return closed_; }
  [[nodiscard]] Instant last() const { return last_; }  // traffic, either way
  [[nodiscard]] Instant expires() const;                // unless there is more

 private:
  struct Held {
    Instant at;
    std::vector<std::byte> bytes;
  };
  struct Queue {
    std::deque<Held> datagrams;
    std::size_t bytes = 0;
  };

  enum class Delivery : std::uint8_t { as_it_comes, if_received };

  void on_events(std::uint32_t events) override;  // answers
  void answered();
  void refused();
  bool deliver(Flow flow, std::span<const Datagrams> items, Delivery delivery = Delivery::as_it_comes);
  [[nodiscard]] Datagrams within_budget(Flow flow, const Datagrams& item);
  void touch(UdpStanding standing);
  void stop_waiting();
  void drop_old();
  void leave_target();
  [[nodiscard]] Result<Fd> open_socket(const SocketAddress& target) const;

  WorkerContext& context_;
  UdpPlan* const plan_;
  UdpClient* const client_;
  const UdpKey key_;
  TargetState* target_ = nullptr;
  std::unique_ptr<RateLimit> rate_;  // of each_connection, where there is one
  std::unique_ptr<Queue> queue_;     // while it waits
  Instant last_;
  Fd socket_;
  std::uint32_t target_index_ = 0;
  std::uint32_t interface_;
  std::uint32_t overflows_ = 0;  // of the socket, counted already
  std::uint16_t merge_up_ = DatagramSender::kAnySize;
  std::uint16_t merge_down_ = DatagramSender::kAnySize;
  std::uint8_t refusals_ = 0;  // in a row
  UdpStanding standing_ = UdpStanding::fresh;
  bool closed_ = false;
};

}  // namespace tidegate
