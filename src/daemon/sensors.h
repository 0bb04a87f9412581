// The sensors that a configuration needs, opened, kept and closed as a difference: services that name ports share the
// sensor `kernel`, or where that will not do one capture an interface; a capture of a service's own is its alone; a
// group of nflog is for every service that names it.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "config/config.h"
#include "sensor/kernel.h"
#include "sensor/nflog.h"
#include "sensor/pcap.h"
#include "sensor/sensor.h"

namespace tidegate {

class Sensors {
 public:
  // `service`: whose own sensor it is; empty: shared, the router finds whose the sample is.
  using Sink = std::function<void(const std::string& service, const std::string& sensor, const Sample&, const Frame&)>;

  Sensors(boost::asio::any_io_executor executor, Sink sink)
      : executor_{std::move(executor)}, sink_{std::move(sink)}, nflog_{executor_} {}

  // Opens what is missing, keeps what is there, closes what is not wanted any more. All or nothing: on an error what
  // was open stays as it was.
  [[nodiscard]] Result<> apply(const Config& config);

  // True for a service name: it sleeps, and its sensors are to deliver at once.
  void set_immediate(const std::function<bool(const std::string& service)>& sleeps);

  [[nodiscard]] std::vector<SensorStatus> status() const;

  // What the sensor `kernel` has to be told, and what it counts; see sensor/kernel.h. Of a service that another sensor
  // watches it knows nothing.
  void set_local(const std::vector<IpAddress>& addresses);
  void set_own(Protocol protocol, const Endpoint& endpoint, Instant until);
  void set_listening(const std::string& service, bool listening);
  [[nodiscard]] std::optional<Instant> renewed(const std::string& service) const;
  [[nodiscard]] std::optional<CountedTraffic> counted(const std::string& service) const;

 private:
  // A capture by libpcap.
  struct Entry {
    std::string service;  // empty: shared
    std::string interface;
    std::string filter;
    std::string name;                   // "pcap on eth0", in the history
    std::vector<PortRange> ports;       // of a shared one
    std::vector<std::string> services;  // those it serves
    bool whole = false;                 // packets whole, because one of them keeps the one that woke it
    std::unique_ptr<PcapSensor> sensor;
  };
  // A group of nflog.
  struct Group {
    std::uint16_t number = 0;
    std::string name;  // "nflog group 1"
    std::vector<std::string> services;
    bool whole = false;
    std::unique_ptr<NflogSensor> sensor;
  };
  using Groups = std::vector<std::unique_ptr<Group>>;
  [[nodiscard]] std::vector<Entry> wanted(const Config& config) const;
  static std::vector<Group> wanted_groups(const Config& config);
  [[nodiscard]] Result<> apply_kernel(const Config& config);
  [[nodiscard]] Result<> watch_in_kernel(const std::vector<ServiceSettings>& services);
  [[nodiscard]] bool in_kernel(const std::string& service) const;
  [[nodiscard]] Result<> apply_captures(const Config& config);
  [[nodiscard]] Group* find_group(std::uint16_t number) const;
  [[nodiscard]] Result<Groups> open_groups(const std::vector<Group>& wanted);
  [[nodiscard]] Result<> set_whole(const std::vector<Group>& wanted);

  boost::asio::any_io_executor executor_;
  Sink sink_;
  NflogListener nflog_;
  std::vector<std::unique_ptr<Entry>> entries_;
  Groups groups_;
  std::unique_ptr<KernelSensor> kernel_;
  std::vector<ServiceSettings> kernel_services_;  // those that it watches
  std::string kernel_refusal_;                    // why there is none, as it was told last
  std::vector<IpAddress> local_;
};

}  // namespace tidegate
