#include "demo/server_connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace tidegate::demo {

ServerConnection::~ServerConnection() {
  context_.loop.cancel(*this);
  context_.loop.not_again(*this);
}

void ServerConnection::begin(std::list<std::unique_ptr<ServerConnection>>::iterator place) {
  place_ = place;
  wait(context_.settings.idle);
  if (!context_.loop.watch(socket_.get(), EPOLLIN | EPOLLOUT | EPOLLRDHUP, *this)) end();  // out of kernel memory
}

void ServerConnection::on_events(std::uint32_t events) {
  if (!socket_) return;
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) half_closed_ = true;
  if (events != EPOLLOUT) unread_ = true;
  if (!unsent_.empty()) {
    context_.out.clear();
    send();
  }
  read();
}

void ServerConnection::read() {
  auto& buffer = context_.buffer;
  while (socket_ && unread_ && !finishing_ && unsent_.empty()) {
    const auto got = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno != EAGAIN) return end();
    if (got < 0) {
      unread_ = false;
      return;
    }
    if (got == 0) {
      finishing_ = true;
      break;
    }
    // Fewer than there was room for: the socket is empty, and whatever comes next is an event (epoll(7)), unless it
    // is an end that has been told of already.
    const auto size = static_cast<std::size_t>(got);
    unread_ = half_closed_ || size == buffer.size();
    take({buffer.data(), size});
    if (size == buffer.size() && socket_ && unsent_.empty() && !finishing_) return context_.loop.again(*this);
  }
  if (socket_ && finishing_ && unsent_.empty()) end();
}

// What was read: the rest of a body, and any number of requests. Their answers go out together.
void ServerConnection::take(std::string_view bytes) {
  context_.out.clear();
  const bool carried = !pending_.empty();
  if (carried) {
    pending_ += bytes;
    bytes = pending_;
  }
  std::string_view rest = bytes;
  while (!finishing_ && !rest.empty()) {
    const auto taken = body_.done() ? take_head(rest) : take_body(rest);
    if (taken == 0) break;
    rest.remove_prefix(taken);
  }
  if (finishing_) rest = {};
  const bool complete = rest.empty() && body_.done();
  if (carried) {
    pending_.erase(0, bytes.size() - rest.size());
  } else {
    pending_.assign(rest);
  }
  if (complete) {
    within_message_ = false;
    wait(context_.settings.idle);
  } else if (!std::exchange(within_message_, true)) {
    wait(context_.settings.message);
  }
  send();
}

std::size_t ServerConnection::take_head(std::string_view bytes) {
  const auto head = read_request_head(bytes);
  if (!head) {
    refuse(head.error());
    return bytes.size();
  }
  if (!*head) return 0;
  const RequestHead& request = **head;
  if (request.method == "CONNECT") {
    refuse({501, "no tunnels here"});
    return bytes.size();
  }
  if (request.content_length.value_or(0) > context_.settings.most_body) {
    refuse({413, "a body that is too long"});
    return bytes.size();
  }
  within_message_ = false;  // a deadline of its own for each
  payload_ = 0;
  body_ = request.chunked ? Body::chunked() : Body::of_length(request.content_length.value_or(0));
  const auto now = context_.loop.now().wall;
  if (body_.done()) {
    finishing_ = !request.keep_alive;
    ++context_.counts.answered;
    context_.answers.greet(context_.out, request, request.keep_alive, now);
    return request.head_bytes;
  }
  answer_.clear();
  context_.answers.greet(answer_, request, request.keep_alive, now);
  close_after_answer_ = !request.keep_alive;
  // Who has begun to send the body does not wait to be asked for it (RFC 9110 section 10.1.1).
  if (request.expects_continue && bytes.size() == request.head_bytes) context_.out += "HTTP/1.1 100 Continue\r\n\r\n";
  return request.head_bytes;
}

std::size_t ServerConnection::take_body(std::string_view bytes) {
  const auto piece = body_.take(bytes);
  if (!piece) {
    refuse({400, piece.error().what});
    return bytes.size();
  }
  payload_ += piece->payload.size();
  if (payload_ > context_.settings.most_body) {
    refuse({413, "a body that is too long"});
  } else if (body_.done()) {
    ++context_.counts.answered;
    context_.out += answer_;
    finishing_ = close_after_answer_;
  }
  return piece->taken;
}

void ServerConnection::refuse(const BadHead& why) {
  context_.answers.refuse(context_.out, why, context_.loop.now().wall);
  ++context_.counts.refused[why.status];
  finishing_ = true;
}

// What is left of earlier answers, and those that were written just now.
void ServerConnection::send() {
  const bool had_unsent = !unsent_.empty();
  std::string_view out = had_unsent ? unsent_ : context_.out;
  const auto all = out.size();
  while (!out.empty()) {
    const auto sent = ::send(socket_.get(), out.data(), out.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno != EAGAIN) return end();
    if (sent < 0) break;
    out.remove_prefix(static_cast<std::size_t>(sent));
  }
  if (!out.empty() && (out.size() < all || !had_unsent)) wait(context_.settings.message);
  if (had_unsent) {
    unsent_.erase(0, all - out.size());
    if (unsent_.empty()) wait(context_.settings.idle);
  } else {
    unsent_.assign(out);
  }
}

// From now on. The timer is not moved on for each request: it finds out by itself when it fires.
void ServerConnection::wait(Duration limit) {
  deadline_ = context_.loop.now().instant + limit;
  if (!armed() || due() > deadline_) context_.loop.arm(*this, deadline_);
}

void ServerConnection::on_time() {
  if (context_.loop.now().instant < deadline_) return context_.loop.arm(*this, deadline_);
  if (!unsent_.empty()) {
    abort_socket(std::move(socket_));
    return end();
  }
  if (within_message_) {
    context_.out.clear();
    refuse({408, "the request did not come to its end"});
    send();
    if (!socket_) return;
  }
  end();
}

void ServerConnection::end() {
  context_.farewells.say(std::move(socket_), Farewells::Ending::finish);
  context_.loop.cancel(*this);
  context_.loop.not_again(*this);
  auto self = std::move(*place_);
  context_.open.erase(place_);
  context_.loop.dispose(std::move(self));
}

}  // namespace tidegate::demo
