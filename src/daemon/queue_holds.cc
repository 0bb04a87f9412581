#include "daemon/queue_holds.h"

#include <net/if.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/log.h"
#include "daemon/service.h"
#include "meter/classify.h"
#include "observe/clock.h"
#include "sensor/listeners.h"

namespace tidegate {

namespace {

// How often it is looked whether a port is open yet, and for how long at most: where it cannot be seen, as behind
// destination NAT, who waits is let go then all the same.
constexpr Duration kLookForPort = std::chrono::milliseconds{20};
constexpr Duration kPortMayOpen = std::chrono::seconds{5};
constexpr std::size_t kLetGoAtOnce = 32;
constexpr Duration kLetGoEvery = std::chrono::milliseconds{2};
constexpr Duration kLookForOld = std::chrono::seconds{1};
constexpr Duration kFullToldEvery = std::chrono::seconds{10};

// The ports whose packets wait for the service. What leads to the service by other ports is to be added here.
std::vector<PortRange> held_ports(const ServiceSettings& service) { return service.ports; }

// Whether somebody said when it is ready, in a way that says nothing of a port.
bool is_told_otherwise(const Ready& ready) {
  return std::holds_alternative<ReadyCommand>(ready) || std::holds_alternative<ReadyDelay>(ready);
}

// Of a probe that asks the service itself.
std::optional<PortRange> probed_port(const Ready& ready) {
  const auto at = [](Protocol protocol, std::uint16_t port) {
    return PortRange{.protocol = protocol, .first = port, .last = port};
  };
  if (const auto* const tcp = std::get_if<ReadyTcp>(&ready)) return at(Protocol::tcp, tcp->port);
  if (const auto* const http = std::get_if<ReadyHttp>(&ready)) return at(Protocol::tcp, http->port);
  if (const auto* const udp = std::get_if<ReadyUdp>(&ready)) return at(Protocol::udp, udp->port);
  return std::nullopt;
}

bool has(const std::vector<PortRange>& ports, const WaitingPacket& packet) {
  return std::ranges::any_of(
      ports, [&](const PortRange& each) { return each.contains(packet.flow.protocol, packet.flow.destination.port); });
}

// Those of `ports` that somebody listens on. When that cannot be told: all of them.
std::vector<PortRange> listened_on(std::vector<PortRange> ports) {
  const auto in_use = ports_in_use(ports);
  if (!in_use) {
    log::debug("looking for listeners: {}", in_use.error().what);
    return ports;
  }
  std::vector<PortRange> open;
  open.reserve(ports.size());
  for (std::size_t i = 0; i < ports.size(); ++i) {
    if ((*in_use)[i]) open.push_back(ports[i]);
  }
  return open;
}

}  // namespace

QueueHolds::QueueHolds(const boost::asio::any_io_executor& executor, Hooks hooks)
    : executor_{executor}, hooks_{std::move(hooks)}, timer_{executor} {}

// --- which services

QueueHolds::Holds QueueHolds::wanted(const Config& config) {
  Holds holds;
  for (const auto& service : config.services) {
    if (service.hold != ServiceSettings::Hold::queue) continue;
    holds[service.name] = {.ports = held_ports(service),
                           .addresses = service.addresses,
                           .interface = service.interface,
                           .ready = service.ready,
                           .wake = service.wake,
                           .patience = service.gate.start_timeout,
                           .whole = !service.capture_wakes.empty()};
  }
  return holds;
}

Result<> QueueHolds::apply(const Config& config) {
  auto next = wanted(config);
  if (next.empty()) {
    close();
    return {};
  }
  for (auto& [name, hold] : next) {
    if (const auto old = holds_.find(name); old != holds_.end()) {
      hold.state = old->second.state;
      hold.holding = old->second.holding;
      hold.opening_until = old->second.opening_until;
      hold.full_told = old->second.full_told;
    } else if (const auto* const service = hooks_.find(name)) {
      hold.state = service->gate().state();
      hold.holding = hold.state != GateState::awake;
    }
  }
  const bool was_open = queue_ != nullptr;
  auto done = was_open ? Result<>{} : open();
  if (done)
    done = queue_->set_whole_packets(std::ranges::any_of(next, [](const auto& hold) { return hold.second.whole; }));
  if (done) done = set_rules(next);
  if (!done) {
    if (!was_open) close();
    return failure("service {}: {}", next.begin()->first, done.error().what);
  }
  std::swap(holds_, next);
  for (const auto& [name, hold] : next) {
    if (!holds_.contains(name)) queue_->forget(name);
  }
  clear_unused();
  return {};
}

Result<> QueueHolds::open() {
  auto queue = PacketQueue::open(
      executor_, [this](const Sample& sample, const Frame& frame, bool local) { return judge(sample, frame, local); });
  if (!queue) return std::unexpected{std::move(queue.error())};
  const auto means = queue_means();
  if (!means) return std::unexpected{means.error()};
  auto rules = QueueRules::open(executor_, (*queue)->number(), *means, [this](const Result<>& done) {
    tell({}, done ? "somebody removed the rules that hold packets in the queue; they are back" : done.error().what);
  });
  if (!rules) return std::unexpected{std::move(rules.error())};
  queue_ = std::move(*queue);
  rules_ = std::move(*rules);
  log::info("hold: queue {}, by {}", queue_->number(),
            rules_->means().expression ? "the expression queue of nf_tables" : "the target NFQUEUE");
  return {};
}

void QueueHolds::close() {
  timer_.cancel();
  due_.reset();
  holds_.clear();
  if (rules_) set_rules_or_tell({});
  queue_.reset();  // before the rules: with a chain the kernel drops what waits
  rules_.reset();
}

void QueueHolds::set_local(const std::vector<IpAddress>& addresses) {
  local_ = addresses;
  if (rules_) set_rules_or_tell({});
}

Result<> QueueHolds::set_rules(const Holds& holds) {
  std::vector<HeldPorts> held;
  for (const auto& [name, hold] : holds) {
    if (!hold.holding) continue;
    for (const auto& address : hold.addresses.empty() ? local_ : hold.addresses) {
      for (const auto& ports : hold.ports) held.push_back({.ports = ports, .address = address});
    }
  }
  return rules_->set(std::move(held));
}

void QueueHolds::set_rules_or_tell(const std::string& service) {
  if (const auto set = set_rules(holds_); !set) tell(service, set.error().what);
  clear_unused();
}

void QueueHolds::clear_unused() {
  if (queue_->room().empty()) rules_->clear_unused();
}

std::optional<QueueStatus> QueueHolds::status(const std::string& service) const {
  const auto found = holds_.find(service);
  if (found == holds_.end()) return std::nullopt;
  const auto& room = queue_->room();
  return QueueStatus{.holding = found->second.holding,
                     .waiting = room.waiting(service).size(),
                     .clients = room.clients(service),
                     .counts = room.counts(service)};
}

std::optional<SensorStatus> QueueHolds::sensor() const {
  return queue_ ? std::optional{queue_->status()} : std::nullopt;
}

// --- packets

bool QueueHolds::is_for(const Hold& hold, const Sample& sample) const {
  const auto& to = sample.flow.destination;
  const auto& addresses = hold.addresses.empty() ? local_ : hold.addresses;
  return std::ranges::any_of(hold.ports,
                             [&](const PortRange& ports) { return ports.contains(sample.flow.protocol, to.port); }) &&
         std::ranges::find(addresses, to.address) != addresses.end();
}

bool QueueHolds::sees(const std::string& service, const Sample& sample) const {
  const auto found = holds_.find(service);
  if (found == holds_.end() || !found->second.holding || sample.direction != Direction::in) return false;
  constexpr unsigned kAsked = tcp_flag::kFin | tcp_flag::kSyn | tcp_flag::kRst | tcp_flag::kAck;
  if (sample.flow.protocol == Protocol::tcp && (sample.tcp_flags & kAsked) != tcp_flag::kSyn) return false;
  return is_for(found->second, sample);
}

// Services may share ports where their interfaces differ.
QueueHolds::Holds::iterator QueueHolds::find(const Sample& sample) {
  return std::ranges::find_if(holds_, [&](const auto& entry) {
    const auto& hold = entry.second;
    return is_for(hold, sample) &&
           (hold.interface == "any" || ::if_nametoindex(hold.interface.c_str()) == sample.interface);
  });
}

std::string QueueHolds::judge(const Sample& sample, const Frame& frame, bool local) {
  if (hooks_.is_own(sample)) return {};
  const auto found = find(sample);
  if (found == holds_.end()) return {};
  const auto& [name, hold] = *found;
  auto* const service = hooks_.find(name);
  if (service == nullptr) return {};
  service->observe(sample, frame, kQueueSensor);
  if (!hold.holding || !takes(hold.wake, sample)) return {};
  // A command that asks the service itself whether it is ready must not wait for the answer.
  const bool may_ask = local && hold.state == GateState::waking && std::holds_alternative<ReadyCommand>(hold.ready);
  expect(may_ask || hold.opening_until ? kLookForPort : kLookForOld);
  return name;
}

// --- states

void QueueHolds::follow(const std::string& name) {
  const auto found = holds_.find(name);
  const auto* const service = hooks_.find(name);
  if (found == holds_.end() || service == nullptr) return;
  auto& hold = found->second;
  const auto state = service->gate().state();
  const auto before = std::exchange(hold.state, state);
  if (state == before) return;
  if (state == GateState::awake) return became_ready(name, hold);
  hold.opening_until.reset();
  if (!std::exchange(hold.holding, true)) set_rules_or_tell(name);
  if (state == GateState::failed) failed(name);
  if (state == GateState::asleep) queue_->end_wait(name, PacketQueue::Fate::let_go);  // it was called off
  clear_unused();
}

void QueueHolds::became_ready(const std::string& name, Hold& hold) {
  hold.opening_until = system_now().instant + kPortMayOpen;
  let_go_where_open(name, hold);
}

// Whoever's port is open goes on; and when nobody waits any more, or it was waited long enough, nothing is held.
void QueueHolds::let_go_where_open(const std::string& name, Hold& hold) {
  const auto& room = queue_->room();
  const bool awake = hold.state == GateState::awake;
  if (!room.waiting(name).empty()) {
    const auto open = open_ports(name, hold);
    const auto all_open =
        std::ranges::all_of(room.waiting(name), [&](const auto& packet) { return has(open, packet); });
    if (!awake || !all_open) {
      let_some_go(name, [&](const WaitingPacket& packet) { return (awake || packet.local) && has(open, packet); });
      if (!awake || system_now().instant < *hold.opening_until) return expect(kLookForPort);
    }
  }
  hold.opening_until.reset();
  hold.holding = false;
  if (!room.waiting(name).empty()) {
    log::info("{}: {} packets of {} clients that waited go on", name, room.waiting(name).size(), room.clients(name));
  }
  const auto set = set_rules(holds_);  // first, so that the next packet does not come to the queue any more
  if (!set) tell(name, set.error().what);
  let_some_go(name, {});
  clear_unused();
}

// The oldest first, and not all at once: a service that has only just started would find more than its sockets hold.
void QueueHolds::let_some_go(const std::string& name, const WaitingRoom::Which& which) {
  std::size_t chosen = 0;
  const auto gone = queue_->end_wait(name, PacketQueue::Fate::let_go, [&](const WaitingPacket& packet) {
    if (chosen == kLetGoAtOnce || (which && !which(packet))) return false;
    ++chosen;
    return true;
  });
  if (gone == kLetGoAtOnce) expect(kLetGoEvery);
}

// Of the ports for which something waits.
std::vector<PortRange> QueueHolds::open_ports(const std::string& name, const Hold& hold) const {
  std::set<PortRange> ports;
  for (const auto& packet : queue_->room().waiting(name)) {
    const auto port = packet.flow.destination.port;
    ports.insert({.protocol = packet.flow.protocol, .first = port, .last = port});
  }
  std::vector<PortRange> all{ports.begin(), ports.end()};
  const bool here = hold.addresses.empty() || std::ranges::any_of(hold.addresses, [&](const IpAddress& address) {
                      return std::ranges::find(local_, address) != local_.end();
                    });
  if (!here) return all;
  if (hold.state == GateState::awake) {
    if (is_told_otherwise(hold.ready)) return all;
    // A port that answered the probe, and that nobody listens on here, leads elsewhere: so may the others.
    if (const auto probed = probed_port(hold.ready); probed && listened_on({*probed}).empty()) return all;
  }
  return listened_on(std::move(all));
}

void QueueHolds::failed(const std::string& name) {
  const auto clients = queue_->room().clients(name);
  const auto dropped = queue_->end_wait(name, PacketQueue::Fate::start_failed);
  if (dropped == 0) return;
  tell(name,
       fmt::format("{} packets of {} clients that waited in the queue are dropped, as the start failed; what they "
                   "send again waits for the next one",
                   dropped, clients));
}

// --- time

void QueueHolds::tell(const std::string& service, std::string text) {
  hooks_.tell({.at = system_now().wall, .service = service, .kind = EventKind::trouble, .text = std::move(text)});
}

void QueueHolds::expect(Duration later) {
  const auto at = system_now().instant + later;
  if (due_ && *due_ <= at) return;
  due_ = at;
  timer_.expires_at(at);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) on_time();
  });
}

void QueueHolds::on_time() {
  due_.reset();
  const auto now = system_now().instant;
  for (auto& [name, hold] : holds_) look_after(name, hold, now);
  clear_unused();
}

void QueueHolds::look_after(const std::string& name, Hold& hold, Instant now) {
  const auto& waiting = queue_->room().waiting(name);
  if (!waiting.empty() && now - waiting.front().since >= hold.patience) {
    queue_->end_wait(name, PacketQueue::Fate::too_old,
                     [&](const WaitingPacket& packet) { return now - packet.since >= hold.patience; });
  }
  const auto full = queue_->room().counts(name).dropped_full;
  if (full != hold.full_told && now >= hold.full_next) {
    hold.full_next = now + kFullToldEvery;
    tell(name, fmt::format("{} packets dropped, as there was no room for more in the queue",
                           full - std::exchange(hold.full_told, full)));
  }
  if (hold.opening_until) return let_go_where_open(name, hold);
  if (waiting.empty()) return;
  if (!hold.holding) return let_some_go(name, {});
  const bool asking = hold.state == GateState::waking && std::holds_alternative<ReadyCommand>(hold.ready) &&
                      std::ranges::any_of(waiting, &WaitingPacket::local);
  if (asking) return let_go_where_open(name, hold);
  expect(kLookForOld);
}

}  // namespace tidegate
