// cold_service PORT MILLISECONDS: a service that takes so long to start: it sleeps, then listens on 127.0.0.1 and
// answers each byte with one byte. When it listens it writes two times of the monotonic clock, in nanoseconds and a
// line, into the FIFO that the environment variable STAMP_TO names: that of its main() and that at which it listened.
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "monotonic.h"

int main(int count, char** words) {
  const int64_t began = monotonic_now();
  const char* const path = getenv("STAMP_TO");
  if (count != 3 || path == NULL) errx(2, "usage: STAMP_TO=FIFO cold_service PORT MILLISECONDS");
  const int64_t wait = strtol(words[2], NULL, 10) * 1000000;
  const struct timespec until = {.tv_sec = (began + wait) / kSecond, .tv_nsec = (began + wait) % kSecond};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);

  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  const struct sockaddr_in at = {.sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)strtoul(words[1], NULL, 10)),
                                 .sin_addr = {htonl(INADDR_LOOPBACK)}};
  if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      bind(listener, (const struct sockaddr*)&at, sizeof at) != 0 || listen(listener, SOMAXCONN) != 0) {
    err(1, "listen on port %s", words[1]);
  }
  const int64_t listened = monotonic_now();
  const int fifo = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);  // whoever measures has it open
  if (fifo < 0) err(1, "open %s", path);
  if (dprintf(fifo, "%" PRId64 " %" PRId64 "\n", began, listened) < 0) err(1, "write %s", path);

  for (;;) {  // one client after the other; one that says nothing was only looking whether somebody listens
    const int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (client < 0) err(1, "accept");
    char byte;
    while (recv(client, &byte, 1, 0) == 1 && send(client, &byte, 1, MSG_NOSIGNAL) == 1) {
    }
    close(client);
  }
}
