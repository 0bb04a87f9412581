// udp_server ADDRESS PORT plain|segment: the target of bench/forward: sends each datagram back to where it came from.
// `segment`: takes what the kernel has merged (UDP_GRO) and returns it merged (UDP_SEGMENT). Until it is ended.
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "load.h"

enum { kAtOnce = 64, kLargest = 65536 };

static uint8_t buffers[kAtOnce][kLargest];
static struct sockaddr_in from[kAtOnce];
static struct iovec parts[kAtOnce];
static struct mmsghdr messages[kAtOnce];
static struct Control controls[kAtOnce];

static unsigned take(int server) {
  for (unsigned i = 0; i < kAtOnce; ++i) {
    parts[i] = (struct iovec){.iov_base = buffers[i], .iov_len = kLargest};
    messages[i].msg_hdr = (struct msghdr){.msg_name = &from[i],
                                          .msg_namelen = sizeof from[i],
                                          .msg_iov = &parts[i],
                                          .msg_iovlen = 1,
                                          .msg_control = controls[i].bytes,
                                          .msg_controllen = sizeof controls[i].bytes};
  }
  const int got = recvmmsg(server, messages, kAtOnce, MSG_WAITFORONE, NULL);
  if (got < 0 && errno != EINTR) err(1, "receive");
  return got > 0 ? (unsigned)got : 0;
}

static void give_back(int server, unsigned count) {
  for (unsigned i = 0; i < count; ++i) {
    const size_t size = messages[i].msg_len;
    const size_t each = datagram_size(&messages[i].msg_hdr, size);
    parts[i].iov_len = size;
    messages[i].msg_hdr.msg_control = NULL;
    messages[i].msg_hdr.msg_controllen = 0;
    if (each < size) send_segmented(&messages[i].msg_hdr, &controls[i], each);
  }
  for (unsigned done = 0; done < count;) {
    const int sent = sendmmsg(server, messages + done, count - done, 0);
    done += sent > 0 ? (unsigned)sent : 1;  // one that cannot be sent is lost, and the client sees it
  }
}

int main(int count, char** words) {
  if (count != 4) errx(2, "usage: udp_server ADDRESS PORT plain|segment");
  const int server = listen_at(SOCK_DGRAM, address_of(words[1], words[2]));
  if (strcmp(words[3], "segment") == 0) {
    receive_merged(server);
  } else if (strcmp(words[3], "plain") != 0) {
    errx(2, "plain or segment, not \"%s\"", words[3]);
  }
  puts("listening");
  fflush(stdout);
  for (;;) give_back(server, take(server));
}
