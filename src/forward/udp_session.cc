#include "forward/udp_session.h"

#include <netinet/udp.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>

namespace tidegate {

namespace {

constexpr int kSocketBuffer = 1 << 20;  // bytes for answers; memory only while it is filled
constexpr std::uint8_t kRefusalsBeforeMove = 3;
constexpr std::size_t kMostTries = 64;

// fe80::/10 (RFC 4291, 2.5.6): means nothing without its interface.
bool is_link_local(const IpAddress& address) {
  const auto bytes = address.bytes();
  return address.is_v6() && bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
}

}  // namespace

// --- UdpPlan

bool UdpPlan::empty() const {
  return std::ranges::all_of(sessions, [](const auto& list) { return list.empty(); });
}

// --- UdpSession: beginning and end

UdpSession::UdpSession(WorkerContext& context, UdpPlan& plan, UdpClient& client, const UdpKey& key,
                       std::uint32_t interface)
    : context_{context},
      plan_{&plan},
      client_{&client},
      key_{key},
      rate_{plan.forward->connection_rate()},
      last_{context.loop.now().instant},
      interface_{interface} {
  plan.sessions[static_cast<std::size_t>(standing_)].push_back(*this);
  client.sessions.push_back(*this);
  plan.forward->life->open_sessions.fetch_add(1, std::memory_order_relaxed);
  client.client.sessions.fetch_add(1, std::memory_order_relaxed);
  client.client.connections.fetch_add(1, std::memory_order_relaxed);
  plan.counters.sessions.add(1);
}

void UdpSession::close() {
  if (waits()) stop_waiting();
  if (queue_) {
    plan_->counters.dropped.add(queue_->datagrams.size());
    queue_.reset();
  }
  leave_target();
  context_.loop.not_again(*this);
  auto& life = *plan_->forward->life;
  life.open_sessions.fetch_sub(1, std::memory_order_relaxed);
  client_->client.sessions.fetch_sub(1, std::memory_order_relaxed);
  life.clients.release(client_->client);
  UdpHook<UdpPlanTag>::unlink();
  UdpHook<UdpClientTag>::unlink();
  closed_ = true;
}

Instant UdpSession::expires() const {
  const auto& settings = plan_->forward->settings;
  return last_ + (waits() ? settings.hold.duration : settings.timeouts.udp);
}

void UdpSession::touch(UdpStanding standing) {
  const Instant now = context_.loop.now().instant;
  if (now == last_ && standing == standing_) return;  // among the last already
  last_ = now;
  standing_ = standing;
  UdpHook<UdpPlanTag>::unlink();
  plan_->sessions[static_cast<std::size_t>(standing)].push_back(*this);
  UdpHook<UdpClientTag>::unlink();
  client_->sessions.push_back(*this);
}

// --- its target

Result<Fd> UdpSession::open_socket(const SocketAddress& target) const {
  const auto words = [&] { return "socket towards " + target.endpoint().to_string(); };
  Fd socket{::socket(target.family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  if (!socket) return system_failure(words());
  if (!set_option(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, kSocketBuffer))
    set_option(socket.get(), SOL_SOCKET, SO_RCVBUF, kSocketBuffer);
  set_option(socket.get(), SOL_SOCKET, SO_RXQ_OVFL, 1);
  set_option(socket.get(), IPPROTO_UDP, UDP_GRO, 1);
  if (plan_->forward->settings.transparent) {
    set_option(socket.get(), SOL_SOCKET, SO_REUSEADDR, 1);  // the client may have come to several ports
    if (const auto bound = bind_transparent(socket.get(), key_.client); !bound) return std::unexpected{bound.error()};
  }
  if (::connect(socket.get(), target.get(), target.size()) != 0) return system_failure(words());
  return socket;
}

UdpSession::Reach UdpSession::connect(std::uint64_t tried) {
  auto& targets = plan_->forward->targets;
  const Instant now = context_.loop.now().instant;
  for (std::size_t i = 0; i < kMostTries; ++i) {
    const auto choice = targets.choose(key_.client.address, key_.listener->port, key_.listener->nth, tried, now);
    if (!choice) return Reach::no_target;
    auto socket = open_socket(choice->address);
    if (socket) {
      if (const auto watched = context_.loop.watch(socket->get(), EPOLLIN, *this); !watched)
        socket = std::unexpected{watched.error()};
    }
    if (socket) {
      leave_target();
      socket_ = std::move(*socket);
      target_ = choice->target;
      target_->open.fetch_add(1, std::memory_order_relaxed);
      target_index_ = static_cast<std::uint32_t>(choice->index);
      merge_up_ = DatagramSender::kAnySize;
      refusals_ = 0;
      overflows_ = 0;
      return Reach::reached;
    }
    if (is_shortage(socket.error().code)) return Reach::no_room;
    context_.tell_trouble(plan_->forward->settings.name, socket.error().what, key_.client.address);
    targets.failed(choice->index, now);
    tried |= tried_bit(choice->index);
  }
  return Reach::no_target;
}

void UdpSession::leave_target() {
  if (!socket_) return;
  context_.loop.unwatch(socket_.get());  // closing is not enough: a child just forked may have a copy
  socket_.reset();
  target_->open.fetch_sub(1, std::memory_order_relaxed);
}

// An ICMP error came back. After some in a row the target is marked, and another one is taken where there is one.
void UdpSession::refused() {
  if (++refusals_ < kRefusalsBeforeMove) return;
  refusals_ = 0;
  plan_->forward->targets.failed(target_index_, context_.loop.now().instant);
  // Where there is no other, or no room, it stays with the socket that it has.
  [[maybe_unused]] const Reach moved = connect(tried_bit(target_index_));
}

void UdpSession::answered() {
  if (standing_ == UdpStanding::fresh || refusals_ > 0) plan_->forward->targets.connected(target_index_);
  refusals_ = 0;
  if (waits()) return;  // an answer of before does not lengthen the wait
  touch(std::max(standing_, UdpStanding::answered));
}

// --- datagrams

void UdpSession::carry(std::span<const Datagrams> items) {
  touch(standing_ == UdpStanding::answered ? UdpStanding::proven : standing_);
  deliver(Flow::up, items);
}

void UdpSession::on_events(std::uint32_t) {
  if (closed_) return;  // in this turn
  auto& reader = context_.reader;
  const std::size_t count = reader.read(socket_.get());
  if (reader.error() == EAGAIN) return;
  if (reader.error() != 0) {
    refused();  // read, and so cleared; what waits behind it comes with the next call
    return context_.loop.again(*this);
  }
  std::array<Datagrams, DatagramReader::kSlots> items;
  std::size_t whole = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const Arrival arrival = reader.at(i);
    items[whole] = arrival.datagrams;
    if (arrival.cut) {
      drop({&items[whole], 1});
    } else {
      ++whole;
    }
  }
  if (const auto overflows = reader.overflows()) {
    plan_->counters.dropped.add(*overflows - overflows_);
    overflows_ = *overflows;
  }
  answered();
  deliver(Flow::down, {items.data(), whole});
  if (count == DatagramReader::kSlots) context_.loop.again(*this);  // else emptied: what comes now is a new event
}

// How much of `item` may pass: whole datagrams, reserved in the budget; the rest is dropped.
Datagrams UdpSession::within_budget(Flow flow, const Datagrams& item) {
  auto& budget = plan_->budget;
  const std::size_t size = item.bytes.size();
  if (budget.unlimited() || size == 0) return item;
  std::size_t granted = 0;
  while (granted < size) {
    const std::size_t rest = size - granted;
    const std::size_t one = std::min(item.each, rest);
    const Grant grant = budget.reserve(flow, rest, one, &client_->client, rate_.get(), context_.loop.now());
    if (grant.bytes == 0) {
      if (grant.dry != nullptr) context_.tell_dry(*grant.dry, one);
      plan_->counters.dropped.add(item.part(granted, size).count());
      break;
    }
    const std::size_t whole = grant.bytes == rest ? rest : grant.bytes / item.each * item.each;
    budget.release(flow, grant.bytes - whole, &client_->client, rate_.get());
    granted += whole;
  }
  return item.part(0, granted);
}

// False, with `if_received` and one datagram up by a fresh socket: it was refused at once, and does not count.
bool UdpSession::deliver(Flow flow, std::span<const Datagrams> items, Delivery delivery) {
  if (plan_->forward->closed_by_quota()) {
    drop(items);
    return true;
  }
  auto& counters = plan_->counters;
  auto& sender = context_.sender;
  sender.clear();
  for (const auto& item : items) {
    const Datagrams passing = within_budget(flow, item);
    if (!passing.bytes.empty() || item.bytes.empty()) sender.add(passing);
  }
  SocketAddress to;
  DatagramPath path{.fd = socket_.get()};
  if (flow == Flow::down) {
    to = SocketAddress{key_.client};
    path = {.fd = key_.listener->fd.get(), .to = &to, .from = key_.local};
    if (is_link_local(key_.client.address)) to.set_scope(interface_);
    if (is_link_local(key_.local)) path.interface = interface_;
  }
  auto& merge = flow == Flow::up ? merge_up_ : merge_down_;
  auto& delivered = flow == Flow::up ? counters.datagrams_up : counters.datagrams_down;
  bool was_refused = false;
  while (const auto sent = sender.send_next(path, merge)) {
    was_refused = was_refused || sent->refused;
    if (sent->error == 0 && delivery == Delivery::if_received && pending_error(socket_.get()) == ECONNREFUSED) {
      plan_->budget.release(flow, sent->bytes, &client_->client, rate_.get());
      return false;
    }
    if (sent->error == 0) {
      plan_->budget.settle(flow, sent->bytes, &client_->client);
      delivered.add(sent->datagrams);
    } else {
      plan_->budget.release(flow, sent->bytes, &client_->client, rate_.get());
      counters.dropped.add(sent->datagrams);
    }
  }
  if (was_refused && flow == Flow::up) refused();
  return true;
}

void UdpSession::drop(std::span<const Datagrams> items) {
  for (const auto& item : items) plan_->counters.dropped.add(item.count());
}

// --- waiting for the service

void UdpSession::begin_waiting() {
  queue_ = std::make_unique<Queue>();
  touch(UdpStanding::waiting);
}

void UdpSession::stop_waiting() {
  plan_->forward->life->waiting.fetch_sub(1, std::memory_order_relaxed);
  touch(UdpStanding::fresh);
}

void UdpSession::drop_old() {
  const Instant now = context_.loop.now().instant;
  auto& held = queue_->datagrams;
  while (!held.empty() && held.front().at + plan_->forward->settings.hold.duration <= now) {
    queue_->bytes -= held.front().bytes.size();
    held.pop_front();
    plan_->counters.dropped.add(1);
  }
}

void UdpSession::hold(std::span<const Datagrams> items) {
  touch(UdpStanding::waiting);
  drop_old();
  const auto& bounds = plan_->forward->settings.hold;
  for (const auto& item : items) {
    for (std::size_t i = 0, from = 0; i < item.count(); ++i, from += item.each) {
      const auto bytes = item.bytes.subspan(from, std::min(item.each, item.bytes.size() - from));
      if (queue_->datagrams.size() >= bounds.udp_datagrams || queue_->bytes + bytes.size() > bounds.udp_bytes) {
        plan_->counters.dropped.add(1);
        continue;
      }
      queue_->bytes += bytes.size();
      queue_->datagrams.push_back({.at = last_, .bytes = {bytes.begin(), bytes.end()}});
    }
  }
}

bool UdpSession::flush() {
  drop_old();
  std::vector<Datagrams> items;
  items.reserve(queue_->datagrams.size());
  for (const auto& held : queue_->datagrams) items.push_back({.bytes = held.bytes, .each = held.bytes.size()});
  std::span<const Datagrams> rest = items;
  if (!rest.empty()) {
    if (!deliver(Flow::up, rest.first(1), Delivery::if_received)) return false;
    rest = rest.subspan(1);
  }
  stop_waiting();
  const auto queue = std::move(queue_);
  while (!rest.empty()) {
    const auto now = rest.first(std::min(rest.size(), DatagramSender::kMost));
    deliver(Flow::up, now);
    rest = rest.subspan(now.size());
  }
  return true;
}

}  // namespace tidegate
