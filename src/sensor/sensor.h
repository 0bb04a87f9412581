// Where samples come from. A sensor lives on the control thread and calls its sink there.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "model/sample.h"
#include "packet/decode.h"

namespace tidegate {

// The bytes behind a sample; they live only during the call.
struct Frame {
  packet::LinkType link = packet::LinkType::ethernet;
  std::span<const std::uint8_t> bytes;  // as captured
  std::uint32_t wire_length = 0;
  const packet::Headers* headers = nullptr;
  bool counted = false;  // by the sensor itself, as all that it does not hand on
};

using SampleSink = std::function<void(const Sample&, const Frame&)>;

struct SensorStatus {
  std::string name;  // "pcap on eth0"
  bool listening = false;
  std::string trouble;               // why not, for people
  std::uint64_t packets = 0;         // delivered to the sink
  std::uint64_t rejected = 0;        // frames that could not be decoded
  std::uint64_t dropped_kernel = 0;  // the ring, or the socket's buffer, was full
  std::uint64_t dropped_interface = 0;
  std::optional<std::uint64_t> overruns = std::nullopt;   // of nflog: how often the buffer of all its groups was full
  std::optional<std::uint64_t> handed_up = std::nullopt;  // of kernel: how many packets woke tidegate
};

class Sensor {
 public:
  Sensor() = default;
  Sensor(const Sensor&) = delete;
  Sensor& operator=(const Sensor&) = delete;
  virtual ~Sensor() = default;

  [[nodiscard]] virtual SensorStatus status() const = 0;

  // True: deliver each packet at once, somebody waits to be woken. False: in batches, they are only counted.
  virtual void set_immediate(bool immediate) = 0;
};

}  // namespace tidegate
