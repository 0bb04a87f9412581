// knock ADDRESS: for each line of standard input, which is a UDP port, sends one datagram there, and prints the time
// just before it was given to the kernel, in nanoseconds. Ends with its input.
#include <arpa/inet.h>
#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "monotonic.h"

int main(int count, char** words) {
  struct sockaddr_in to = {.sin_family = AF_INET};
  if (count != 2 || inet_pton(AF_INET, words[1], &to.sin_addr) != 1) errx(2, "usage: knock ADDRESS <PORTS");
  const int out = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (out < 0) err(1, "make a socket");

  char line[16];
  while (fgets(line, sizeof line, stdin) != NULL) {
    to.sin_port = htons((uint16_t)strtoul(line, NULL, 10));
    const int64_t now = monotonic_now();
    if (sendto(out, "knock", 5, 0, (const struct sockaddr*)&to, sizeof to) != 5) err(1, "send to port %s", line);
    printf("%" PRId64 "\n", now);
    fflush(stdout);
  }
  return 0;
}
