// The bytes of an open connection, each way on its own: copied through the data thread's buffer, or spliced.
#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "forward/tcp_connection.h"

namespace tidegate {

namespace {

constexpr std::size_t kLeastRead = 65'536;
constexpr std::uint8_t kLargestSize = 2;    // 1 MiB
constexpr std::size_t kSmallRead = 16'384;  // where too much is backed up
constexpr std::size_t kTurn = 1 << 20;      // bytes one way before others have their turn
constexpr std::uint8_t kFullReads = 8;      // of the largest size in a row: a bulk stream
// From so many bulk streams on a data thread splices them: it is then what limits them all, and a splice costs it a
// third less than a copy. One or two go faster when they are copied (docs/performance.md).
constexpr std::size_t kBulkStreamsToSplice = 4;

constexpr std::size_t read_size(std::uint8_t size) { return kLeastRead << (2U * size); }
static_assert(read_size(kLargestSize) <= WorkerContext::kBuffer);

}  // namespace

void TcpConnection::pump_both() {
  pump(Flow::up);
  if (state_ == State::open) pump(Flow::down);
  if (state_ != State::open) return;
  const bool drained = !busy(up_) && !busy(down_);
  if (cut_ && drained) return leave(Farewells::Ending::finish, Farewells::Ending::finish);
  if (up_.shut && down_.shut) go();
}

bool TcpConnection::busy(const Stream& stream) const {
  return stream.backlog != nullptr || (stream.splice && stream.splice->bytes > 0);
}

void TcpConnection::pump(Flow flow) {
  Stream& s = stream(flow);
  std::size_t moved = 0;
  while (state_ == State::open) {
    if (busy(s)) {
      if (!flush(flow)) break;
      continue;
    }
    if (s.ended) {
      if (!s.shut) pass_end(flow);
      break;
    }
    if (cut_ || s.parked || !from(flow).readable) break;
    if (moved >= kTurn) {
      context_.loop.again(from(flow));
      break;
    }
    if (!move(flow, moved)) break;
  }
  if (state_ != State::open) return;
  if (moved > 0) last_ = context_.loop.now().instant;
  if (s.splice && s.splice->bytes == 0 && !from(flow).readable) end_splice(s);  // nothing is held while it is idle
}

// Hands on what was read before. False: the peer takes no more for now.
bool TcpConnection::flush(Flow flow) {
  Stream& s = stream(flow);
  Side& peer = to(flow);
  if (!peer.writable) return false;
  ssize_t sent = 0;
  std::size_t left = 0;
  if (s.backlog) {
    left = s.backlog->size() - s.sent_of_backlog;
    sent = ::send(peer.fd.get(), s.backlog->data() + s.sent_of_backlog, left, MSG_NOSIGNAL);
  } else {
    left = s.splice->bytes;
    sent =
        ::splice(s.splice->pipe.read.get(), nullptr, peer.fd.get(), nullptr, left, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  }
  if (sent < 0) {
    if (errno == EINTR) return true;
    if (errno == EAGAIN) return peer.writable = false;
    broken(peer);
    return false;
  }
  const auto bytes = static_cast<std::size_t>(sent);
  plan_->budget.settle(flow, bytes, client_);
  last_ = context_.loop.now().instant;
  if (s.splice && !s.backlog) {
    s.splice->bytes -= bytes;
  } else {
    s.sent_of_backlog += static_cast<std::uint32_t>(bytes);
  }
  if (bytes < left) return true;  // and ask again: it may have taken a part for other reasons than a full buffer
  if (s.backlog) {
    context_.backlog -= s.backlog->size();
    s.backlog.reset();
    s.sent_of_backlog = 0;
  }
  return true;
}

// Reads once and hands on. False: nothing more can move this way for now.
bool TcpConnection::move(Flow flow, std::size_t& moved) {
  Stream& s = stream(flow);
  if (s.bulk && context_.bulk_streams >= kBulkStreamsToSplice) {
    auto pipe = s.splice ? std::nullopt : context_.pipes.take();  // none to be had: copies go on
    if (pipe) s.splice = std::make_unique<Splice>(Splice{.pipe = std::move(*pipe)});
  } else {
    end_splice(s);
  }
  const std::size_t want = s.splice                                         ? s.splice->pipe.capacity
                           : context_.backlog > WorkerContext::kMostBacklog ? kSmallRead
                                                                            : read_size(s.size);
  const Grant grant = plan_->budget.reserve(flow, want, 1, client_, rate_.get(), context_.loop.now());
  if (grant.bytes == 0) {
    park(flow, grant);
    return false;
  }
  return s.splice ? splice(flow, grant.bytes, moved) : copy(flow, grant.bytes, moved);
}

// What a read means that brought nothing of the bytes reserved for it. True: ask again.
bool TcpConnection::read_nothing(Flow flow, ssize_t got, std::uint64_t reserved) {
  const bool asks_again = got == 0 || errno == EINTR;
  const bool breaks = got < 0 && errno != EINTR && errno != EAGAIN;
  plan_->budget.release(flow, reserved, client_, rate_.get());
  if (got == 0) stream(flow).ended = true;
  if (asks_again) return true;
  from(flow).readable = false;
  if (breaks) broken(from(flow));
  return false;
}

bool TcpConnection::copy(Flow flow, std::uint64_t bytes, std::size_t& moved) {
  Stream& s = stream(flow);
  Side& source = from(flow);
  Side& peer = to(flow);
  Budget& budget = plan_->budget;
  const auto got = ::recv(source.fd.get(), context_.buffer.get(), bytes, 0);
  if (got <= 0) return read_nothing(flow, got, bytes);
  const auto read = static_cast<std::size_t>(got);
  budget.release(flow, bytes - read, client_, rate_.get());
  // Edge-triggered: a short read has emptied the socket, and news will come (epoll(7)), unless the end came already.
  if (read < bytes && !source.hung_up) source.readable = false;
  adapt(s, read, bytes);
  moved += read;

  std::size_t sent = 0;
  if (peer.writable) {
    const auto status = ::send(peer.fd.get(), context_.buffer.get(), read, MSG_NOSIGNAL);
    if (status < 0 && errno != EAGAIN && errno != EINTR) {
      budget.release(flow, read, client_, rate_.get());
      broken(peer);
      return false;
    }
    if (status > 0) sent = static_cast<std::size_t>(status);
    budget.settle(flow, sent, client_);
  }
  if (sent == read) return true;
  const auto rest = std::span{context_.buffer.get() + sent, read - sent};
  s.backlog = std::make_unique<std::vector<std::byte>>(rest.begin(), rest.end());
  context_.backlog += rest.size();
  return true;  // and flush() finds out whether the peer takes more
}

// Socket to pipe to socket, without a copy. The pipe is empty before each read, so EAGAIN can only mean the socket.
bool TcpConnection::splice(Flow flow, std::uint64_t bytes, std::size_t& moved) {
  Stream& s = stream(flow);
  Side& source = from(flow);
  const auto got =
      ::splice(source.fd.get(), nullptr, s.splice->pipe.write.get(), nullptr, bytes, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  if (got <= 0) return read_nothing(flow, got, bytes);
  const auto read = static_cast<std::size_t>(got);
  plan_->budget.release(flow, bytes - read, client_, rate_.get());
  s.splice->bytes = read;
  moved += read;
  if (read < kLeastRead) set_bulk(s, false);  // back to copies, when the pipe is empty
  return true;
}

void TcpConnection::adapt(Stream& stream, std::size_t got, std::size_t want) {
  if (got == want && want == read_size(stream.size)) {
    if (stream.size < kLargestSize) {
      ++stream.size;
    } else if (++stream.full >= kFullReads) {
      set_bulk(stream, true);
    }
  } else if (got < want / 4) {
    set_bulk(stream, false);
    if (stream.size > 0) --stream.size;
  }
}

void TcpConnection::set_bulk(Stream& stream, bool bulk) {
  if (std::exchange(stream.bulk, bulk) != bulk) bulk ? ++context_.bulk_streams : --context_.bulk_streams;
  stream.full = 0;
}

void TcpConnection::end_splice(Stream& stream) {
  if (!stream.splice) return;
  if (stream.splice->bytes == 0) {
    context_.pipes.give_back(std::move(stream.splice->pipe));
  } else {
    context_.pipes.discard(std::move(stream.splice->pipe));
  }
  stream.splice.reset();
}

void TcpConnection::park(Flow flow, const Grant& grant) {
  Stream& s = stream(flow);
  s.parked = true;
  s.again = grant.again;
  end_splice(s);  // the pipe is empty: nothing is held while it waits
  if (grant.dry != nullptr) {
    owner_.parked(*this);
    context_.tell_dry(*grant.dry, 1);
  } else {
    rearm();
  }
}

void TcpConnection::go_on() {
  up_.parked = down_.parked = false;
  if (state_ == State::open) pump_both();
}

void TcpConnection::cut() {
  cut_ = true;
  if (state_ == State::open) return pump_both();
  plan_->counters.refused.add(1);
  leave(Farewells::Ending::finish, Farewells::Ending::finish);
}

void TcpConnection::pass_end(Flow flow) {
  stream(flow).shut = true;
  last_ = context_.loop.now().instant;
  ::shutdown(to(flow).fd.get(), SHUT_WR);
  rearm();
}

// The side was reset, or its peer is dead. What it sent before that is handed on as far as the other side takes it,
// then the other side is reset.
void TcpConnection::broken(const Side& side) {
  if (std::exchange(breaking_, true)) return;  // again while it hands on the rest
  plan_->counters.errors.add(1);
  const Flow out = &side == &client_side_ ? Flow::up : Flow::down;
  Stream& rest = stream(out);
  const bool well = rest.ended;  // a reset cannot be told from an end once its error has been read
  std::size_t moved = 0;
  while (busy(rest) ? flush(out) : !rest.ended && side.readable && !rest.parked && move(out, moved)) {
  }
  context_.farewells.say(std::move(to(out).fd), well ? Farewells::Ending::finish : Farewells::Ending::reset);
  go();
}

}  // namespace tidegate
