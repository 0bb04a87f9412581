// The daemon: the only place that knows the whole chain from sensor to action. Wiring, start, reload, shutdown.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/control.h"
#include "config/config.h"
#include "daemon/devices.h"
#include "daemon/forwards.h"
#include "daemon/history.h"
#include "daemon/http_api.h"
#include "daemon/observers.h"
#include "daemon/queue_holds.h"
#include "daemon/sensors.h"
#include "daemon/service.h"
#include "daemon/tasks.h"
#include "meter/own_traffic.h"
#include "meter/router.h"
#include "privacy/pseudonyms.h"
#include "sensor/local_addresses.h"

namespace tidegate {

class Daemon;

struct DaemonOptions {
  std::string config_file;  // read again on reload; empty: there is nothing to read
  std::string control;      // path of the control socket; empty: none
  std::string store;        // path of the database, where there are forwards or an API; empty: in memory
  bool dry_run = false;
  bool log_events = true;  // one log line for each event; compat front ends write their own

  // Seams for the compat front ends; each may be empty.
  std::function<void(const Event&)> on_event;
  std::function<void(const Sample&)> on_sample;              // one that is for a service, before its class is known
  std::function<void(const Sample&, const Frame&)> on_woke;  // the packet behind a start
  std::function<void(Daemon&)> on_hangup;                    // SIGHUP; default: reload
  std::function<void(Daemon&)> on_user_signal;               // SIGUSR1; default: ignored
};

class Daemon {
 public:
  Daemon(Config config, DaemonOptions options);
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // Opens everything, or nothing: the error says what could not be opened.
  [[nodiscard]] Result<> open();

  // Runs until SIGTERM or SIGINT (a second one does not wait for stops that take long). Call after open().
  void run();

  // Reads the configuration again and applies it as a difference; on an error everything stays as it was.
  [[nodiscard]] Result<> reload();

  [[nodiscard]] Service* find(std::string_view name) const;
  [[nodiscard]] const std::vector<std::unique_ptr<Service>>& services() const { return services_; }
  [[nodiscard]] std::vector<SensorStatus> sensors() const;  // of services, watches and tallies
  [[nodiscard]] const Observers& observers() const { return observers_; }
  [[nodiscard]] const Pseudonyms& names() const { return names_; }  // of clients, wherever an address leaves
  [[nodiscard]] Forwards& forwards() { return forwards_; }
  [[nodiscard]] const Config& config() const { return config_; }
  [[nodiscard]] History& history() { return history_; }
  [[nodiscard]] const boost::asio::any_io_executor& executor() const { return tasks_.executor(); }

 private:
  void observe(const std::string& owner, const std::string& sensor, const Sample& sample, const Frame& frame);
  std::unique_ptr<Service> make_service(ServiceSettings settings);
  [[nodiscard]] Result<> apply_configuration();
  void speaks(Protocol protocol, const Endpoint& endpoint);
  void route();
  void states_changed();
  [[nodiscard]] ServicePhase phase_of(const std::string& service) const;
  void tell(Event event);
  boost::asio::awaitable<void> wait_for_signals();
  boost::asio::awaitable<void> look_at_ports();
  boost::asio::awaitable<void> end_removed(std::unique_ptr<Service> service, std::unique_ptr<DeviceKeeper> device);
  boost::asio::awaitable<void> shut_down();
  void look_at_ports_once();
  void look_at_ports_of(const std::string& name);

  Config config_;
  DaemonOptions options_;
  Pseudonyms names_;
  boost::asio::io_context io_{1};
  boost::asio::signal_set signals_;
  Tasks tasks_;
  History history_;
  OwnTraffic own_traffic_;
  std::vector<IpAddress> local_;
  std::unique_ptr<LocalAddresses> local_addresses_;
  std::vector<std::unique_ptr<Service>> services_;  // in the order of config_.services
  std::optional<Router> router_;
  Devices devices_;
  QueueHolds queue_holds_;
  Sensors sensors_;
  Forwards forwards_;
  Observers observers_;
  std::unique_ptr<ControlServer> control_;
  HttpApi api_{*this};
  bool states_changed_ = false;
};

}  // namespace tidegate
