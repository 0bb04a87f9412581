// One service at run time: its gate, its meter, and the tasks that carry out what the gate decides. Control thread
// only.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "action/action.h"
#include "action/probe.h"
#include "daemon/shown.h"
#include "daemon/tasks.h"
#include "forward/clients.h"
#include "gate/gate.h"
#include "hold/keeper.h"
#include "hold/queue.h"
#include "meter/classify.h"
#include "meter/clients.h"
#include "model/event.h"
#include "privacy/pseudonyms.h"
#include "sensor/kernel.h"
#include "sensor/sensor.h"

namespace tidegate {

// What the forwards of a service carry.
struct ForwardedTraffic {
  std::uint64_t in = 0;  // bytes to the service, since tidegate began
  std::uint64_t out = 0;
  std::vector<ForwardClients::Line> clients;  // who have a connection or session open
};

// What a service tells the daemon, and asks it.
struct ServiceHooks {
  std::function<void(Event)> tell;  // a line of history
  std::function<void()> state_changed;
  std::function<void()> state_follows;  // its state is another: what depends on it is done before it starts or stops
  std::function<std::optional<DeviceStatus>()> device;
  std::function<std::optional<QueueStatus>()> queue;
  ProbeSpeaks probe_speaks;                               // an endpoint of our own
  std::function<bool(const IpAddress&)> local;            // whether the address is this host's; none: none is
  std::function<void(const Sample&, const Frame&)> woke;  // the packet behind a start, while it lives
  std::function<bool()> active;  // its forwards: something is open, or has moved since this was asked last
  std::function<ForwardedTraffic()> forwarded;

  // A sensor that counts by itself, where one watches this service: when it last saw what renews it; that it is to hand
  // up what wakes it, or no longer; and all that it counted.
  std::function<std::optional<Instant>()> renewed;
  std::function<void(bool)> listen;
  std::function<std::optional<CountedTraffic>()> counted;
};

class Service {
 public:
  // `state_path`: where a process's id is kept, empty for nowhere. `dry_run`: the actions and probes succeed undone.
  // `names`: how addresses of clients are shown from now on; it outlives the service.
  Service(const boost::asio::any_io_executor& executor, ServiceSettings settings, std::string state_path, bool dry_run,
          const Pseudonyms& names, ServiceHooks hooks);
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // A sample for this service, its direction being the service's; `sensor` is named in the history if it wakes.
  void observe(const Sample& sample, const Frame& frame, const std::string& sensor);

  // A client of a forward waits for it; `sensor` names the forward. There is no packet to show.
  void want(const Sample& sample, const std::string& sensor);

  // Asks its forwards whether they keep it awake; often enough that idle times are right.
  void look_at_forwards();

  // Asks whoever counts by itself whether it was renewed, so that what is told of it next is true.
  void refresh();

  // What an operator asks; or an alert, which is named then.
  void start_by_hand(std::string alert = {});
  void stop_by_hand();
  void keep_until(WallTime until);

  // Whether somebody listens on its ports, as seen from outside, again and again (of no use for a process).
  void saw_listening(bool listening);

  // Begins: notices a process that an earlier tidegate left, and starts its timers.
  void begin();

  // Takes new settings, keeping state and timers. Another action takes over when the service next sleeps.
  void reconfigure(ServiceSettings settings);

  // Ends: stops the service where it runs and `stop` says so, lets it be otherwise, and joins its tasks.
  [[nodiscard]] boost::asio::awaitable<void> end(bool stop);

  // What `status` and `why` tell.
  [[nodiscard]] const ServiceSettings& settings() const { return settings_; }
  [[nodiscard]] const Gate& gate() const { return gate_; }
  [[nodiscard]] CountedTraffic seen(Instant since) const;  // by sensors in all, and its clients since then
  [[nodiscard]] ForwardedTraffic forwarded() const {
    return hooks_.forwarded ? hooks_.forwarded() : ForwardedTraffic{};
  }
  [[nodiscard]] std::optional<DeviceStatus> device() const { return hooks_.device ? hooks_.device() : std::nullopt; }
  [[nodiscard]] std::optional<QueueStatus> queue() const { return hooks_.queue ? hooks_.queue() : std::nullopt; }
  [[nodiscard]] bool rests() const {  // neither runs, nor is about to
    return gate_.state() == GateState::asleep || gate_.state() == GateState::failed;
  }
  [[nodiscard]] const std::string& woken_by_sensor() const { return woken_by_sensor_; }
  [[nodiscard]] const std::string& start_took() const { return start_took_; }  // "4.2 s to be ready (…)", or empty
  [[nodiscard]] std::optional<Instant> last_sample() const { return last_sample_; }
  [[nodiscard]] const Pseudonyms& names() const { return names_; }
  [[nodiscard]] IsOwn own() const;  // its configured addresses and this host's; not to outlive the service

 private:
  // A packet that wanted it while it did not run, with its bytes.
  struct WakePacket {
    Sample sample;
    Frame frame;  // but for its bytes and headers
    std::vector<std::uint8_t> bytes;
    packet::Headers headers;
    std::string sensor;
  };

  void remember(const Sample& sample, const Frame& frame, const std::string& sensor);
  void tell_wake_packet();
  void look_at_counters();
  void read(const Reading& reading);
  void step(const GateEvent& event);
  void carry_out(const std::vector<Decision>& decisions);
  void tell_events();
  void arm_timer();
  [[nodiscard]] boost::asio::awaitable<void> run_start();
  [[nodiscard]] boost::asio::awaitable<void> run_stop();
  [[nodiscard]] boost::asio::awaitable<void> run_veto();
  [[nodiscard]] Environment environment(std::string_view event) const;
  [[nodiscard]] std::string woken_by_text() const;
  void process_gone(std::string how, bool failed);
  void make_the_action();

  ServiceSettings settings_;
  std::string state_path_;
  bool dry_run_;
  const Pseudonyms& names_;
  ServiceHooks hooks_;
  Gate gate_;
  Classifier classifier_;
  ClientTable clients_;
  std::unique_ptr<Action> action_;
  bool action_is_old_ = false;  // reconfigured while it ran: replaced when it has stopped
  boost::asio::steady_timer timer_;
  boost::asio::cancellation_signal cancel_probe_;
  bool starting_ = false;
  bool ending_ = false;
  std::string start_cut_;  // why a start under way is being ended, for its error
  std::optional<WakePacket> wake_packet_;
  std::string woken_by_sensor_;
  std::string start_took_;
  std::vector<Event> untold_;  // decided, and told once what was decided with them is under way
  std::optional<Instant> last_sample_;
  Instant renewed_;  // by what was counted in the kernel, as far as the gate was told
  std::optional<bool> listening_;
  int silent_looks_ = 0;  // looks at its ports in a row that found nobody, while awake
  Tasks tasks_;
};

}  // namespace tidegate
