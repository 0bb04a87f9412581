// See load.h. UDP_SEGMENT and UDP_GRO: udp(7).
#include "load.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

static uint8_t pattern[2 * kPeriod + 8];

void make_pattern(void) {
  uint64_t state = 1;
  for (size_t at = 0; at < kPeriod; at += sizeof state) {  // splitmix64
    uint64_t word = state += 0x9e3779b97f4a7c15;
    word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9;
    word = (word ^ (word >> 27)) * 0x94d049bb133111eb;
    word ^= word >> 31;
    memcpy(pattern + at, &word, sizeof word);
  }
  memcpy(pattern + kPeriod, pattern, kPeriod);
}

uint64_t pattern_begin(uint32_t stream) { return stream * 8191ULL; }

const uint8_t* pattern_at(uint64_t offset) { return pattern + offset % kPeriod; }

size_t pattern_check(const uint8_t* bytes, size_t size, uint64_t offset) {
  for (size_t done = 0; done < size;) {
    const uint8_t* const wanted = pattern_at(offset + done);
    const size_t part = size - done < kPeriod ? size - done : kPeriod;
    if (memcmp(bytes + done, wanted, part) != 0) {
      while (bytes[done] == *pattern_at(offset + done)) ++done;
      return done;
    }
    done += part;
  }
  return size;
}

int pattern_parts(struct iovec parts[kParts], uint64_t offset, uint64_t most) {
  int count = 0;
  for (; count < kParts && most > 0; ++count) {
    const size_t size = most < kPeriod ? (size_t)most : kPeriod;
    parts[count] = (struct iovec){.iov_base = (void*)pattern_at(offset), .iov_len = size};
    most -= size;  // a part is one period or the last, so the next begins at the same place
  }
  return count;
}

void fill_message(struct Message* message, enum Kind kind, uint32_t stream, uint64_t number) {
  *message = (struct Message){.kind = (uint8_t)kind, .stream = stream, .length = number};
  memcpy(message->rest, pattern_at(pattern_begin(stream) + number * 61), sizeof message->rest);
}

static uint64_t datagram_pattern(struct Label label) { return pattern_begin(label.flow) + label.number * 61; }

void fill_datagram(uint8_t* bytes, size_t size, struct Label label) {
  memcpy(bytes, &label, sizeof label);
  memcpy(bytes + sizeof label, pattern_at(datagram_pattern(label)), size - sizeof label);
}

struct Label check_datagram(const uint8_t* bytes, size_t size, size_t wanted) {
  if (size != wanted) errx(1, "a datagram of %zu bytes came back as %zu", wanted, size);
  struct Label label;
  memcpy(&label, bytes, sizeof label);
  const size_t rest = size - sizeof label;
  if (memcmp(bytes + sizeof label, pattern_at(datagram_pattern(label)), rest) != 0) {
    errx(1, "flow %u, datagram %lu: its bytes are wrong", label.flow, label.number);
  }
  return label;
}

struct sockaddr_in address_of(const char* address, const char* port) {
  struct sockaddr_in made = {.sin_family = AF_INET};
  if (inet_pton(AF_INET, address, &made.sin_addr) != 1) errx(2, "\"%s\" is not an IPv4 address", address);
  made.sin_port = htons((uint16_t)number_of("PORT", port, 1, UINT16_MAX));
  return made;
}

int64_t number_of(const char* name, const char* word, int64_t least, int64_t most) {
  char* end = NULL;
  errno = 0;
  const long long number = strtoll(word, &end, 10);
  if (errno != 0 || end == word || *end != '\0' || number < least || number > most) {
    errx(2, "%s is a number from %ld to %ld, not \"%s\"", name, least, most, word);
  }
  return number;
}

static void set(int socket, int level, int option, int value, const char* what) {
  if (setsockopt(socket, level, option, &value, sizeof value) != 0) err(1, "set %s", what);
}

static int make_socket(int type) {
  const int made = socket(AF_INET, type | SOCK_CLOEXEC, 0);
  if (made < 0) err(1, "make a socket");
  if (type == SOCK_DGRAM) {
    set(made, SOL_SOCKET, SO_RCVBUFFORCE, kSocketBuffer, "SO_RCVBUFFORCE");
    set(made, SOL_SOCKET, SO_SNDBUFFORCE, kSocketBuffer, "SO_SNDBUFFORCE");
  }
  return made;
}

int listen_at(int type, struct sockaddr_in at) {
  const int listener = make_socket(type);
  if (type == SOCK_STREAM) set(listener, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
  if (bind(listener, (const struct sockaddr*)&at, sizeof at) != 0) err(1, "bind port %u", ntohs(at.sin_port));
  if (type == SOCK_STREAM && listen(listener, SOMAXCONN) != 0) err(1, "listen on port %u", ntohs(at.sin_port));
  return listener;
}

int connect_to(int type, struct sockaddr_in to) {
  const int made = make_socket(type);
  if (connect(made, (const struct sockaddr*)&to, sizeof to) != 0) err(1, "connect port %u", ntohs(to.sin_port));
  if (type == SOCK_STREAM) no_delay(made);
  return made;
}

void watch(int epoll, int operation, int socket, uint32_t events, void* with) {
  struct epoll_event event = {.events = events, .data.ptr = with};
  if (epoll_ctl(epoll, operation, socket, &event) != 0) err(1, "epoll_ctl");
}

void no_delay(int socket) { set(socket, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY"); }

void no_wait(int socket) {
  if (fcntl(socket, F_SETFL, O_NONBLOCK) != 0) err(1, "set O_NONBLOCK");
}

void receive_merged(int socket) { set(socket, IPPROTO_UDP, UDP_GRO, 1, "UDP_GRO"); }

size_t datagram_size(struct msghdr* header, size_t whole) {
  for (struct cmsghdr* word = CMSG_FIRSTHDR(header); word != NULL; word = CMSG_NXTHDR(header, word)) {
    if (word->cmsg_level == IPPROTO_UDP && word->cmsg_type == UDP_GRO) {
      int size;
      memcpy(&size, CMSG_DATA(word), sizeof size);
      return (size_t)size;
    }
  }
  return whole;
}

void send_segmented(struct msghdr* header, struct Control* control, size_t size) {
  header->msg_control = control->bytes;
  header->msg_controllen = CMSG_SPACE(sizeof(uint16_t));
  struct cmsghdr* const word = CMSG_FIRSTHDR(header);
  *word = (struct cmsghdr){.cmsg_level = IPPROTO_UDP, .cmsg_type = UDP_SEGMENT, .cmsg_len = CMSG_LEN(sizeof(uint16_t))};
  const uint16_t segment = (uint16_t)size;
  memcpy(CMSG_DATA(word), &segment, sizeof segment);
}

// The first 128 values have a class each; above, each power of two has 64.
static size_t class_of(uint64_t value) {
  if (value < 128) return (size_t)value;
  const size_t shift = 57U - (size_t)__builtin_clzll(value);
  return shift * 64 + (size_t)(value >> shift);
}

static double middle_of(size_t number) {
  if (number < 128) return (double)number;
  const size_t shift = number / 64 - 1;
  return ((double)(64 + number % 64) + 0.5) * (double)(1ULL << shift);
}

void add_time(struct Times* times, int64_t nanoseconds) {
  const size_t number = class_of(nanoseconds > 0 ? (uint64_t)nanoseconds : 0);
  ++times->classes[number < kClasses ? number : kClasses - 1];
  ++times->count;
}

double percentile_us(const struct Times* times, double percent) {
  const double wanted = (double)times->count * percent / 100;
  uint64_t passed = 0;
  for (size_t number = 0; number < kClasses; ++number) {
    passed += times->classes[number];
    if (passed > 0 && (double)passed >= wanted) return middle_of(number) / 1000;
  }
  return 0;
}
