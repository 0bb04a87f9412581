// tcp_ask ADDRESS PORT keep|new CONNECTIONS SECONDS: asks tcp_server for 64 bytes with 64 bytes, on so many connections
// at once, each asking again as soon as it has its answer; every answer is checked. `new`: each question on a new
// connection, closed after the answer. Prints JSON; the times are from the question (or the connecting) to the answer.
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

enum { kConnections = 4096, kEvents = 256 };

struct Asker {
  int socket;
  uint32_t number;
  struct Message question;
  size_t have;  // bytes of the answer
  int64_t since;
};

static struct sockaddr_in server;
static int epoll;
static struct Asker askers[kConnections];
static struct Times times;

static void connect_asker(struct Asker* asker) {
  asker->socket = connect_to(SOCK_STREAM, server);
  watch(epoll, EPOLL_CTL_ADD, asker->socket, EPOLLIN, asker);
}

static void ask(struct Asker* asker) {
  fill_message(&asker->question, kEcho, asker->number, asker->question.length + 1);
  asker->have = 0;
  if (send(asker->socket, &asker->question, kMessage, MSG_NOSIGNAL) != kMessage) {
    err(1, "connection %u: ask", asker->number);
  }
}

// True when the answer is complete.
static bool answered(struct Asker* asker) {
  uint8_t answer[kMessage];
  const ssize_t got = recv(asker->socket, answer, kMessage - asker->have, MSG_DONTWAIT);
  if (got < 0 && errno == EAGAIN) return false;
  if (got < 0) err(1, "connection %u, question %" PRIu64, asker->number, asker->question.length);
  if (got == 0) errx(1, "connection %u was ended before its answer %" PRIu64, asker->number, asker->question.length);
  if (memcmp(answer, (const uint8_t*)&asker->question + asker->have, (size_t)got) != 0) {
    errx(1, "connection %u: answer %" PRIu64 " is wrong", asker->number, asker->question.length);
  }
  asker->have += (size_t)got;
  if (asker->have < kMessage) return false;
  add_time(&times, monotonic_now() - asker->since);
  return true;
}

static void ask_anew(struct Asker* asker, bool connect_first) {
  asker->since = monotonic_now();
  if (connect_first) connect_asker(asker);
  ask(asker);
}

// Every question is answered when it returns.
static void ask_until(int64_t end, unsigned count, bool anew) {
  for (unsigned open = count; open > 0;) {
    struct epoll_event events[kEvents];
    const int ready = epoll_wait(epoll, events, kEvents, (int)(kPatience / kMillisecond));
    if (ready == 0) errx(1, "%u questions were never answered", open);
    const bool more = monotonic_now() < end;
    for (int i = 0; i < ready; ++i) {
      struct Asker* const asker = events[i].data.ptr;
      if (!answered(asker)) continue;
      if (anew || !more) close(asker->socket);
      if (more) {
        ask_anew(asker, anew);
      } else {
        --open;
      }
    }
  }
}

int main(int count, char** words) {
  if (count != 6) errx(2, "usage: tcp_ask ADDRESS PORT keep|new CONNECTIONS SECONDS");
  server = address_of(words[1], words[2]);
  const bool anew = strcmp(words[3], "new") == 0;
  if (!anew && strcmp(words[3], "keep") != 0) errx(2, "keep or new, not \"%s\"", words[3]);
  const unsigned opened = (unsigned)number_of("CONNECTIONS", words[4], 1, kConnections);
  const int64_t seconds = number_of("SECONDS", words[5], 1, 86400);

  make_pattern();
  epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) err(1, "epoll_create1");
  for (unsigned i = 0; i < opened; ++i) {
    askers[i].number = i;
    if (!anew) connect_asker(&askers[i]);
  }
  const int64_t start = monotonic_now();
  for (unsigned i = 0; i < opened; ++i) ask_anew(&askers[i], anew);
  ask_until(start + seconds * kSecond, opened, anew);
  const int64_t took = monotonic_now() - start;

  const uint64_t bytes = times.count * kMessage;
  printf("{\"seconds\": %.6f, \"operations\": %" PRIu64 ", \"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, ",
         (double)took / (double)kSecond, times.count, percentile_us(&times, 50), percentile_us(&times, 99),
         percentile_us(&times, 99.9));
  printf("\"connections\": %" PRIu64 ", \"up\": %" PRIu64 ", \"down\": %" PRIu64 "}\n", anew ? times.count : opened,
         bytes, bytes);
  return 0;
}
