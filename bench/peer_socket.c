// peer_socket PORT PATH: the least that any program can take to wake a service, to measure beside tidegate's. It waits
// in poll for a datagram to that UDP port, as inetd and systemd's socket units do, reads it and spawns PATH, output
// discarded.
//
// A service woken so has to be given the socket, and whoever opens its port must know it; tidegate wants neither.
#include <err.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

int main(int count, char** words) {
  if (count != 3) errx(2, "usage: peer_socket PORT PATH");
  const struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons((uint16_t)strtoul(words[1], NULL, 10))};
  const int in = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (in < 0 || bind(in, (const struct sockaddr*)&here, sizeof here) != 0) err(1, "listen at port %s", words[1]);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
  puts("listening");
  fflush(stdout);
  for (;;) {
    struct pollfd wanted = {.fd = in, .events = POLLIN};
    char datagram[2048];
    if (poll(&wanted, 1, -1) < 0 || recv(in, datagram, sizeof datagram, 0) < 0) err(1, "receive");
    pid_t child = 0;
    char* const argv[] = {words[2], NULL};
    const int error = posix_spawn(&child, words[2], &files, NULL, argv, environ);
    if (error != 0) errx(1, "run %s: %s", words[2], strerror(error));
    waitpid(child, NULL, 0);
  }
}
