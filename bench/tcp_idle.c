// tcp_idle ADDRESS PORT CONNECTIONS: opens so many connections to tcp_server, asks once on each and checks the answer,
// says how many there are, as JSON, and holds them until its standard input ends.
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "load.h"

int main(int count, char** words) {
  if (count != 4) errx(2, "usage: tcp_idle ADDRESS PORT CONNECTIONS");
  const struct sockaddr_in to = address_of(words[1], words[2]);
  const unsigned wanted = (unsigned)number_of("CONNECTIONS", words[3], 1, 1000000);

  make_pattern();
  for (unsigned i = 0; i < wanted; ++i) {
    const int socket = connect_to(SOCK_STREAM, to);
    const struct timeval patience = {.tv_sec = kPatience / kSecond};
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    struct Message question;
    struct Message answer;
    fill_message(&question, kEcho, i, 1);
    if (send(socket, &question, sizeof question, MSG_NOSIGNAL) != sizeof question) err(1, "connection %u: ask", i);
    if (recv(socket, &answer, sizeof answer, MSG_WAITALL) != sizeof answer) errx(1, "connection %u: no answer", i);
    if (memcmp(&question, &answer, sizeof answer) != 0) errx(1, "connection %u: the answer is wrong", i);
  }
  printf("{\"connections\": %u}\n", wanted);
  fflush(stdout);
  while (getchar() != EOF) {
  }
  return 0;
}
