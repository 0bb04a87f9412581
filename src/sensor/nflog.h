// Sensor `nflog`: packets that rules of iptables (target NFLOG) and nftables (`log group`) hand to a group.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <memory>

#include "base/error.h"
#include "base/time.h"
#include "sensor/sensor.h"

namespace tidegate {

// The one socket of all groups of a program; open while there is a sensor on it. Outlives its sensors.
class NflogListener {
 public:
  struct Settings {
    int buffer_bytes = 8 << 20;                      // of the socket
    Duration batch = std::chrono::milliseconds{10};  // how long a packet may wait for others when not immediate
  };
  explicit NflogListener(boost::asio::any_io_executor executor, Settings settings);
  explicit NflogListener(boost::asio::any_io_executor executor) : NflogListener{std::move(executor), Settings{}} {}
  ~NflogListener();
  NflogListener(const NflogListener&) = delete;
  NflogListener& operator=(const NflogListener&) = delete;

 private:
  friend class NflogSensor;
  struct Impl;
  std::shared_ptr<Impl> impl_;  // its other owners: the sensors on it, and a handler while it runs
};

struct NflogSettings {
  std::uint16_t group = 0;
  bool whole_packets = false;  // up to 16 KiB of each; else only what headers can take
};

class NflogSensor final : public Sensor {
 public:
  // The error: no permission; another program listens to the group, or this listener has a sensor for it already; the
  // kernel cannot. Once it is open it goes on whatever becomes of the rules.
  [[nodiscard]] static Result<std::unique_ptr<NflogSensor>> open(NflogListener& listener, NflogSettings settings,
                                                                 SampleSink sink);
  ~NflogSensor() override;

  [[nodiscard]] SensorStatus status() const override;
  void set_immediate(bool immediate) override;

  // From now on. On an error it stays as it was.
  [[nodiscard]] Result<> set_whole_packets(bool whole);

 private:
  struct Group;
  friend class NflogListener;
  NflogSensor(std::shared_ptr<NflogListener::Impl> listener, std::shared_ptr<Group> group);
  std::shared_ptr<NflogListener::Impl> listener_;
  std::shared_ptr<Group> group_;  // its other owner: the listener, while it hands on a packet
};

}  // namespace tidegate
