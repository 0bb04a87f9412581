// Counting from an interface: a capture in batches, signals and timers on one Asio loop.
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <functional>
#include <memory>
#include <optional>

#include "base/fd.h"
#include "base/log.h"
#include "observe/clock.h"
#include "observe/count_run.h"
#include "observe/settle.h"
#include "sensor/local_addresses.h"
#include "sensor/pcap.h"

namespace tidegate {
namespace {

namespace asio = boost::asio;

// The link-layer address that the interface sends from (netdevice(7)); nothing where it has none of its own.
std::optional<packet::Mac> own_mac(const std::string& interface) {
  const Fd socket{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  ifreq request{};
  interface.copy(request.ifr_name, IFNAMSIZ - 1);
  if (!socket || ::ioctl(socket.get(), SIOCGIFHWADDR, &request) != 0) return std::nullopt;
  if (request.ifr_hwaddr.sa_family != ARPHRD_ETHER) return std::nullopt;
  packet::Mac mac{};
  std::copy_n(request.ifr_hwaddr.sa_data, mac.size(), mac.begin());
  return mac;
}

class LiveCount {
 public:
  LiveCount(const CountSettings& settings, CountRun& run) : settings_{settings}, run_{run} {}

  Result<> start() {
    if (!settings_.filter.empty()) {  // by itself, as it is to stand in a larger one
      if (auto valid = check_filter(settings_.filter); !valid) return valid;
    }
    if (settings_.outcomes) {
      mac_ = own_mac(settings_.tally.interface);
      auto watched = LocalAddresses::watch(io_.get_executor(),
                                           [this](const std::vector<IpAddress>& addresses) { own_ = addresses; });
      if (!watched) return std::unexpected{watched.error()};
      addresses_ = std::move(*watched);
    }
    const auto& interface = settings_.tally.interface;
    auto opened = PcapSensor::open(
        io_.get_executor(),
        {.interface = interface, .filter = count_filter(settings_), .incoming_only = !settings_.outcomes},
        [this](const Sample& sample, const Frame& frame) { take(sample, frame); });
    if (!opened) return std::unexpected{opened.error()};
    sensor_ = std::move(*opened);
    if (const auto status = sensor_->status(); !status.listening)
      return failure("capture on {}: {}", interface, status.trouble);
    sensor_->set_immediate(false);
    log::info("counting on {}", interface);
    await_signal();
    if (settings_.most_time > Duration::zero()) after(time_limit_, settings_.most_time, [this] { end(); });
    if (settings_.interval > Duration::zero()) await_interval();
    return {};
  }

  // Until its end; false: nobody reads any more.
  bool run() {
    io_.run();
    return !unread_;
  }

  [[nodiscard]] CountRun::Losses losses() const {
    const auto status = sensor_->status();
    return {.kernel = status.dropped_kernel, .interface = status.dropped_interface, .rejected = status.rejected};
  }

 private:
  void after(asio::steady_timer& timer, Duration time, std::function<void()> action) {
    timer.expires_after(time);
    timer.async_wait([action = std::move(action)](const boost::system::error_code& error) {
      if (!error) action();
    });
  }

  void await_signal() {
    signals_.async_wait([this](const boost::system::error_code& error, int number) {
      if (error) return;
      if (number == SIGUSR1) {
        digest();
      } else {
        end();
      }
      await_signal();
    });
  }

  void await_interval() {
    after(interval_, settings_.interval, [this] {
      digest();
      await_interval();
    });
  }

  void digest() {
    if (ended_at_) return;  // the last one is due
    after(settling_, kSettle, [this] {
      const auto now = system_now();
      run_.advance(now.instant);
      if (run_.digest(now.wall)) return;
      unread_ = true;
      io_.stop();
    });
  }

  // What has been captured by now still counts.
  void end() {
    if (!ended_at_) ended_at_ = system_now().wall;
    settling_.cancel();
    after(settling_, kSettle, [this] { io_.stop(); });
  }

  void take(Sample sample, const Frame& frame) {
    if (io_.stopped() || (ended_at_ && sample.at.wall > *ended_at_)) return;
    if (settings_.outcomes) sample.direction = direction_of(sample, frame);
    if (!run_.take(sample)) io_.stop();
  }

  [[nodiscard]] Direction direction_of(const Sample& sample, const Frame& frame) const {
    if (sample.direction != Direction::unknown) return sample.direction;
    const auto& source = frame.headers->source_mac;
    const bool ours = source ? source == mac_ : std::ranges::find(own_, sample.flow.source.address) != own_.end();
    return ours ? Direction::out : Direction::in;
  }

  const CountSettings& settings_;
  CountRun& run_;
  asio::io_context io_;
  asio::signal_set signals_{io_, SIGINT, SIGTERM, SIGUSR1};
  asio::steady_timer time_limit_{io_};
  asio::steady_timer interval_{io_};
  asio::steady_timer settling_{io_};  // before a digest
  std::optional<packet::Mac> mac_;
  std::vector<IpAddress> own_;
  std::unique_ptr<LocalAddresses> addresses_;
  std::unique_ptr<PcapSensor> sensor_;
  std::optional<WallTime> ended_at_;
  bool unread_ = false;
};

}  // namespace

Result<> count_live(const CountSettings& settings, CountRun& run, const CountRemark& remark) {
  LiveCount live{settings, run};
  if (auto started = live.start(); !started) return started;
  if (!live.run()) return run.print_failure();
  if (auto printed = run.last_digest(system_now().wall); !printed) return printed;
  run.remark_losses(live.losses(), remark);
  return {};
}

}  // namespace tidegate
