// What the load generators of bench/forward have in common: the bytes they send, which the other end can check, the
// sockets, and times gathered into percentiles. They end with a message at the first byte that is wrong.
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "monotonic.h"

enum {
  kMessage = 64,            // bytes of a request, and of its answer
  kPeriod = 65521,          // of the pattern: a prime, so that no buffer's size divides it and a lost buffer shows
  kChunk = 4 * kPeriod,     // what is given to the kernel, or taken from it, at once
  kSocketBuffer = 4 << 20,  // of UDP sockets
};
static const int64_t kMillisecond = 1000000;
static const int64_t kPatience = 5000 * 1000000LL;  // nothing at all for so long: something hangs

// What a TCP client says first, and what a server does with the connection then.
enum Kind {
  kEcho = 'e',     // sends back what comes, this first message too
  kSend = 's',     // sends `length` bytes of the pattern, then ends; 0: until the client has gone
  kReceive = 'r',  // takes bytes of the pattern until the client ends, then says how many (8 bytes; all ones: wrong)
};
struct Message {
  uint8_t kind;
  uint8_t unused[3];
  uint32_t stream;  // decides where in the pattern its bytes begin
  uint64_t length;  // of kEcho: the number of the message
  uint8_t rest[kMessage - 16];
};

// The bytes of each stream are an endless repetition of one period of noise.
void make_pattern(void);
uint64_t pattern_begin(uint32_t stream);
// At least kPeriod bytes of it, from that offset on.
const uint8_t* pattern_at(uint64_t offset);
// The first byte that is wrong, or `size`.
size_t pattern_check(const uint8_t* bytes, size_t size, uint64_t offset);
// The next bytes to send, kChunk at the most, as parts for writev(2); how many parts.
enum { kParts = kChunk / kPeriod };
int pattern_parts(struct iovec parts[kParts], uint64_t offset, uint64_t most);

// Message `number` of a stream, all its bytes.
void fill_message(struct Message* message, enum Kind kind, uint32_t stream, uint64_t number);

// A UDP datagram: this and then bytes of the pattern that depend on it.
struct Label {
  uint64_t number;
  uint32_t flow;
  uint32_t window;
};
void fill_datagram(uint8_t* bytes, size_t size, struct Label label);
// Reads the label. Ends the program when a byte of the datagram is wrong.
struct Label check_datagram(const uint8_t* bytes, size_t size, size_t wanted);

// Words of the command line. They end the program when the word is not what it should be.
struct sockaddr_in address_of(const char* address, const char* port);
int64_t number_of(const char* name, const char* word, int64_t least, int64_t most);

// Sockets, or the end of the program.
int listen_at(int type, struct sockaddr_in at);
int connect_to(int type, struct sockaddr_in to);
void watch(int epoll, int operation, int socket, uint32_t events, void* with);
void no_delay(int socket);
void no_wait(int socket);
void receive_merged(int socket);  // UDP_GRO
// Room for what the kernel says about a message, or is told.
struct Control {
  _Alignas(struct cmsghdr) uint8_t bytes[CMSG_SPACE(sizeof(int))];
};
// What UDP_GRO says about a received message: the size of its datagrams, or `whole`.
size_t datagram_size(struct msghdr* header, size_t whole);
// Has the kernel cut a message into datagrams of that size (UDP_SEGMENT).
void send_segmented(struct msghdr* header, struct Control* control, size_t size);

// Durations in nanoseconds, counted in classes of 1.6 % width at the most.
enum { kClasses = 64 * 64 };
struct Times {
  uint64_t count;
  uint64_t classes[kClasses];
};
void add_time(struct Times* times, int64_t nanoseconds);
double percentile_us(const struct Times* times, double percent);
