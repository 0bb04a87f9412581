// tcp_bulk ADDRESS PORT down|up STREAMS SECONDS [BYTES]: so many connections through which bytes of the pattern come
// from tcp_server (down) or go there (up) for so long; every byte is checked where it arrives. With BYTES each stream
// ends after so many, and SECONDS is how long that may take. Prints JSON.
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

enum { kStreams = 1024 };

struct Stream {
  int socket;
  uint32_t number;
  uint64_t offset;
  uint64_t moved;
};

static struct Stream streams[kStreams];
static uint64_t wanted;  // bytes of each stream; 0: no end
static int epoll;

static void open_stream(struct Stream* stream, uint32_t number, bool down, struct sockaddr_in to) {
  *stream = (struct Stream){.socket = connect_to(SOCK_STREAM, to), .number = number, .offset = pattern_begin(number)};
  struct Message first;
  fill_message(&first, down ? kSend : kReceive, number, wanted);
  if (send(stream->socket, &first, sizeof first, MSG_NOSIGNAL) != sizeof first) err(1, "send the first message");
  watch(epoll, EPOLL_CTL_ADD, stream->socket, down ? EPOLLIN : EPOLLOUT, stream);
}

// Both: true while the stream goes on.

static bool take_some(struct Stream* stream) {
  static uint8_t buffer[kChunk];
  const ssize_t got = recv(stream->socket, buffer, sizeof buffer, MSG_DONTWAIT);
  if (got < 0 && errno == EAGAIN) return true;
  if (got < 0) err(1, "stream %u, after %" PRIu64 " bytes", stream->number, stream->moved);
  if (got == 0) {
    if (wanted != 0 && stream->moved == wanted) return false;
    errx(1, "stream %u ended after %" PRIu64 " bytes", stream->number, stream->moved);
  }
  const size_t right = pattern_check(buffer, (size_t)got, stream->offset);
  if (right < (size_t)got) errx(1, "stream %u: byte %" PRIu64 " is wrong", stream->number, stream->moved + right);
  stream->offset += (uint64_t)got;
  stream->moved += (uint64_t)got;
  if (wanted != 0 && stream->moved > wanted) errx(1, "stream %u: more came than was sent", stream->number);
  return true;
}

static bool give_some(struct Stream* stream) {
  struct iovec parts[kParts];
  const uint64_t left = wanted == 0 ? UINT64_MAX : wanted - stream->moved;
  const struct msghdr header = {.msg_iov = parts, .msg_iovlen = (size_t)pattern_parts(parts, stream->offset, left)};
  const ssize_t sent = sendmsg(stream->socket, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && errno == EAGAIN) return true;
  if (sent < 0) err(1, "stream %u, after %" PRIu64 " bytes", stream->number, stream->moved);
  stream->offset += (uint64_t)sent;
  stream->moved += (uint64_t)sent;
  return stream->moved != wanted || wanted == 0;
}

// What was sent must have come, and been right.
static void settle(const struct Stream* stream) {
  uint64_t arrived = 0;
  const struct timeval patience = {.tv_sec = kPatience / kSecond};
  setsockopt(stream->socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (recv(stream->socket, &arrived, sizeof arrived, MSG_WAITALL) != sizeof arrived) {
    errx(1, "stream %u: the server does not say what came", stream->number);
  }
  if (arrived == UINT64_MAX) errx(1, "stream %u: the server found a wrong byte", stream->number);
  if (arrived != stream->moved) {
    errx(1, "stream %u: %" PRIu64 " bytes were sent, %" PRIu64 " came", stream->number, stream->moved, arrived);
  }
}

static void move_until(int64_t end, unsigned count, bool down) {
  unsigned open = count;
  while (open > 0 && monotonic_now() < end) {
    struct epoll_event events[64];
    const int ready = epoll_wait(epoll, events, 64, kPatience / kMillisecond);
    if (ready == 0) errx(1, "nothing moves any more");
    for (int i = 0; i < ready; ++i) {
      struct Stream* const stream = events[i].data.ptr;
      if (down ? take_some(stream) : give_some(stream)) continue;
      watch(epoll, EPOLL_CTL_DEL, stream->socket, 0, NULL);
      --open;
    }
  }
  if (open > 0 && wanted != 0) errx(1, "%u streams have not ended in time", open);
}

int main(int count, char** words) {
  if (count != 6 && count != 7) errx(2, "usage: tcp_bulk ADDRESS PORT down|up STREAMS SECONDS [BYTES]");
  const struct sockaddr_in to = address_of(words[1], words[2]);
  const bool down = strcmp(words[3], "down") == 0;
  if (!down && strcmp(words[3], "up") != 0) errx(2, "down or up, not \"%s\"", words[3]);
  const unsigned opened = (unsigned)number_of("STREAMS", words[4], 1, kStreams);
  const int64_t seconds = number_of("SECONDS", words[5], 1, 86400);
  if (count == 7) wanted = (uint64_t)number_of("BYTES", words[6], 1, INT64_MAX);

  make_pattern();
  epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) err(1, "epoll_create1");
  const int64_t start = monotonic_now();
  for (unsigned i = 0; i < opened; ++i) open_stream(&streams[i], i, down, to);
  move_until(start + seconds * kSecond, opened, down);
  if (!down) {
    for (unsigned i = 0; i < opened; ++i) shutdown(streams[i].socket, SHUT_WR);
    for (unsigned i = 0; i < opened; ++i) settle(&streams[i]);
  }
  const int64_t took = monotonic_now() - start;

  uint64_t moved = 0;
  for (unsigned i = 0; i < opened; ++i) moved += streams[i].moved;
  const uint64_t asked = opened * (uint64_t)kMessage;
  printf("{\"seconds\": %.6f, \"connections\": %u, \"moved\": %" PRIu64 ", \"up\": %" PRIu64 ", \"down\": %" PRIu64
         "}\n",
         (double)took / (double)kSecond, opened, moved, down ? asked : asked + moved,
         down ? moved : opened * (uint64_t)sizeof moved);
  return 0;
}
