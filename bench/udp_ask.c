// udp_ask ADDRESS PORT SIZE FLOWS BURST SECONDS: on each of so many sockets sends BURST datagrams of SIZE bytes to
// udp_server, with one call (UDP_SEGMENT) where they are several, and again as soon as all have come back; every byte
// is checked. What has not come back within 200 ms is lost. Prints JSON; the times are those of whole bursts.
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

enum { kFlows = 1024, kMostBurst = 64, kLargest = 65536, kEvents = 256, kPatienceMs = 200 };

struct Flow {
  int socket;
  uint32_t number;
  uint64_t next;     // number of the next datagram
  uint64_t first;    // of the burst that is out; what came before is settled, or was given up
  uint64_t missing;  // of the burst that is out, a bit for each
  int64_t since;
};

static struct Flow flows[kFlows];
static struct Times times;
static size_t size;
static unsigned burst;
static struct {
  uint64_t sent;
  uint64_t received;
  uint64_t lost;
  uint64_t late;  // came back after all
} total;

static void send_burst(struct Flow* flow) {
  static uint8_t bytes[kLargest];
  struct Control control;
  for (unsigned i = 0; i < burst; ++i) {
    fill_datagram(bytes + i * size, size, (struct Label){.number = flow->next + i, .flow = flow->number});
  }
  struct iovec part = {.iov_base = bytes, .iov_len = burst * size};
  struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
  if (burst > 1) send_segmented(&header, &control, size);
  flow->since = monotonic_now();
  flow->first = flow->next;
  flow->next += burst;
  flow->missing = burst == kMostBurst ? UINT64_MAX : (1ULL << burst) - 1;
  total.sent += burst;
  if (sendmsg(flow->socket, &header, 0) < 0) err(1, "flow %u: send", flow->number);
}

static void take_datagram(struct Flow* flow, const uint8_t* bytes, size_t length) {
  const struct Label label = check_datagram(bytes, length, size);
  if (label.flow != flow->number || label.number >= flow->next) {
    errx(1, "flow %u was given datagram %" PRIu64 " of flow %u", flow->number, label.number, label.flow);
  }
  if (label.number < flow->first) {
    ++total.late;
    return;
  }
  const uint64_t bit = 1ULL << (label.number - flow->first);
  if ((flow->missing & bit) == 0) errx(1, "flow %u: datagram %" PRIu64 " came twice", flow->number, label.number);
  flow->missing &= ~bit;
  ++total.received;
}

// Takes what has come, as far as it has; true when the burst is complete.
static bool take(struct Flow* flow) {
  static uint8_t bytes[kLargest];
  struct Control control;
  struct iovec part = {.iov_base = bytes, .iov_len = sizeof bytes};
  do {
    struct msghdr header = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    const ssize_t got = recvmsg(flow->socket, &header, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) return false;
    if (got < 0) err(1, "flow %u: receive", flow->number);
    const size_t all = (size_t)got;
    const size_t each = datagram_size(&header, all);
    for (size_t at = 0; at < all; at += each) {
      take_datagram(flow, bytes + at, all - at < each ? all - at : each);
    }
  } while (flow->missing != 0);
  return true;
}

static void ask_until(int64_t end, int epoll, unsigned count) {
  unsigned open = count;
  int64_t looked = monotonic_now();
  while (open > 0) {
    struct epoll_event events[kEvents];
    const int ready = epoll_wait(epoll, events, kEvents, kPatienceMs / 2);
    const int64_t now = monotonic_now();
    for (int i = 0; i < ready; ++i) {
      struct Flow* const flow = events[i].data.ptr;
      const bool waiting = flow->missing != 0;
      if (!take(flow) || !waiting) continue;
      add_time(&times, monotonic_now() - flow->since);
      if (now < end) {
        send_burst(flow);
      } else {
        --open;
      }
    }
    if (now - looked < kPatienceMs / 2 * kMillisecond) continue;
    looked = now;
    for (unsigned i = 0; i < count; ++i) {
      struct Flow* const flow = &flows[i];
      if (flow->missing == 0 || now - flow->since < kPatienceMs * kMillisecond) continue;
      total.lost += (uint64_t)__builtin_popcountll(flow->missing);
      flow->missing = 0;
      flow->first = flow->next;
      if (now < end) {
        send_burst(flow);
      } else {
        --open;
      }
    }
  }
}

int main(int count, char** words) {
  if (count != 7) errx(2, "usage: udp_ask ADDRESS PORT SIZE FLOWS BURST SECONDS");
  const struct sockaddr_in to = address_of(words[1], words[2]);
  size = (size_t)number_of("SIZE", words[3], sizeof(struct Label), 1472);
  const unsigned opened = (unsigned)number_of("FLOWS", words[4], 1, kFlows);
  burst = (unsigned)number_of("BURST", words[5], 1, kMostBurst);
  const int64_t seconds = number_of("SECONDS", words[6], 1, 86400);
  if (burst * size > 65507) errx(2, "BURST times SIZE is 65507 at the most");

  make_pattern();
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) err(1, "epoll_create1");
  for (unsigned i = 0; i < opened; ++i) {
    flows[i] = (struct Flow){.socket = connect_to(SOCK_DGRAM, to), .number = i};
    if (burst > 1) receive_merged(flows[i].socket);
    watch(epoll, EPOLL_CTL_ADD, flows[i].socket, EPOLLIN, &flows[i]);
  }
  const int64_t start = monotonic_now();
  for (unsigned i = 0; i < opened; ++i) send_burst(&flows[i]);
  ask_until(start + seconds * kSecond, epoll, opened);
  const int64_t took = monotonic_now() - start;

  printf("{\"seconds\": %.6f, \"operations\": %" PRIu64 ", \"sent\": %" PRIu64 ", \"lost\": %" PRIu64
         ", \"late\": %" PRIu64 ", ",
         (double)took / (double)kSecond, total.received, total.sent, total.lost, total.late);
  printf("\"p50_us\": %.1f, \"p99_us\": %.1f, \"sessions\": %u, \"up\": %" PRIu64 ", \"down\": %" PRIu64 "}\n",
         percentile_us(&times, 50), percentile_us(&times, 99), opened, total.sent * size,
         (total.received + total.late) * size);
  return 0;
}
