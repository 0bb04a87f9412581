// flood ADDRESS PORT RATE SECONDS: UDP datagrams in Ethernet frames of 64 bytes, RATE of them a second, for as long as
// it is told; what is due is sent every millisecond with sendmmsg(2). Prints as JSON how many the kernel took, how many
// it refused, and how long it took. When it cannot keep up it ends in time all the same, with fewer.
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "monotonic.h"

enum { kPayload = 64 - 14 - 20 - 8, kAtOnce = 256 };  // Ethernet, IPv4, UDP
static const int64_t kTick = 1000000;

struct Count {
  int64_t sent;
  int64_t refused;
};

// Sends up to `due` datagrams and counts what became of them.
static void send_some(int out, int64_t due, struct Count* count) {
  static char payload[kPayload];
  static struct iovec part = {.iov_base = payload, .iov_len = sizeof payload};
  static struct mmsghdr messages[kAtOnce];
  const unsigned wanted = due < kAtOnce ? (unsigned)due : kAtOnce;
  for (unsigned i = 0; i < wanted; ++i) {
    messages[i].msg_hdr = (struct msghdr){.msg_iov = &part, .msg_iovlen = 1};
  }
  const int taken = sendmmsg(out, messages, wanted, 0);
  if (taken >= 0) {
    count->sent += taken;  // what stopped it short, if anything, is told at the next call
  } else if (errno == ENOBUFS || errno == EAGAIN) {
    count->refused += 1;
  } else {
    err(1, "send");
  }
}

int main(int count_of_words, char** words) {
  struct sockaddr_in to = {.sin_family = AF_INET};
  if (count_of_words != 5 || inet_pton(AF_INET, words[1], &to.sin_addr) != 1) {
    errx(2, "usage: flood ADDRESS PORT RATE SECONDS");
  }
  to.sin_port = htons((uint16_t)strtoul(words[2], NULL, 10));
  const int64_t rate = strtol(words[3], NULL, 10);
  const int64_t seconds = strtol(words[4], NULL, 10);
  if (rate < 1 || rate > 10000000 || seconds < 1 || seconds > 600) errx(2, "RATE to 10000000, SECONDS to 600");

  const int out = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (out < 0) err(1, "make a socket");
  const int on = 1;  // else the kernel does not tell of a full queue: udp(7)
  if (setsockopt(out, IPPROTO_IP, IP_RECVERR, &on, sizeof on) != 0) err(1, "set IP_RECVERR");
  if (connect(out, (const struct sockaddr*)&to, sizeof to) != 0) err(1, "connect %s", words[1]);

  struct Count count = {0, 0};
  const int64_t start = monotonic_now();
  int64_t now = start;
  for (int64_t tick = start; now - start < seconds * kSecond && count.sent + count.refused < rate * seconds;) {
    const int64_t due = rate * (now - start + kTick) / kSecond - count.sent - count.refused;
    const int64_t left = rate * seconds - count.sent - count.refused;
    if (due > 0) send_some(out, due < left ? due : left, &count);
    if (due <= kAtOnce) {
      tick += kTick;
      const struct timespec wake = {.tv_sec = tick / kSecond, .tv_nsec = tick % kSecond};
      clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &wake, NULL);
    }
    now = monotonic_now();
  }
  printf("{\"sent\": %" PRId64 ", \"refused\": %" PRId64 ", \"seconds\": %.3f}\n", count.sent, count.refused,
         (double)(now - start) / (double)kSecond);
  return 0;
}
