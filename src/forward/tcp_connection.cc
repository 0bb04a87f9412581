#include "forward/tcp_connection.h"

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "forward/proxy_protocol.h"

namespace tidegate {

namespace {

constexpr Duration kKeepaliveAfter = std::chrono::seconds{5};  // most connections are gone by then
constexpr Duration kFirstPause = std::chrono::milliseconds{5};
constexpr Duration kLongestPause = std::chrono::milliseconds{250};

// What a browser or another HTTP client gets instead of its answer (RFC 9110, section 15.6.4).
std::string answer_text(HoldAnswer answer) {
  const bool page = answer == HoldAnswer::http_page;
  const std::string_view body =
      page ? "<!doctype html><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"5\"><title>Starting</title>"
             "<p>The service is starting. This page asks again by itself."
           : "The service is starting. Try it again.\n";
  return fmt::format(
      "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Type: {}\r\nContent-Length: {}\r\n"
      "Cache-Control: no-store\r\nConnection: close\r\n\r\n{}",
      page ? "text/html; charset=utf-8" : "text/plain; charset=utf-8", body.size(), body);
}

}  // namespace

TcpConnection::TcpConnection(WorkerContext& context, TcpOwner& owner, std::shared_ptr<DataPlan> plan, Fd socket,
                             const Endpoint& peer, const Endpoint& local, std::uint16_t nth, ForwardClient& client)
    : context_{context},
      owner_{owner},
      plan_{std::move(plan)},
      client_{&client},
      last_{context.loop.now().instant},
      peer_{peer},
      local_{local},
      nth_{nth} {
  client_side_.fd = std::move(socket);
  rate_ = plan_->forward->connection_rate();
  plan_->forward->life->open_connections.fetch_add(1, std::memory_order_relaxed);
  plan_->counters.connections.add(1);
  client.connections.fetch_add(1, std::memory_order_relaxed);
}

TcpConnection::~TcpConnection() {
  auto& forward = *plan_->forward;
  context_.loop.cancel(*this);
  for (Side* const side : {&client_side_, &target_side_}) context_.loop.not_again(*side);
  for (const Flow flow : {Flow::up, Flow::down}) {
    Stream& s = stream(flow);
    const std::uint64_t undelivered =
        (s.backlog ? s.backlog->size() - s.sent_of_backlog : 0) + (s.splice ? s.splice->bytes : 0);
    plan_->budget.release(flow, undelivered, client_, rate_.get());
    if (s.backlog) context_.backlog -= s.backlog->size();
    end_splice(s);
    set_bulk(s, false);
  }
  if (has_target_) forward.targets.all()[target_]->open.fetch_sub(1, std::memory_order_relaxed);
  forward.life->open_connections.fetch_sub(1, std::memory_order_relaxed);
  forward.life->clients.release(*client_);
}

void TcpConnection::begin() {
  if (const auto watched = watch(client_side_); !watched) {
    context_.tell_trouble(settings().name, watched.error().what);
    return go();
  }
  const auto& from = settings().proxy_protocol.accept_from;
  const bool has_header =
      std::ranges::any_of(from, [&](const Cidr& network) { return network.contains(peer_.address); });
  if (!has_header) return enter();
  context_.loop.arm(*this, last_ + settings().timeouts.connect);
}

// It is known who the client is.
void TcpConnection::enter() {
  last_ = context_.loop.now().instant;
  deadline_ = last_ + (settings().service.empty() ? settings().timeouts.connect : settings().hold.duration);
  plan_->forward->holds() ? wait_for_service() : connect();
}

Result<> TcpConnection::watch(Side& side) {
  return context_.loop.watch(side.fd.get(), EPOLLIN | EPOLLOUT | EPOLLRDHUP, side);
}

void TcpConnection::on_events(Side& side, std::uint32_t events) {
  if (state_ == State::gone) return;
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) side.readable = true;
  if ((events & (EPOLLOUT | EPOLLERR)) != 0) side.writable = true;
  if ((events & (EPOLLRDHUP | EPOLLHUP)) != 0) side.hung_up = true;
  const bool dead = (events & (EPOLLERR | EPOLLHUP)) != 0;
  switch (state_) {
    case State::heading:
      return dead ? go() : read_header();
    case State::waiting:
      return dead ? go() : void();
    case State::connecting:
      if (&side == &client_side_) return dead ? go() : void();
      if (!dead) return (events & EPOLLOUT) != 0 ? connected() : void();
      plan_->forward->targets.failed(target_, context_.loop.now().instant);
      return try_target();
    case State::open:
      if (dead && (up_.parked || down_.parked)) return broken(side);  // else reading, or writing, finds it out
      return pump_both();
    case State::gone:
      return;
  }
}

// --- before it is open

void TcpConnection::read_header() {
  std::array<std::uint8_t, kMostProxyHeader> bytes;  // NOLINT(cppcoreguidelines-pro-type-member-init): recv(2) fills it
  const auto got = ::recv(client_side_.fd.get(), bytes.data(), bytes.size(), MSG_PEEK);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return go();
  const auto header = parse_proxy_header({bytes.data(), static_cast<std::size_t>(got)});
  using Kind = ProxyHeaderResult::Kind;
  if (header.kind == Kind::need_more && !client_side_.hung_up) return;
  if (header.kind != Kind::header) {
    plan_->counters.refused.add(1);
    context_.tell_trouble(
        settings().name,
        fmt::format("a connection began without a PROXY header{}{}", header.reason.empty() ? "" : ": ", header.reason),
        peer_.address);
    return leave(Farewells::Ending::reset, Farewells::Ending::reset);
  }
  if (::recv(client_side_.fd.get(), bytes.data(), header.length, 0) != static_cast<ssize_t>(header.length)) return go();
  if (header.source.address) {
    auto& forward = *plan_->forward;
    auto* const client =
        allowed(settings(), header.source.address) ? forward.acquire_client(header.source.address) : nullptr;
    if (client == nullptr || admit(forward, *client, context_.loop.now().instant) != Refusal::none) {
      if (client != nullptr) forward.life->clients.release(*client);
      plan_->counters.refused.add(1);
      return leave(Farewells::Ending::reset, Farewells::Ending::reset);
    }
    forward.life->clients.release(*std::exchange(client_, client));
    client_->connections.fetch_add(1, std::memory_order_relaxed);
    peer_ = header.source;
    local_ = header.destination;
  }
  enter();
}

void TcpConnection::wait_for_service() {
  state_ = State::waiting;
  context_.loop.arm(*this, deadline_);
  owner_.wants_service(*this);
}

void TcpConnection::service_ready() {
  if (state_ != State::waiting) return;
  owner_.stops_waiting(*this);
  connect();
}

void TcpConnection::turn_away() {
  if (state_ == State::waiting) owner_.stops_waiting(*this);
  plan_->counters.refused.add(1);
  const HoldAnswer answer = settings().hold.then;
  if (answer == HoldAnswer::http_503 || answer == HoldAnswer::http_page) {
    const auto text = answer_text(answer);
    [[maybe_unused]] const auto sent = ::send(client_side_.fd.get(), text.data(), text.size(), MSG_NOSIGNAL);
  }
  if (answer == HoldAnswer::reset) {
    abort_socket(std::move(client_side_.fd));
    return go();
  }
  leave(Farewells::Ending::finish, Farewells::Ending::finish);
}

void TcpConnection::connect() {
  state_ = State::connecting;
  tried_ = 0;
  try_target();
}

void TcpConnection::try_target() {
  auto& targets = plan_->forward->targets;
  const Instant now = context_.loop.now().instant;
  while (true) {
    if (std::exchange(has_target_, false)) targets.all()[target_]->open.fetch_sub(1, std::memory_order_relaxed);
    if (target_side_.fd) context_.loop.unwatch(target_side_.fd.get());
    target_side_.fd.reset();
    target_side_.readable = target_side_.writable = target_side_.hung_up = false;

    const auto choice = targets.choose(peer_.address, local_.port, nth_, tried_, now);
    if (!choice) return settings().service.empty() || now >= deadline_ ? no_target() : connect_later();
    target_ = static_cast<std::uint32_t>(choice->index);
    tried_ |= tried_bit(choice->index);
    const int family = choice->address.family();
    Fd fd{::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!fd) {
      context_.tell_trouble(settings().name,
                            system_failure("socket towards " + choice->target->settings.to_string()).error().what);
      return now < deadline_ ? connect_later() : no_target();
    }
    if (family != AF_UNIX) set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1);
    if (settings().transparent && peer_.address) {
      if (const auto bound = bind_transparent(fd.get(), {peer_.address, 0}); !bound) {
        context_.tell_trouble(settings().name, bound.error().what, peer_.address);
        return no_target();
      }
    }
    has_target_ = true;
    choice->target->open.fetch_add(1, std::memory_order_relaxed);
    target_side_.fd = std::move(fd);
    const int status = ::connect(target_side_.fd.get(), choice->address.get(), choice->address.size());
    if (status == 0 || errno == EINPROGRESS) {
      if (!watch(target_side_)) return no_target();
      if (status == 0) return connected();
      context_.loop.arm(*this, now + settings().timeouts.connect);
      return;
    }
    if (is_shortage(errno)) {
      context_.tell_trouble(settings().name,
                            system_failure("connect to " + choice->target->settings.to_string()).error().what);
      return now < deadline_ ? connect_later() : no_target();
    }
    targets.failed(target_, now);
  }
}

// A service that counts as ready may still be about to open its port; and it may have been stopped meanwhile.
void TcpConnection::connect_later() {
  if (plan_->forward->holds()) return wait_for_service();
  tried_ = 0;
  const auto pause = std::min(kFirstPause * (1 << std::min<unsigned>(rounds_, 10U)), kLongestPause);
  ++rounds_;
  context_.loop.arm(*this, context_.loop.now().instant + pause);
}

void TcpConnection::no_target() {
  plan_->counters.errors.add(1);
  if (!settings().service.empty()) return turn_away();
  abort_socket(std::move(client_side_.fd));  // as the target itself would have refused it
  go();
}

void TcpConnection::connected() {
  plan_->forward->targets.connected(target_);
  state_ = State::open;
  last_ = context_.loop.now().instant;
  target_side_.writable = true;
  // A UNIX socket's reads may stop short of what is there.
  if (!local_.address) client_side_.hung_up = true;
  if (plan_->forward->targets.all()[target_]->settings.is_unix()) target_side_.hung_up = true;
  if (!send_header()) return broken(target_side_);
  deadline_ = last_ + kKeepaliveAfter;
  rearm();
  pump_both();
}

bool TcpConnection::send_header() {
  const auto version = settings().proxy_protocol.send;
  if (version == ProxyHeader::none) return true;
  const auto header = format_proxy_header(version, peer_, local_);
  const auto sent = ::send(target_side_.fd.get(), header.data(), header.size(), MSG_NOSIGNAL);
  return sent == static_cast<ssize_t>(header.size());  // a new socket has room for it
}

// --- time

void TcpConnection::on_time() {
  const Instant now = context_.loop.now().instant;
  switch (state_) {
    case State::heading:
      plan_->counters.refused.add(1);
      return leave(Farewells::Ending::reset, Farewells::Ending::reset);
    case State::waiting:
      return turn_away();
    case State::connecting:
      if (target_side_.fd) plan_->forward->targets.failed(target_, now);
      return try_target();
    case State::open:
      break;
    case State::gone:
      return;
  }
  bool due = false;
  for (Stream* const s : {&up_, &down_}) {
    if (!s->parked || s->again == Instant{} || s->again > now) continue;
    s->parked = false;
    s->again = {};
    due = true;
  }
  if (due) pump_both();
  if (state_ != State::open) return;
  if (!keepalive_ && now >= deadline_) set_keepalive();
  const auto& timeouts = settings().timeouts;
  const bool half = up_.shut != down_.shut;
  if ((half && now >= last_ + timeouts.half_close) || (timeouts.idle && now >= last_ + *timeouts.idle)) return go();
  rearm();
}

void TcpConnection::rearm() {
  const auto& timeouts = settings().timeouts;
  Instant due = keepalive_ ? Instant::max() : deadline_;
  if (up_.shut != down_.shut) due = std::min(due, last_ + timeouts.half_close);
  if (timeouts.idle) due = std::min(due, last_ + *timeouts.idle);
  for (const Stream* const s : {&up_, &down_}) {
    if (s->parked && s->again != Instant{}) due = std::min(due, s->again);
  }
  due == Instant::max() ? context_.loop.cancel(*this) : context_.loop.arm(*this, due);
}

// Not by way of the listener, which hands on what it has: what came before it had them, or before a reload, would never
// get them.
void TcpConnection::set_keepalive() {
  keepalive_ = true;
  const auto& timeouts = settings().timeouts;
  if (!settings().listen.is_unix()) set_tcp_timeouts(client_side_.fd.get(), timeouts);
  if (!plan_->forward->targets.all()[target_]->settings.is_unix()) set_tcp_timeouts(target_side_.fd.get(), timeouts);
}

// --- its end

void TcpConnection::leave(Farewells::Ending client, Farewells::Ending target) {
  context_.farewells.say(std::move(client_side_.fd), client);
  context_.farewells.say(std::move(target_side_.fd), target);
  go();
}

void TcpConnection::go() {
  if (std::exchange(state_, State::gone) == State::gone) return;
  owner_.gone(*this);
  context_.loop.cancel(*this);
  for (Side* const side : {&client_side_, &target_side_}) {
    // Not by closing alone: a child that is just being forked may have a copy of the descriptor for a moment.
    if (side->fd) context_.loop.unwatch(side->fd.get());
    side->fd.reset();
  }
  context_.loop.dispose(std::unique_ptr<Disposable>{this});
}

}  // namespace tidegate
