// See kernel.h. The program's answer to a packet is in the maps; what lies here is who owns which entry, and when an
// event is read. A service's events are bounded by the program: after a few, the next ones wait until `kReadAgain` has
// passed.
#include "sensor/kernel.h"

#include <fmt/ranges.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <unordered_map>

#include "base/log.h"
#include "sensor/interfaces.h"
#include "sensor/kernel_program.h"
#include "sensor/kernel_rules.h"
#include "sensor/route_events.h"

namespace tidegate {
namespace {

namespace asio = boost::asio;

constexpr Duration kReadAgain = std::chrono::milliseconds{10};
constexpr std::uint32_t kNowhere = 0xffffffff;  // no interface has this index

Instant instant_of(std::uint64_t nanoseconds) {
  return Instant{Duration{static_cast<std::int64_t>(nanoseconds)}};  // both are CLOCK_MONOTONIC
}

}  // namespace

// Shared by KernelSensor, and by a handler of the reactor for as long as it runs.
struct KernelSensor::Impl : std::enable_shared_from_this<Impl> {
  Impl(asio::any_io_executor on, KernelSettings settings, Sink to, std::unique_ptr<KernelProgram> loaded)
      : executor{std::move(on)},
        sink{std::move(to)},
        program{std::move(loaded)},
        hooks{program->programs(), settings.hook},
        ring{executor, program->descriptor()},
        read_again{executor} {}
  ~Impl() { static_cast<void>(ring.release()); }  // the program's, which closes it

  // A service that is watched; its place in the list is its number in the program.
  struct Watched {
    ServiceSettings settings;
    bool listening = true;
  };
  using Clients = std::unordered_map<std::uint32_t, std::vector<Client>>;

  asio::any_io_executor executor;
  Sink sink;
  std::unique_ptr<KernelProgram> program;
  KernelHooks hooks;
  asio::posix::stream_descriptor ring;
  asio::steady_timer read_again;
  bool rests = false;  // read_again is awaited
  std::unique_ptr<RouteEvents> route_events;
  std::vector<std::optional<Watched>> gates;
  std::unordered_map<std::string, std::uint32_t> numbers;  // by service
  std::vector<IpAddress> local;
  std::string trouble;  // what keeps it from seeing all it should
  std::uint64_t handed_up = 0;
  std::uint64_t unreadable = 0;         // of these
  std::uint64_t packets_of_others = 0;  // of services that are watched no more
  mutable Clients clients;              // as they were read, for all questions of one turn of the reactor
  mutable bool clients_are_fresh = false;

  // A handler that comes to nothing once this object is gone.
  template <class Action>
  auto guarded(Action action) {
    return [weak = weak_from_this(), action](const boost::system::error_code& error = {}) {
      if (const auto self = weak.lock(); self && !error) action(*self);
    };
  }

  Result<> start() {
    auto events = RouteEvents::subscribe(executor, RTMGRP_LINK, "watch this host's interfaces",
                                         guarded([](Impl& self) { self.look_at_interfaces(); }));
    if (!events) return std::unexpected{std::move(events.error())};
    route_events = std::move(*events);
    wait();
    return {};
  }

  // Packets handed up.

  void wait() {
    ring.async_wait(asio::posix::stream_descriptor::wait_read, guarded([](Impl& self) { self.read(); }));
  }

  void read() {
    const auto self = shared_from_this();  // the sink may let go of the sensor
    const Now now{.instant = Instant::clock::now(), .wall = std::chrono::system_clock::now()};
    const auto done = program->read_events([&](const kernel_event& event) { take(event, now); });
    if (!done) return log::error("sensor kernel: {}; it hands up nothing any more", done.error().what);
    if (!std::exchange(rests, true)) {
      read_again.expires_after(kReadAgain);
      read_again.async_wait(guarded([](Impl& me) { me.let_more_come(); }));
    }
    wait();
  }

  void let_more_come() {
    rests = false;
    for (const auto& [name, number] : numbers) {
      std::atomic_ref{program->gate(number).pending}.store(0, std::memory_order_relaxed);
    }
  }

  void take(const kernel_event& event, const Now& now) {
    if (event.gate >= gates.size() || !gates[event.gate]) return;  // came before it was let go
    const auto name = gates[event.gate]->settings.name;
    ++handed_up;
    Frame frame{.link = event.ethernet != 0 ? packet::LinkType::ethernet : packet::LinkType::raw,
                .bytes = std::span{event.frame}.first(std::min<std::size_t>(event.captured, sizeof event.frame)),
                .wire_length = event.length,
                .counted = true};
    const auto headers = packet::decode(frame.bytes, frame.link, frame.wire_length);
    if (!headers) {
      ++unreadable;
      return;
    }
    frame.headers = &*headers;
    const auto at = std::min(instant_of(event.at), now.instant);
    Sample sample = packet::to_sample(*headers, {.instant = at, .wall = now.wall - (now.instant - at)});
    sample.direction = event.way == KERNEL_IN ? Direction::in : Direction::out;
    sample.interface = event.interface;
    sink(name, "kernel on " + hooks.name_of(event.interface), sample, frame);
  }

  // The services.

  [[nodiscard]] std::optional<std::uint32_t> number_of(const std::string& service) const {
    const auto found = numbers.find(service);
    return found == numbers.end() ? std::nullopt : std::optional{found->second};
  }

  template <class Action>
  static void each_port(const ServiceSettings& service, Action action) {
    for (const auto& range : service.ports) {
      for (unsigned port = range.first; port <= range.last; ++port) {
        action(range.protocol, static_cast<std::uint16_t>(port));
      }
    }
  }

  // Its ports and networks; what was counted of it stays.
  void unbind(std::uint32_t number) {
    const auto& service = gates[number]->settings;
    each_port(service, [&](Protocol protocol, std::uint16_t port) {
      program->port(protocol, port) = {};
      for (const auto& address : service.addresses) program->remove_addressed(protocol, {address, port});
    });
    for (const auto& network : compile_networks(service, number)) program->remove_network(network.network);
  }

  Result<> bind(std::uint32_t number) {
    const auto& [service, listening] = *gates[number];
    auto gate = compile_gate(service);
    gate.interface = service.interface == "any" ? 0 : kNowhere;  // until look_at_interfaces() finds it
    gate.listening = listening ? 1 : 0;
    program->gate(number) = gate;
    for (const auto& network : compile_networks(service, number)) {
      if (auto done = program->put_network(network.network, network.of); !done) return done;
    }
    Result<> result;
    each_port(service, [&](Protocol protocol, std::uint16_t port) {
      const auto entry = compile_port(service, protocol, port, number);
      for (const auto& address : service.addresses) {
        if (auto done = program->put_addressed(protocol, {address, port}, entry); !done) result = std::move(done);
      }
      program->port(protocol, port) = entry;
    });
    return result;
  }

  void forget(std::uint32_t number) {
    const auto sum = program->counters(number);
    packets_of_others += sum.packets[KERNEL_IN] + sum.packets[KERNEL_OUT];
    program->gate(number) = {};
    program->clear_counters(number);
    std::vector<kernel_client> gone;
    program->read_clients([&](const KernelProgram::ClientCount& entry) {
      if (entry.client.gate == number) gone.push_back(entry.client);
    });
    for (const auto& client : gone) program->remove_client(client);
    numbers.erase(gates[number]->settings.name);
    gates[number].reset();
  }

  [[nodiscard]] std::uint32_t free_number() {
    const auto free = std::ranges::find_if(gates, [](const auto& gate) { return !gate.has_value(); });
    if (free != gates.end()) return static_cast<std::uint32_t>(free - gates.begin());
    gates.emplace_back();
    return static_cast<std::uint32_t>(gates.size() - 1);
  }

  Result<> watch(const std::vector<ServiceSettings>& services) {
    // What is as it was is not touched: no packet of its own is missed.
    const auto same = [&](std::uint32_t number) {
      return std::ranges::find(services, gates[number]->settings) != services.end();
    };
    for (const auto& [name, number] : numbers) {
      if (!same(number)) unbind(number);
    }
    for (std::uint32_t number = 0; number < gates.size(); ++number) {
      if (gates[number] &&
          std::ranges::find(services, gates[number]->settings.name, &ServiceSettings::name) == services.end())
        forget(number);
    }
    Result<> result;
    for (const auto& service : services) {
      const auto known = number_of(service.name);
      if (known && gates[*known]->settings == service) continue;
      const auto number = known ? *known : free_number();
      gates[number] = {.settings = service, .listening = !known || gates[number]->listening};
      numbers[service.name] = number;
      if (auto bound = bind(number); !bound) result = std::move(bound);
    }
    if (!result) {
      while (!numbers.empty()) {
        const auto number = numbers.begin()->second;
        unbind(number);
        forget(number);
      }
    }
    look_at_interfaces();
    return result;
  }

  // The interfaces.

  void look_at_interfaces() {
    const auto there = list_interfaces();
    if (!there) return tell({there.error().what});
    std::vector<std::string> troubles;
    bool anywhere = false;
    std::vector<Interface> wanted;
    for (const auto& [name, number] : numbers) {
      const auto& on = gates[number]->settings.interface;
      if (on == "any") {
        anywhere = true;
        continue;
      }
      const auto found = std::ranges::find(*there, on, &Interface::name);
      program->gate(number).interface = found == there->end() ? kNowhere : found->index;
      if (found != there->end()) {
        wanted.push_back(*found);
      } else if (auto words = fmt::format("there is no interface {}", on);
                 std::ranges::find(troubles, words) == troubles.end()) {
        troubles.push_back(std::move(words));
      }
    }
    std::ranges::move(hooks.set(anywhere ? *there : wanted), std::back_inserter(troubles));
    tell(troubles);
  }

  // One line in the log when something else stands in the way, and one when nothing does any more.
  void tell(const std::vector<std::string>& troubles) {
    auto now = fmt::format("{}", fmt::join(troubles, "; "));
    if (now == trouble) return;
    if (now.empty()) {
      log::info("sensor kernel: listening everywhere again");
    } else {
      log::warn("sensor kernel: {}", now);
    }
    trouble = std::move(now);
  }

  // What was counted.

  void read_clients() const {
    if (std::exchange(clients_are_fresh, true)) return;
    asio::post(executor, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->clients_are_fresh = false;
    });
    clients.clear();
    program->read_clients([this](const KernelProgram::ClientCount& entry) {
      const auto& [in, out] = entry.traffic.path;
      const auto& end = entry.client.endpoint;
      clients[entry.client.gate].push_back({.endpoint = {from_kernel(end.address), ntohs(end.port)},
                                            .protocol = end.protocol == KERNEL_TCP ? Protocol::tcp : Protocol::udp,
                                            .bytes_in = in.bytes,
                                            .bytes_out = out.bytes,
                                            .packets = in.packets + out.packets,
                                            .first = instant_of(entry.traffic.first),
                                            .last = instant_of(std::max(in.last, out.last))});
    });
    for (auto& [number, list] : clients) std::ranges::sort(list, std::greater{}, &Client::last);
  }
};

KernelSensor::KernelSensor(std::shared_ptr<Impl> impl) : impl_{std::move(impl)} {}
KernelSensor::~KernelSensor() = default;

Result<std::unique_ptr<KernelSensor>> KernelSensor::open(asio::any_io_executor executor, KernelSettings settings,
                                                         Sink sink) {
  auto program = KernelProgram::load();
  if (!program) return std::unexpected{std::move(program.error())};
  auto impl = std::make_shared<Impl>(std::move(executor), settings, std::move(sink), std::move(*program));
  if (auto started = impl->start(); !started) return std::unexpected{std::move(started.error())};
  return std::unique_ptr<KernelSensor>{new KernelSensor{std::move(impl)}};
}

Result<> KernelSensor::watch(const std::vector<ServiceSettings>& services) { return impl_->watch(services); }

void KernelSensor::set_local(const std::vector<IpAddress>& addresses) {
  for (const auto& address : impl_->local) {
    if (std::ranges::find(addresses, address) == addresses.end()) impl_->program->remove_local(address);
  }
  for (const auto& address : addresses) {
    if (const auto put = impl_->program->put_local(address); !put)
      log::warn("sensor kernel: {}: {}", address.to_string(), put.error().what);
  }
  impl_->local = addresses;
}

void KernelSensor::set_own(Protocol protocol, const Endpoint& endpoint, Instant until) {
  const bool any = std::ranges::all_of(endpoint.address.bytes(), [](auto byte) { return byte == 0; });
  const auto put =
      impl_->program->put_own(protocol, any ? Endpoint{.address = {}, .port = endpoint.port} : endpoint, until);
  if (!put) log::debug("sensor kernel: {}", put.error().what);
  impl_->program->set_own_until(until);
}

void KernelSensor::set_listening(const std::string& service, bool listening) {
  const auto number = impl_->number_of(service);
  if (!number) return;
  impl_->gates[*number]->listening = listening;
  // Before anything is read of the maps from here on: a packet that comes now is seen in one way or the other.
  std::atomic_ref{impl_->program->gate(*number).listening}.store(listening ? 1 : 0, std::memory_order_seq_cst);
}

std::optional<Instant> KernelSensor::renewed(const std::string& service) const {
  const auto number = impl_->number_of(service);
  if (!number) return std::nullopt;
  const auto last = impl_->program->counters(*number).renewed;
  return last == 0 ? std::nullopt : std::optional{instant_of(last)};
}

std::optional<CountedTraffic> KernelSensor::counted(const std::string& service) const {
  const auto number = impl_->number_of(service);
  if (!number) return std::nullopt;
  impl_->read_clients();
  const auto sum = impl_->program->counters(*number);
  const auto clients = impl_->clients.find(*number);
  return CountedTraffic{.bytes_in = sum.bytes[KERNEL_IN],
                        .bytes_out = sum.bytes[KERNEL_OUT],
                        .clients = clients == impl_->clients.end() ? std::vector<Client>{} : clients->second};
}

SensorStatus KernelSensor::status() const {
  SensorStatus status{.name = "kernel",
                      .listening = impl_->trouble.empty(),
                      .trouble = impl_->trouble,
                      .packets = impl_->packets_of_others};
  for (const auto& [name, number] : impl_->numbers) {
    const auto sum = impl_->program->counters(number);
    status.packets += sum.packets[KERNEL_IN] + sum.packets[KERNEL_OUT];
  }
  const auto losses = impl_->program->losses();
  status.rejected = losses.rejected + impl_->unreadable;
  status.dropped_kernel = losses.dropped;
  status.handed_up = impl_->handed_up;
  return status;
}

}  // namespace tidegate
