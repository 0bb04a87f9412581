// Sensor `pcap`: libpcap on one interface or `any`.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "model/port.h"
#include "sensor/sensor.h"

namespace tidegate {

struct PcapSettings {
  std::string interface = "any";
  std::string filter;            // tcpdump syntax, compiled for the link type that the interface turns out to have
  std::vector<PortRange> ports;  // instead of `filter`: port_filter() of these, for that link type
  bool whole_packets = false;    // up to 16 KiB of each, in four times the buffer; else only what headers can take
  bool incoming_only = false;    // without what this host sends, as the kernel tells them apart; on loopback: all
  int buffer_bytes = 8 << 20;    // of the kernel's ring
  Duration batch = std::chrono::milliseconds{20};  // how often it looks when not immediate
  Duration look_again = std::chrono::seconds{1};   // for an interface that is missing
};

// Compiles the filter for Ethernet, for `any` and for raw IP; an error with libpcap's own words when none of them takes
// it.
[[nodiscard]] Result<> check_filter(const std::string& filter);

class PcapSensor final : public Sensor {
 public:
  // Opens the interface; one that is missing (or goes away later) is waited for and taken up again, with one log line
  // when it is lost and one when it is back. The error: the filter does not compile, or capturing is not permitted.
  [[nodiscard]] static Result<std::unique_ptr<PcapSensor>> open(boost::asio::any_io_executor executor,
                                                                PcapSettings settings, SampleSink sink);
  ~PcapSensor() override;

  [[nodiscard]] SensorStatus status() const override;
  void set_immediate(bool immediate) override;

  // Other ports from now on, in place of the filter or ports it was opened with, without closing the capture; at least
  // one. On an error the old ones stay. While the interface is missing they are kept for when it comes.
  [[nodiscard]] Result<> set_ports(std::vector<PortRange> ports);

 private:
  struct Impl;
  explicit PcapSensor(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;  // its other owner: a handler, while it runs
};

}  // namespace tidegate
