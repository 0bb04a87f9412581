// tcp_server ADDRESS PORT: the target of bench/forward. What a connection begins with says what is done with it
// (load.h): its bytes come back, bytes of the pattern are sent, or taken and checked. One thread, until it is ended.
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

enum { kEvents = 256, kAccepts = 64 };

struct Peer {
  int socket;
  uint32_t watched;
  bool (*step)(struct Peer*);  // what to do when the socket is ready; false: the connection is over
  size_t have;                 // bytes of `message`
  struct Message message;      // what the connection began with; with kEcho what is to go back
  uint64_t offset;             // in the pattern
  uint64_t moved;
};

static int epoll;
static uint8_t buffer[kChunk];

static void next(struct Peer* peer, bool (*step)(struct Peer*), uint32_t events) {
  peer->step = step;
  if (peer->watched == events) return;
  peer->watched = events;
  watch(epoll, EPOLL_CTL_MOD, peer->socket, events, peer);
}

static bool go_on(ssize_t moved) { return moved > 0 || (moved < 0 && errno == EAGAIN); }

static bool echo(struct Peer* peer);

static bool echo_held(struct Peer* peer) {
  const ssize_t sent = send(peer->socket, &peer->message, peer->have, MSG_NOSIGNAL);
  if (sent > 0) {
    peer->have -= (size_t)sent;
    memmove(&peer->message, (const uint8_t*)&peer->message + sent, peer->have);
  }
  if (peer->have > 0) {
    next(peer, echo_held, EPOLLOUT);
  } else {
    next(peer, echo, EPOLLIN);
  }
  return go_on(sent);
}

static bool echo(struct Peer* peer) {
  const ssize_t got = recv(peer->socket, &peer->message, sizeof peer->message, 0);
  if (got <= 0) return go_on(got);
  peer->have = (size_t)got;
  return echo_held(peer);
}

// The client ends when it has everything.
static bool await_end(struct Peer* peer) { return go_on(recv(peer->socket, buffer, sizeof buffer, 0)); }

static bool send_pattern(struct Peer* peer) {
  const uint64_t left = peer->message.length == 0 ? UINT64_MAX : peer->message.length - peer->moved;
  struct iovec parts[kParts];
  const struct msghdr header = {.msg_iov = parts, .msg_iovlen = (size_t)pattern_parts(parts, peer->offset, left)};
  const ssize_t sent = sendmsg(peer->socket, &header, MSG_NOSIGNAL);
  if (sent > 0) {
    peer->offset += (uint64_t)sent;
    peer->moved += (uint64_t)sent;
    if (peer->moved == peer->message.length) {
      shutdown(peer->socket, SHUT_WR);
      next(peer, await_end, EPOLLIN);
    }
  }
  return go_on(sent);
}

static void tell_moved(struct Peer* peer) { send(peer->socket, &peer->moved, sizeof peer->moved, MSG_NOSIGNAL); }

static bool take_pattern(struct Peer* peer) {
  const ssize_t got = recv(peer->socket, buffer, sizeof buffer, 0);
  if (got == 0) tell_moved(peer);
  if (got <= 0) return go_on(got);
  const size_t right = pattern_check(buffer, (size_t)got, peer->offset);
  if (right < (size_t)got) {
    warnx("stream %u: byte %lu is wrong", peer->message.stream, peer->moved + right);
    peer->moved = UINT64_MAX;
    tell_moved(peer);
    return false;
  }
  peer->offset += (uint64_t)got;
  peer->moved += (uint64_t)got;
  return true;
}

static bool begin(struct Peer* peer) {
  uint8_t* const to = (uint8_t*)&peer->message + peer->have;
  const ssize_t got = recv(peer->socket, to, sizeof peer->message - peer->have, 0);
  if (got <= 0) return go_on(got);
  peer->have += (size_t)got;
  if (peer->have < sizeof peer->message) return true;
  peer->offset = pattern_begin(peer->message.stream);
  switch (peer->message.kind) {
    case kEcho:
      return echo_held(peer);
    case kSend:
      next(peer, send_pattern, EPOLLOUT);
      return true;
    case kReceive:
      next(peer, take_pattern, EPOLLIN);
      return true;
    default:
      warnx("a connection begins with byte %u", peer->message.kind);
      return false;
  }
}

static void accept_some(int listener) {
  for (int i = 0; i < kAccepts; ++i) {
    const int socket = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (socket < 0) {
      if (errno == EAGAIN || errno == ECONNABORTED) return;
      err(1, "accept");
    }
    no_delay(socket);
    struct Peer* const peer = calloc(1, sizeof *peer);
    if (peer == NULL) err(1, "a connection's memory");
    *peer = (struct Peer){.socket = socket, .watched = EPOLLIN, .step = begin};
    watch(epoll, EPOLL_CTL_ADD, socket, EPOLLIN, peer);
  }
}

int main(int count, char** words) {
  if (count != 3) errx(2, "usage: tcp_server ADDRESS PORT");
  make_pattern();
  const int listener = listen_at(SOCK_STREAM, address_of(words[1], words[2]));
  no_wait(listener);
  epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) err(1, "epoll_create1");
  watch(epoll, EPOLL_CTL_ADD, listener, EPOLLIN, NULL);
  puts("listening");
  fflush(stdout);

  static struct epoll_event events[kEvents];
  for (;;) {
    const int ready = epoll_wait(epoll, events, kEvents, -1);
    if (ready < 0 && errno != EINTR) err(1, "epoll_wait");
    for (int i = 0; i < ready; ++i) {
      struct Peer* const peer = events[i].data.ptr;
      if (peer == NULL) {
        accept_some(listener);
      } else if (!peer->step(peer)) {
        close(peer->socket);
        free(peer);
      }
    }
  }
}
