#include "daemon/hold_device.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>

#include "base/log.h"
#include "hold/device.h"
#include "packet/decode.h"
#include "packet/describe.h"

namespace tidegate {

namespace asio = boost::asio;

namespace {

void print_packet(DeviceMode mode, std::span<const std::uint8_t> packet) {
  const auto link = mode == DeviceMode::tap ? packet::LinkType::ethernet : packet::LinkType::raw;
  const auto headers = packet::decode(packet, link, static_cast<std::uint32_t>(packet.size()));
  if (!headers) return log::info("|- {} bytes, not understood: {}", packet.size(), to_string(headers.error()));
  for (const auto& line : packet::describe_lines(*headers)) log::info("{}", line);
}

class Holding {
 public:
  explicit Holding(const HoldDeviceOptions& options) : options_{options} { signals_.add(SIGHUP); }

  Result<> run() {
    DeviceHooks hooks{.packet = {}, .lost = [this](const Error& error) {
                        log::warn("{} was taken away", options_.device.name);
                        ended_ = std::unexpected{error};
                        io_.stop();
                      }};
    if (options_.print) {
      hooks.packet = [this](std::span<const std::uint8_t> packet) { print_packet(options_.device.mode, packet); };
    }
    auto device = Device::open(io_.get_executor(), options_.device, Lasting::no, std::move(hooks));
    if (!device) return std::unexpected{std::move(device.error())};
    device_ = std::move(*device);
    wait_for_signal();
    if (options_.ready) options_.ready();
    io_.run();
    return ended_;
  }

 private:
  void wait_for_signal() {
    signals_.async_wait([this](const boost::system::error_code& error, int signal) {
      if (!error) take(signal);
    });
  }

  void take(int signal) {
    if (signal == SIGUSR1) {
      log::info("SIGUSR1 caught: holding {}, mode {}, {} packets discarded", options_.device.name,
                to_string(options_.device.mode), device_->packets());
    } else if (signal == SIGHUP) {
      log::warn("SIGHUP caught: there is nothing to do");
    } else {
      log::info("{} caught: letting go of {}", signal == SIGINT ? "SIGINT" : "SIGTERM", options_.device.name);
      io_.stop();
      return;
    }
    wait_for_signal();
  }

  const HoldDeviceOptions& options_;
  asio::io_context io_{1};
  asio::signal_set signals_{io_, SIGTERM, SIGINT, SIGUSR1};
  std::unique_ptr<Device> device_;
  Result<> ended_;
};

}  // namespace

Result<> hold_device(const HoldDeviceOptions& options) { return Holding{options}.run(); }

}  // namespace tidegate
