// udp_rate ADDRESS PORT SIZE FLOWS BURST FIRST SECONDS: how many datagrams of SIZE bytes a second go to udp_server and
// back without a single one lost. Windows of SECONDS at a fixed rate, beginning with FIRST: raised by half until one is
// lost, then halving the gap between the last good and the first bad rate until it is 4 %. A rate is bad when it
// fails twice, or cannot be sent. BURST datagrams of a flow at a time, with one call (UDP_SEGMENT) where they are
// several. Every byte is checked. Prints JSON.
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

enum { kFlows = 1024, kMostBurst = 64, kLargest = 65536, kEvents = 256, kAtOnce = 32 };
static const int64_t kTick = 500000;        // what is due is sent so often
static const int64_t kSilence = 200000000;  // after which what has not come is lost
static const double kRateKept = 0.98;       // a window that sent less did not test its rate
static const double kGap = 1.04;

struct Flow {
  int socket;
  uint32_t number;
  uint64_t next;
};

static struct Flow flows[kFlows];
static int epoll;
static unsigned flow_count;
static unsigned burst;
static size_t size;
static uint32_t window;
static uint64_t received;  // in this window

static void take_all(struct Flow* flow) {
  static uint8_t buffers[kAtOnce][kLargest];
  static struct Control controls[kAtOnce];
  static struct iovec parts[kAtOnce];
  static struct mmsghdr messages[kAtOnce];
  for (;;) {
    for (unsigned i = 0; i < kAtOnce; ++i) {
      parts[i] = (struct iovec){.iov_base = buffers[i], .iov_len = kLargest};
      messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i],
                                            .msg_iovlen = 1,
                                            .msg_control = controls[i].bytes,
                                            .msg_controllen = sizeof controls[i].bytes};
    }
    const int got = recvmmsg(flow->socket, messages, kAtOnce, MSG_DONTWAIT, NULL);
    if (got < 0 && errno == EAGAIN) return;
    if (got < 0) err(1, "flow %u: receive", flow->number);
    for (int i = 0; i < got; ++i) {
      const size_t all = messages[i].msg_len;
      const size_t each = datagram_size(&messages[i].msg_hdr, all);
      for (size_t at = 0; at < all; at += each) {
        const struct Label label = check_datagram(buffers[i] + at, all - at < each ? all - at : each, size);
        if (label.flow != flow->number) errx(1, "flow %u was given a datagram of flow %u", flow->number, label.flow);
        received += label.window == window;
      }
    }
    if (got < kAtOnce) return;
  }
}

// Takes what comes, until `until` at the latest; true when anything did.
static bool take_until(int64_t until) {
  struct epoll_event events[kEvents];
  const int64_t left = until - monotonic_now();
  const struct timespec wait = {.tv_nsec = left > 0 ? left : 0};
  const int ready = epoll_pwait2(epoll, events, kEvents, &wait, NULL);
  for (int i = 0; i < ready; ++i) take_all(events[i].data.ptr);
  return ready > 0;
}

static void send_turn(struct Flow* flow) {
  static uint8_t bytes[kLargest];
  struct Control control;
  for (unsigned i = 0; i < burst; ++i) {
    const struct Label label = {.number = flow->next++, .flow = flow->number, .window = window};
    fill_datagram(bytes + i * size, size, label);
  }
  struct iovec part = {.iov_base = bytes, .iov_len = burst * size};
  struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
  if (burst > 1) send_segmented(&header, &control, size);
  if (sendmsg(flow->socket, &header, 0) < 0) err(1, "flow %u: send", flow->number);
}

struct Outcome {
  uint64_t sent;
  uint64_t lost;
  bool kept;  // the rate
};

static struct Outcome try_rate(double rate, int64_t seconds) {
  static unsigned turn = 0;
  ++window;
  received = 0;
  uint64_t sent = 0;
  const double wanted = rate * (double)seconds;
  const int64_t start = monotonic_now();
  const int64_t end = start + seconds * kSecond;
  for (int64_t tick = start; tick < end; tick += kTick) {
    int64_t now = monotonic_now();
    if (now >= end) break;
    while (now < tick) {
      take_until(tick);
      now = monotonic_now();
    }
    const double due = rate * (double)(now + kTick - start) / (double)kSecond;
    for (; (double)sent < due && (double)sent < wanted; sent += burst) {
      send_turn(&flows[turn]);
      turn = (turn + 1) % flow_count;
    }
    take_until(0);
  }
  for (int64_t heard = monotonic_now(); received < sent && monotonic_now() - heard < kSilence;) {
    if (take_until(heard + kSilence)) heard = monotonic_now();
  }
  return (struct Outcome){.sent = sent, .lost = sent - received, .kept = (double)sent >= kRateKept * wanted};
}

static unsigned windows = 0;

static struct Outcome good_rate(double rate, int64_t seconds) {
  struct Outcome outcome = try_rate(rate, seconds);
  ++windows;
  if (outcome.kept && outcome.lost == 0) return outcome;
  ++windows;
  return try_rate(rate, seconds);
}

int main(int count, char** words) {
  if (count != 8) errx(2, "usage: udp_rate ADDRESS PORT SIZE FLOWS BURST FIRST SECONDS");
  const struct sockaddr_in to = address_of(words[1], words[2]);
  size = (size_t)number_of("SIZE", words[3], sizeof(struct Label), 1472);
  flow_count = (unsigned)number_of("FLOWS", words[4], 1, kFlows);
  burst = (unsigned)number_of("BURST", words[5], 1, kMostBurst);
  const double first = (double)number_of("FIRST", words[6], 1000, 10000000);
  const int64_t seconds = number_of("SECONDS", words[7], 1, 60);
  if (burst * size > 65507) errx(2, "BURST times SIZE is 65507 at the most");

  make_pattern();
  epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) err(1, "epoll_create1");
  for (unsigned i = 0; i < flow_count; ++i) {
    flows[i] = (struct Flow){.socket = connect_to(SOCK_DGRAM, to), .number = i};
    if (burst > 1) receive_merged(flows[i].socket);
    watch(epoll, EPOLL_CTL_ADD, flows[i].socket, EPOLLIN, &flows[i]);
  }
  try_rate(first, 1);  // so that sessions exist

  double good = 0;
  double bad = 0;
  struct Outcome worst = {.kept = true};
  for (double rate = first; bad == 0 || bad > good * kGap;) {
    const struct Outcome outcome = good_rate(rate, seconds);
    if (outcome.kept && outcome.lost == 0) {
      good = rate;
    } else {
      bad = rate;
      worst = outcome;
    }
    rate = bad == 0 ? good * 1.5 : (good + bad) / 2;
    if (good == 0 && bad < 1000) break;
  }
  printf("{\"rate\": %.0f, \"bad_rate\": %.0f, \"bad_sent\": %" PRIu64 ", \"bad_lost\": %" PRIu64
         ", \"limited_by\": \"%s\", \"windows\": %u}\n",
         good, bad, worst.sent, worst.lost, worst.lost > 0 ? "loss" : "sender", windows);
  return 0;
}
