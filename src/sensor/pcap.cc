// See pcap.h. Two ways to look at the ring: while somebody waits to be woken the reactor watches its descriptor, so
// that each packet comes at once; else the descriptor is taken out of the reactor, so that packets wake nobody, and a
// timer looks every few milliseconds. A second timer looks after the interface.
#include "sensor/pcap.h"

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <optional>

#include "base/check.h"
#include "base/log.h"
#include "sensor/capture.h"
#include "sensor/packet_time.h"

namespace tidegate {
namespace {

namespace asio = boost::asio;
using std::chrono::seconds;

constexpr int kDeadSnapLength = 65535;  // to which a filter is compiled in vain
constexpr int kPacketsAtOnce = 1024;    // then others on this thread have their turn
constexpr int kWholeBatchDivisor = 10;
constexpr Duration kDropsToldEvery = seconds{10};

// What stands in the way of listening.
enum class Obstacle : std::uint8_t { none, away, broken };

bool is_away(const Error& error) { return error.code == ENODEV || error.code == ENETDOWN; }

}  // namespace

// Shared by PcapSensor, and by a handler of the reactor for as long as it runs.
struct PcapSensor::Impl : std::enable_shared_from_this<Impl> {
  Impl(asio::any_io_executor on, PcapSettings wanted, SampleSink to)
      : executor{std::move(on)},
        settings{std::move(wanted)},
        sink{std::move(to)},
        name{fmt::format("pcap on {}", settings.interface)},
        next_look{executor},
        next_care{executor} {
    // The ring has room for about a tenth as many whole packets.
    if (settings.whole_packets) settings.batch /= kWholeBatchDivisor;
  }
  ~Impl() { unwatch(); }

  asio::any_io_executor executor;
  PcapSettings settings;
  SampleSink sink;
  std::string name;
  asio::steady_timer next_look;  // when not immediate
  asio::steady_timer next_care;

  std::unique_ptr<Capture> capture;                       // none while the interface is missing
  std::optional<asio::posix::stream_descriptor> watched;  // the capture's, while immediate
  bool immediate = true;
  bool looking = false;  // inside look(): the sink may be calling us
  unsigned turn = 0;     // which look is the awaited one; those of earlier turns come to nothing

  Obstacle obstacle = Obstacle::none;
  std::string trouble;
  std::uint64_t packets = 0;
  std::uint64_t rejected = 0;
  Capture::Drops drops_before;  // of captures closed by now
  std::uint64_t drops_told = 0;
  Instant drops_told_at;
  Now looked_at{};  // both clocks at the beginning of this look

  Result<> start() {
    auto opened = Capture::open(settings);
    if (opened) {
      capture = std::move(*opened);
      schedule_look();
    } else if (is_away(opened.error())) {
      if (settings.ports.empty()) {
        if (const auto valid = check_filter(settings.filter); !valid) return valid;
      }
      report(Obstacle::away, opened.error().what);
    } else {
      return std::unexpected{std::move(opened.error())};
    }
    schedule_care();
    return {};
  }

  // A handler that comes to nothing once this object is gone.
  template <class Action>
  auto guarded(Action action) {
    return [weak = weak_from_this(), action](const boost::system::error_code& error = {}) {
      if (const auto self = weak.lock(); self && !error) action(*self);
    };
  }

  // Looking at the ring.

  void schedule_look() {
    const auto awaited = ++turn;
    const auto look = guarded([awaited](Impl& self) {
      if (awaited == self.turn) self.look();
    });
    if (immediate) {
      if (!watched) watched.emplace(executor, capture->descriptor());
      watched->async_wait(asio::posix::stream_descriptor::wait_read, look);
    } else {
      unwatch();
      next_look.expires_after(settings.batch);
      next_look.async_wait(look);
    }
  }

  void look_again_soon() {
    const auto awaited = ++turn;
    asio::post(executor, [go = guarded([awaited](Impl& self) {
                            if (awaited == self.turn) self.look();
                          })] { go(); });
  }

  // Out of the reactor: no packet wakes this thread any more.
  void unwatch() {
    if (watched) static_cast<void>(watched->release());  // libpcap's, which closes it
    watched.reset();
  }

  void look() {
    looked_at = {.instant = Instant::clock::now(), .wall = std::chrono::system_clock::now()};
    looking = true;
    const auto count = capture->read(kPacketsAtOnce, &on_packet, this);
    looking = false;
    if (!count) {
      lose(count.error().what);
    } else if (*count >= kPacketsAtOnce) {
      look_again_soon();
    } else {
      schedule_look();
    }
  }

  // Called through C: a sink that throws ends the program.
  static void on_packet(u_char* self, const pcap_pkthdr* header, const u_char* bytes) noexcept {
    reinterpret_cast<Impl*>(self)->take(*header, bytes);
  }

  void take(const pcap_pkthdr& header, const u_char* bytes) {
    Frame frame{.link = capture->link(), .bytes = {bytes, header.caplen}, .wire_length = header.len};
    const auto headers = packet::decode(frame.bytes, frame.link, frame.wire_length);
    if (!headers) {
      ++rejected;
      return;
    }
    ++packets;
    frame.headers = &*headers;
    const WallTime wall{seconds{header.ts.tv_sec} + Duration{header.ts.tv_usec}};
    Sample sample = packet::to_sample(*headers, packet_time(looked_at, wall));
    if (sample.interface == 0) sample.interface = capture->interface();
    sink(sample, frame);
  }

  // Looking after the interface.

  void schedule_care() {
    next_care.expires_after(settings.look_again);
    next_care.async_wait(guarded([](Impl& self) { self.care(); }));
  }

  void care() {
    if (capture) {
      switch (capture->presence()) {
        case Capture::Presence::here:
          report(Obstacle::none, {});
          break;
        case Capture::Presence::down:  // the ring goes on by itself when it is up again
          report(Obstacle::away, "the interface is down");
          break;
        case Capture::Presence::gone:
          lose("the interface is gone");
          break;
      }
    }
    if (!capture) take_up();
    tell_drops();
    schedule_care();
  }

  void take_up() {
    auto opened = Capture::open(settings);
    if (opened) {
      capture = std::move(*opened);
      report(Obstacle::none, {});
      schedule_look();
    } else {
      report(is_away(opened.error()) ? Obstacle::away : Obstacle::broken, opened.error().what);
    }
  }

  void lose(const std::string& why) {
    drops_before = drops();
    unwatch();
    next_look.cancel();
    ++turn;
    capture.reset();
    report(Obstacle::away, why);
  }

  // One line in the log when it is lost, one when it is back, whatever the trouble is called meanwhile.
  void report(Obstacle now, std::string why) {
    const bool news = now != obstacle || (now == Obstacle::broken && why != trouble);
    obstacle = now;
    trouble = std::move(why);
    if (!news) return;
    if (now == Obstacle::none) {
      log::info("{}: listening", name);
    } else if (now == Obstacle::away) {
      log::warn("{}: {}; waiting for it", name, trouble);
    } else {
      log::warn("{}: {}; not listening", name, trouble);
    }
  }

  // Counting.

  [[nodiscard]] Capture::Drops drops() {
    const Capture::Drops now = capture ? capture->drops() : Capture::Drops{};
    return {.kernel = drops_before.kernel + now.kernel, .interface = drops_before.interface + now.interface};
  }

  void tell_drops() {
    const auto now = drops();
    const auto all = now.kernel + now.interface;
    const auto at = Instant::clock::now();
    if (all == drops_told || at - drops_told_at < kDropsToldEvery) return;
    log::warn("{}: {} packets lost, {} for want of room in the ring and {} in the interface, {} since the start", name,
              all - drops_told, now.kernel, now.interface, all);
    drops_told = all;
    drops_told_at = at;
  }
};

PcapSensor::PcapSensor(std::shared_ptr<Impl> impl) : impl_{std::move(impl)} {}
PcapSensor::~PcapSensor() = default;

Result<std::unique_ptr<PcapSensor>> PcapSensor::open(asio::any_io_executor executor, PcapSettings settings,
                                                     SampleSink sink) {
  auto impl = std::make_shared<Impl>(std::move(executor), std::move(settings), std::move(sink));
  if (const auto started = impl->start(); !started) return std::unexpected{started.error()};
  return std::unique_ptr<PcapSensor>{new PcapSensor{std::move(impl)}};
}

SensorStatus PcapSensor::status() const {
  const auto drops = impl_->drops();
  return {.name = impl_->name,
          .listening = impl_->obstacle == Obstacle::none,
          .trouble = impl_->trouble,
          .packets = impl_->packets,
          .rejected = impl_->rejected,
          .dropped_kernel = drops.kernel,
          .dropped_interface = drops.interface};
}

void PcapSensor::set_immediate(bool immediate) {
  if (immediate == impl_->immediate) return;
  impl_->immediate = immediate;
  if (impl_->capture && !impl_->looking) impl_->schedule_look();
}

Result<> PcapSensor::set_ports(std::vector<PortRange> ports) {
  TIDEGATE_CHECK(!ports.empty());
  PcapSettings changed = impl_->settings;
  changed.filter.clear();
  changed.ports = std::move(ports);
  if (impl_->capture) {
    if (const auto set = impl_->capture->set_filter(changed); !set) return set;
  }
  impl_->settings = std::move(changed);
  return {};
}

Result<> check_filter(const std::string& filter) {
  Result<> first_answer;
  for (const int link : {DLT_EN10MB, DLT_LINUX_SLL2, DLT_RAW}) {
    const std::unique_ptr<pcap_t, void (*)(pcap_t*)> handle{::pcap_open_dead(link, kDeadSnapLength), ::pcap_close};
    if (!handle) return failure("filter \"{}\": no memory to compile it", filter);
    bpf_program program{};
    if (::pcap_compile(handle.get(), &program, filter.c_str(), 1, PCAP_NETMASK_UNKNOWN) == 0) {
      ::pcap_freecode(&program);
      return {};
    }
    if (first_answer) first_answer = failure("filter \"{}\": {}", filter, ::pcap_geterr(handle.get()));
  }
  return first_answer;
}

}  // namespace tidegate
