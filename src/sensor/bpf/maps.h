/* What the sensor `kernel` and its eBPF program share: the maps' keys and values, and the program's global variables.
   Plain C for both sides. Addresses and ports in keys are as on the wire, times those of CLOCK_MONOTONIC in ns,
   as exact as the kernel's ticks but for a packet that is handed up. */
#pragma once

#include <linux/types.h>

/* NOLINTBEGIN(readability-identifier-naming): a C header, and these are names as C has them. */

enum {
  KERNEL_GATES = 1024,      /* services at once; the configuration allows fewer */
  KERNEL_CLIENTS = 16384,   /* of all services; past it the one silent for longest is forgotten */
  KERNEL_ADDRESSES = 65536, /* of services that name theirs: one for each of their ports */
  KERNEL_LOCAL = 16384,     /* this host's own */
  KERNEL_LOCAL_AT_HAND = 4, /* of IPv4 that are compared before the map is asked */
  KERNEL_NETWORKS = 65536,  /* of all rules */
  KERNEL_OWN = 4096,        /* endpoints that tidegate itself speaks from */
  KERNEL_RING_BYTES = 262144,
  KERNEL_FRAME_BYTES = 256, /* of a packet that is handed up: what headers can take */
  KERNEL_MOST_PENDING = 8,  /* packets of one service that wait to be read */
};

enum kernel_protocol { KERNEL_TCP, KERNEL_UDP };
enum kernel_way { KERNEL_IN, KERNEL_OUT }; /* towards the service, from it */

/* What a rule says of a packet's noise, as model/service.h has it. */
enum { KERNEL_BROADCAST = 1, KERNEL_MULTICAST = 2, KERNEL_RST = 16 };

/* A rule of a service: `wake` or `keep`. Its ports are in kernel_port, its networks in the map `networks`. */
struct kernel_rule {
  __u8 ways; /* 1 << kernel_way */
  __u8 flags_set;
  __u8 flags_clear;
  __u8 ack_only;
  __u8 also; /* noise that counts all the same */
  __u8 pad[3];
  __u32 min_bytes;
};

struct kernel_gate {
  struct kernel_rule wake;
  struct kernel_rule keep;
  __u32 interface; /* where its ports are watched; 0: anywhere */
  __u32 pending;   /* packets handed up and not read yet */
  __u8 listening;  /* it sleeps, or may be about to: a packet that wakes it is handed up */
  __u8 from;       /* networks are to be looked up; KERNEL_WAKE_FROM, KERNEL_KEEP_FROM where only those count */
  __u8 pad[6];
};

/* Of a network: of which rules of its gate it is. In kernel_gate.from: which rules have such networks at all. */
enum { KERNEL_WAKE_FROM = 1, KERNEL_WAKE_NOT_FROM = 2, KERNEL_KEEP_FROM = 4, KERNEL_KEEP_NOT_FROM = 8 };

/* Whose a port is. */
enum { KERNEL_PORT_ADDRESSED = 1, KERNEL_PORT_WAKES = 2, KERNEL_PORT_KEEPS = 4 };
struct kernel_port {
  __u16 gate; /* its number and 1; 0: nobody's */
  __u8 flags; /* ADDRESSED: those who name addresses are in the map `addressed`; by which rules it counts */
  __u8 pad;
};

struct kernel_address {
  __u8 family; /* 4 or 6 */
  __u8 pad[3];
  __u8 bytes[16]; /* of IPv4 the first four */
};

/* An address with a port: of a service that names it, or one that tidegate speaks from. */
struct kernel_endpoint {
  struct kernel_address address;
  __u16 port;
  __u8 protocol;
  __u8 pad;
};

struct kernel_network {
  __u32 prefix; /* 64 and the network's own: gate and family must agree */
  __u32 gate;
  __u32 family;
  __u8 bytes[16];
};

struct kernel_client {
  struct kernel_endpoint endpoint;
  __u32 gate;
};

/* One way's packets, counted on the interface where they were first seen until it has been silent for a while. */
struct kernel_path {
  __u64 packets;
  __u64 bytes;
  __u64 last;
  __u32 interface;
  __u32 pad;
};
struct kernel_traffic {
  struct kernel_path path[2];
  __u64 first;
};

/* Of a gate, on one processor. */
struct kernel_counters {
  __u64 packets[2];
  __u64 bytes[2];
  __u64 renewed; /* when last a packet renewed it */
};

struct kernel_losses {
  __u64 rejected; /* IP packets whose headers cannot be */
  __u64 dropped;  /* that were to be handed up, and the ring was full */
};

/* A packet handed up. */
struct kernel_event {
  __u64 at;
  __u32 gate;
  __u32 interface;
  __u32 length;   /* on the wire */
  __u32 captured; /* of `frame` */
  __u8 way;
  __u8 ethernet; /* else the frame begins with the IP header */
  __u8 pad[6];
  __u8 frame[KERNEL_FRAME_BYTES];
};

/* NOLINTEND(readability-identifier-naming) */
