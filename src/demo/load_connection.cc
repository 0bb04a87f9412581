#include "demo/load_connection.h"

#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/text.h"
#include "base/units.h"
#include "demo/head.h"
#include "forward/farewell.h"
#include "forward/socket.h"

namespace tidegate::demo {

namespace {

constexpr std::uint32_t kEnd = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
constexpr std::string_view kClosed = "the connection ended before the answer did";

std::string said(std::string_view done, int error) { return system_failure(done, error).error().what; }

}  // namespace

Load::Connection::~Connection() { load_.loop_.cancel(*this); }

void Load::Connection::ask(Instant due, std::string request) {
  asking_ = true;
  due_ = due;
  unsent_ = std::move(request);
  pending_.clear();
  kept_.clear();
  bytes_ = 0;
  status_ = 0;
  load_.loop_.arm(*this, load_.loop_.now().instant + load_.settings_.timeout);
  if (!socket_) return connect();
  send();
}

void Load::Connection::rest(Duration pause) { load_.loop_.arm(*this, load_.loop_.now().instant + pause); }

bool Load::Connection::drop() {
  load_.loop_.cancel(*this);
  abort_socket(std::move(socket_));
  return std::exchange(asking_, false);
}

void Load::Connection::connect() {
  const SocketAddress to{load_.settings_.target};
  const auto where = "connect " + load_.settings_.target.to_string();
  connected_ = hung_up_ = false;
  socket_ = Fd{::socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  if (!socket_) return lose(said("socket", errno));
  set_option(socket_.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  if (::connect(socket_.get(), to.get(), to.size()) != 0 && errno != EINPROGRESS) return lose(said(where, errno));
  const auto watched = load_.loop_.watch(socket_.get(), EPOLLIN | EPOLLOUT | EPOLLRDHUP, *this);
  if (!watched) lose(watched.error().what);
}

void Load::Connection::on_events(std::uint32_t events) {
  if (!socket_) return;
  if (!connected_) {
    const int error = pending_error(socket_.get());
    if (error != 0) return lose(said("connect " + load_.settings_.target.to_string(), error));
    if ((events & EPOLLOUT) == 0) return;
    connected_ = true;
  }
  if ((events & kEnd) != 0) hung_up_ = true;
  if (!asking_) {  // a server may end what is idle; whatever else it says then was not asked for
    if ((events & (kEnd | EPOLLIN)) != 0) socket_.reset();
    return;
  }
  if (!unsent_.empty()) send();
  if (socket_ && asking_ && (events & (kEnd | EPOLLIN)) != 0) read();
}

void Load::Connection::send() {
  if (!connected_) return;
  while (!unsent_.empty()) {
    const auto sent = ::send(socket_.get(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) return;
    if (sent < 0) return lose(said("send a request", errno));
    unsent_.erase(0, static_cast<std::size_t>(sent));
  }
  ++load_.report_.sent;
}

void Load::Connection::read() {
  auto& buffer = load_.buffer_;
  while (socket_) {
    const auto got = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got < 0) return lose(said("read an answer", errno));
    if (got == 0) {
      if (status_ != 0 && body_.ends_with_connection()) return complete(false);
      return lose(std::string{kClosed});
    }
    const auto size = static_cast<std::size_t>(got);
    if (take({buffer.data(), size})) return;
    if (size < buffer.size() && !hung_up_) return;  // it is empty: the rest is another event (epoll(7))
  }
}

// True: nothing more is to be read for this request.
bool Load::Connection::take(std::string_view bytes) {
  while (status_ == 0) {
    if (!take_head(bytes)) return !asking_;
  }
  while (!body_.done() && !bytes.empty()) {
    const auto piece = body_.take(bytes);
    if (!piece) {
      lose(piece.error().what);
      return true;
    }
    bytes.remove_prefix(piece->taken);
    bytes_ += piece->payload.size();
    if (load_.hooks_.on_answer) kept_ += piece->payload.substr(0, kMostKept - kept_.size());
  }
  if (!body_.done()) return false;
  complete(keep_alive_ && bytes.empty() && !hung_up_);
  return true;
}

// Takes a head off the front of what has come; false where it is not complete, or no head.
bool Load::Connection::take_head(std::string_view& bytes) {
  const auto carried = pending_.size();
  if (carried > 0) pending_ += bytes;
  const auto head = read_response_head(carried > 0 ? std::string_view{pending_} : bytes);
  if (!head) {
    lose(fmt::format("the answer is no HTTP: {}", head.error().why));
    return false;
  }
  if (!*head) {
    if (carried == 0) pending_ = bytes;
    return false;
  }
  const ResponseHead& response = **head;
  bytes.remove_prefix(response.head_bytes - carried);
  pending_.clear();
  if (response.status < 200 && response.status != 101) return true;  // the final one follows
  status_ = response.status;
  keep_alive_ = response.keep_alive && status_ != 101;
  if (status_ == 101 || status_ == 204 || status_ == 304) {
    body_ = Body{};
  } else if (response.chunked) {
    body_ = Body::chunked();
  } else {
    body_ = response.content_length ? Body::of_length(*response.content_length) : Body::until_close();
  }
  return true;
}

void Load::Connection::complete(bool reusable) {
  load_.loop_.cancel(*this);
  asking_ = false;
  if (!reusable) socket_.reset();
  load_.answered(*this, {.due = due_, .status = status_, .bytes = bytes_, .payload = kept_});
}

void Load::Connection::lose(const std::string& reason) {
  drop();
  load_.failed(*this, reason);
}

void Load::Connection::on_time() {
  if (!asking_) return load_.rested(*this);
  lose(fmt::format("{} within {}", connected_ ? "no answer" : "no connection",
                   config_duration(load_.settings_.timeout)));
}

}  // namespace tidegate::demo
