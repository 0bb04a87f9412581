// peer_tuninetd INTERFACE FILTER PATH: waking the way tuninetd's document describes, to measure beside tidegate's.
// libpcap with a timeout of 10 ms and no immediate mode; the first packet runs `PATH start` from inside the capture
// loop, output discarded, and waits for its end. SIGHUP: stopped again (nothing is run, for the measurement's sake).
//
// Kinder than the real one: it runs PATH itself, not a shell, and does not log.
#include <err.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kTimeoutMs = 10, kSnapLength = 65535 };

static volatile sig_atomic_t up = 0;

static void stop(int number) {
  (void)number;
  up = 0;
}

static void on_packet(u_char* path, const struct pcap_pkthdr* header, const u_char* bytes) {
  (void)header;
  (void)bytes;
  if (up) return;
  up = 1;  // before the command runs: it may be the command's end that brings SIGHUP
  const pid_t child = fork();
  if (child < 0) err(1, "fork");
  if (child == 0) {
    const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(nowhere, STDOUT_FILENO);
    dup2(nowhere, STDERR_FILENO);
    execl((const char*)path, (const char*)path, "start", NULL);
    _exit(127);
  }
  waitpid(child, NULL, 0);
}

int main(int count, char** words) {
  if (count != 4) errx(2, "usage: peer_tuninetd INTERFACE FILTER PATH");
  char error[PCAP_ERRBUF_SIZE] = "";
  pcap_t* const capture = pcap_open_live(words[1], kSnapLength, 0, kTimeoutMs, error);
  if (capture == NULL) errx(1, "capture on %s: %s", words[1], error);
  struct bpf_program filter;
  if (pcap_compile(capture, &filter, words[2], 1, PCAP_NETMASK_UNKNOWN) != 0 || pcap_setfilter(capture, &filter) != 0) {
    errx(1, "filter \"%s\": %s", words[2], pcap_geterr(capture));
  }
  const struct sigaction on_hangup = {.sa_handler = stop, .sa_flags = SA_RESTART};
  sigaction(SIGHUP, &on_hangup, NULL);
  puts("listening");
  fflush(stdout);
  if (pcap_loop(capture, -1, on_packet, (u_char*)words[3]) < 0)
    errx(1, "capture on %s: %s", words[1], pcap_geterr(capture));
  return 0;
}
