/* The sensor `kernel`, in the kernel: on each packet that passes an interface it finds the service whose port it goes
   to or comes from, counts, notes the time where it renews the service, and hands it up only where it would wake one
   that sleeps. It never changes a packet or what becomes of it. Headers are read as packet/ reads them, so that all
   sensors see the same (kernel_test.cc holds the two against each other); rules are those of meter/classify.cc.

   Program type BPF_PROG_TYPE_SCHED_CLS: bpf-helpers(7), Documentation/bpf/ringbuf.rst. Kernel 5.8 or newer. */
// clang-format off: bpf_helpers.h wants the kernel's types before it
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <stdbool.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
// clang-format on

#include "sensor/bpf/maps.h"

#define SAME_INTERFACE 5000000000ULL /* as ClientTable::kSameInterface */

enum { MOST_TAGS = 2, MOST_EXTENSIONS = 8, OLD_SERVICE_VLAN = 0x9100 };
enum { NEAR = 256 }; /* where headers without a long chain of extensions begin */
enum { FIN = 0x01, SYN = 0x02, RST = 0x04, ACK = 0x10 };

/* Whether the kernel has a clock that goes by its ticks, which takes a fraction of the other one's time (Linux 5.11).
   Said before the program is loaded, so that a kernel without it never meets the call. */
const volatile __u8 has_coarse_clock = 0;

/* Written by the sensor. Global variables, because a look at them costs no call. */
struct kernel_port ports[2][65536];
struct kernel_gate gates[KERNEL_GATES];
__u32 local_at_hand[KERNEL_LOCAL_AT_HAND]; /* some of the IPv4 addresses in the map `local`; 0: none */
__u64 own_until;                           /* after it no packet can be tidegate's own */

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, KERNEL_ADDRESSES);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct kernel_endpoint);
  __type(value, struct kernel_port);
} addressed SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, KERNEL_LOCAL);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct kernel_address);
  __type(value, __u8);
} local SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(max_entries, KERNEL_NETWORKS);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct kernel_network);
  __type(value, __u8);
} networks SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, KERNEL_OWN);
  __type(key, struct kernel_endpoint);
  __type(value, __u64); /* until when */
} own SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, KERNEL_CLIENTS);
  __type(key, struct kernel_client);
  __type(value, struct kernel_traffic);
} clients SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, KERNEL_GATES);
  __type(key, __u32);
  __type(value, struct kernel_counters);
} counters SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct kernel_losses);
} losses SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, KERNEL_RING_BYTES);
} events SEC(".maps");

/* What the headers say. */
struct packet {
  struct kernel_endpoint source;
  struct kernel_endpoint destination;
  __u32 bytes;   /* from the network header on */
  __u32 payload; /* behind the TCP or UDP header */
  __u8 tcp_flags;
  __u8 cast; /* 0, KERNEL_BROADCAST or KERNEL_MULTICAST */
};

enum verdict { NOT_FOR_US, MALFORMED, READ };

/* The rest of a packet: where it begins, and how many bytes there are. */
struct rest {
  __u32 at;
  __u32 size;
};

/* From the packet's first piece of memory without a call of the kernel, which reads only what lies behind that. `size`
   is even, or 1. Headers lie at multiples of four bytes behind the Ethernet header, and that at a multiple of two, as
   processors that read no other way want them. */
static __always_inline bool load(const struct __sk_buff* skb, const struct rest* rest, void* to, __u32 size) {
  if (rest->size < size) return false;
  const __u8* const end = (const __u8*)(long)skb->data_end;
  const __u8* from = (const __u8*)(long)skb->data;
  if (rest->at > NEAR || (from += rest->at) + size > end) return bpf_skb_load_bytes(skb, rest->at, to, size) == 0;
  if (size == 1) *(__u8*)to = *from;
  if (size % 4 == 0) {
    for (__u32 i = 0; i < size / 4; ++i) ((__u32*)to)[i] = ((const __u32*)from)[i];
  } else {
    for (__u32 i = 0; i < size / 2; ++i) ((__u16*)to)[i] = ((const __u16*)from)[i];
  }
  return true;
}

static __always_inline void take(struct rest* rest, __u32 size) {
  rest->at += size;
  rest->size -= size;
}

struct fragment {
  bool more;
  bool later;
};

static __always_inline bool is_extension(__u8 kind, bool v6) {
  switch (kind) {
    case IPPROTO_AH:
      return true;
    case IPPROTO_HOPOPTS:
    case IPPROTO_ROUTING:
    case IPPROTO_FRAGMENT:
    case IPPROTO_DSTOPTS:
    case 135: /* mobility */
    case 139: /* HIP */
    case 140: /* shim6 */
      return v6;
    default:
      return false;
  }
}

/* The transport behind every extension header; false where they cannot be. */
static __always_inline bool read_extensions(const struct __sk_buff* skb, struct rest* rest, bool v6, __u8* next,
                                            struct fragment* fragment) {
  for (int count = 0; count <= MOST_EXTENSIONS; ++count) {
    __u8 start[8] __attribute__((aligned(4)));
    if (!is_extension(*next, v6)) return true;
    if (count == MOST_EXTENSIONS || !load(skb, rest, start, sizeof start)) return false;
    const __u8 kind = *next;
    const __u32 length = kind == IPPROTO_FRAGMENT ? 8 : kind == IPPROTO_AH ? (start[1] + 2) * 4 : (start[1] + 1) * 8;
    if (length > rest->size) return false;
    take(rest, length);
    *next = start[0];
    if (kind == IPPROTO_FRAGMENT) {
      const __u16 offset = start[2] << 8 | start[3];
      fragment->more = (offset & 1) != 0;
      fragment->later = (offset & 0xfff8) != 0;
      if (fragment->later) return true;
    }
  }
  return false;
}

static __always_inline enum verdict read_tcp(const struct __sk_buff* skb, const struct rest* rest,
                                             struct packet* packet) {
  __u8 header[20] __attribute__((aligned(4)));
  if (!load(skb, rest, header, sizeof header)) return MALFORMED;
  const __u32 header_bytes = (header[12] >> 4) * 4;
  if (header_bytes < 20 || header_bytes > rest->size) return MALFORMED;
  packet->source.port = *(const __u16*)&header[0];
  packet->destination.port = *(const __u16*)&header[2];
  packet->tcp_flags = header[13];
  packet->payload = rest->size - header_bytes;
  packet->source.protocol = packet->destination.protocol = KERNEL_TCP;
  return READ;
}

static __always_inline enum verdict read_udp(const struct __sk_buff* skb, const struct rest* rest, bool more,
                                             struct packet* packet) {
  __u16 header[4] __attribute__((aligned(4)));
  if (!load(skb, rest, header, sizeof header)) return MALFORMED;
  __u32 length = bpf_ntohs(header[2]);
  if (length == 0 && rest->size > 0xffff) length = rest->size;
  if (length < 8 || (length > rest->size && !more)) return MALFORMED;
  packet->source.port = header[0];
  packet->destination.port = header[1];
  packet->payload = (length < rest->size ? length : rest->size) - 8;
  packet->source.protocol = packet->destination.protocol = KERNEL_UDP;
  return READ;
}

static __always_inline enum verdict read_transport(const struct __sk_buff* skb, struct rest* rest, bool v6, __u8 next,
                                                   struct fragment fragment, struct packet* packet) {
  if (!fragment.later && is_extension(next, v6) && !read_extensions(skb, rest, v6, &next, &fragment)) return MALFORMED;
  if (fragment.later) return NOT_FOR_US; /* no ports */
  if (next == IPPROTO_TCP) return read_tcp(skb, rest, packet);
  if (next == IPPROTO_UDP) return read_udp(skb, rest, fragment.more, packet);
  return NOT_FOR_US;
}

static __always_inline enum verdict read_ipv4(const struct __sk_buff* skb, struct rest rest, struct packet* packet) {
  struct {
    __u8 version_length, service;
    __u16 total, id, fragment;
    __u8 ttl, protocol;
    __u16 checksum;
    __u32 source, destination;
  } ip;
  if (!load(skb, &rest, &ip, sizeof ip) || ip.version_length >> 4 != 4) return MALFORMED;
  const __u32 header_bytes = (ip.version_length & 0x0f) * 4;
  __u32 total = bpf_ntohs(ip.total);
  if (total == 0) total = rest.size; /* segmentation is left to the network card, or BIG TCP */
  if (header_bytes < 20 || total < header_bytes || total > rest.size) return MALFORMED;
  packet->bytes = total;
  packet->source.address.family = packet->destination.address.family = 4;
  *(__u32*)packet->source.address.bytes = ip.source;
  *(__u32*)packet->destination.address.bytes = ip.destination;
  if (packet->cast == 0) {
    if ((ip.destination & bpf_htonl(0xf0000000)) == bpf_htonl(0xe0000000)) packet->cast = KERNEL_MULTICAST;
    if (ip.destination == 0xffffffff) packet->cast = KERNEL_BROADCAST;
  }
  rest.size = total;
  take(&rest, header_bytes);
  const __u16 offset = bpf_ntohs(ip.fragment);
  const struct fragment fragment = {.more = (offset & 0x2000) != 0, .later = (offset & 0x1fff) != 0};
  return read_transport(skb, &rest, false, ip.protocol, fragment, packet);
}

static __always_inline enum verdict read_ipv6(const struct __sk_buff* skb, struct rest rest, struct packet* packet) {
  struct ipv6hdr ip;
  if (!load(skb, &rest, &ip, sizeof ip) || ip.version != 6) return MALFORMED;
  take(&rest, sizeof ip);
  __u32 length = bpf_ntohs(ip.payload_len);
  if (length == 0 && rest.size > 0xffff) length = rest.size; /* a jumbogram, or a super-packet of Linux's own */
  if (length > rest.size) return MALFORMED;
  packet->bytes = sizeof ip + length;
  packet->source.address.family = packet->destination.address.family = 6;
  __builtin_memcpy(packet->source.address.bytes, &ip.saddr, 16);
  __builtin_memcpy(packet->destination.address.bytes, &ip.daddr, 16);
  if (packet->cast == 0 && packet->destination.address.bytes[0] == 0xff) packet->cast = KERNEL_MULTICAST;
  rest.size = length;
  return read_transport(skb, &rest, true, ip.nexthdr, (struct fragment){}, packet);
}

/* The EtherType behind the tags, two at most; 0 where the frame is not for us. */
static __always_inline __u16 read_ethernet(const struct __sk_buff* skb, struct rest* rest, struct packet* packet) {
  struct ethhdr link;
  if (!load(skb, rest, &link, sizeof link)) return 0;
  take(rest, sizeof link);
  if (link.h_dest[0] & 1) {
    packet->cast = KERNEL_BROADCAST;
    for (int i = 0; i < ETH_ALEN; ++i) {
      if (link.h_dest[i] != 0xff) packet->cast = KERNEL_MULTICAST;
    }
  }
  __u16 type = bpf_ntohs(link.h_proto);
  for (int tags = skb->vlan_present ? 1 : 0; tags <= MOST_TAGS; ++tags) {
    __u16 tag[2] __attribute__((aligned(4)));
    if (type != ETH_P_8021Q && type != ETH_P_8021AD && type != OLD_SERVICE_VLAN) return type;
    if (tags == MOST_TAGS || !load(skb, rest, tag, sizeof tag)) return 0;
    take(rest, sizeof tag);
    type = bpf_ntohs(tag[1]);
  }
  return 0;
}

static __always_inline enum verdict read_packet(const struct __sk_buff* skb, bool ethernet, struct packet* packet) {
  struct rest rest = {.at = 0, .size = skb->len};
  __u16 type = 0;
  if (ethernet) {
    type = read_ethernet(skb, &rest, packet);
  } else {
    __u8 first;
    if (!load(skb, &rest, &first, 1)) return NOT_FOR_US;
    type = first >> 4 == 4 ? ETH_P_IP : first >> 4 == 6 ? ETH_P_IPV6 : 0;
  }
  return type == ETH_P_IP     ? read_ipv4(skb, rest, packet)
         : type == ETH_P_IPV6 ? read_ipv6(skb, rest, packet)
                              : NOT_FOR_US;
}

static __always_inline bool is_local(const struct kernel_address* address) {
  if (address->family == 4) {
    const __u32 v4 = *(const __u32*)address->bytes;
    if (address->bytes[0] == 127) return true;
    for (int i = 0; i < KERNEL_LOCAL_AT_HAND; ++i) {
      if (v4 != 0 && v4 == local_at_hand[i]) return true;
    }
  }
  return bpf_map_lookup_elem(&local, address) != NULL;
}

/* Whose port that is at that address; `any_address`: a broadcast or multicast reaches each service that names none. */
static __always_inline struct kernel_port owner_of(const struct kernel_endpoint* end, bool any_address,
                                                   __u32 interface) {
  struct kernel_port port = ports[end->protocol & 1][bpf_ntohs(end->port)];
  if (port.flags & KERNEL_PORT_ADDRESSED) {
    const struct kernel_port* const named = bpf_map_lookup_elem(&addressed, end);
    port = named != NULL ? *named : (struct kernel_port){};
  } else if (port.gate != 0 && !any_address && !is_local(&end->address)) {
    port.gate = 0;
  }
  if (port.gate == 0 || port.gate > KERNEL_GATES) return (struct kernel_port){};
  const __u32 wanted = gates[port.gate - 1].interface;
  return wanted == 0 || wanted == interface ? port : (struct kernel_port){};
}

static __always_inline bool speaks(struct kernel_endpoint end, __u64 now) {
  const __u64* until = bpf_map_lookup_elem(&own, &end);
  if (until != NULL && *until >= now) return true;
  __builtin_memset(&end.address, 0, sizeof end.address); /* one whose address was not known */
  until = bpf_map_lookup_elem(&own, &end);
  return until != NULL && *until >= now;
}

/* Counts the packet of the client, unless another interface shows it again: false. */
static __always_inline bool count(const struct packet* packet, const struct kernel_endpoint* client, __u32 gate,
                                  enum kernel_way way, __u32 interface, __u64 now) {
  const struct kernel_client key = {.endpoint = *client, .gate = gate};
  struct kernel_traffic* traffic = bpf_map_lookup_elem(&clients, &key);
  if (traffic == NULL) {
    const struct kernel_traffic fresh = {.first = now};
    bpf_map_update_elem(&clients, &key, &fresh, BPF_NOEXIST);
    traffic = bpf_map_lookup_elem(&clients, &key);
  }
  if (traffic != NULL) {
    struct kernel_path* const path = &traffic->path[way];
    if (path->interface != interface) {
      if (path->packets != 0 && now - path->last <= SAME_INTERFACE) return false;
      path->interface = interface;
    }
    path->last = now;
    __sync_fetch_and_add(&path->packets, 1);
    __sync_fetch_and_add(&path->bytes, packet->bytes);
  }
  return true;
}

/* Whether the rule takes the packet, its ports and networks aside. */
static __always_inline bool takes(const struct kernel_rule* rule, const struct packet* packet, enum kernel_way way) {
  const bool tcp = packet->source.protocol == KERNEL_TCP;
  const __u8 noise = tcp && (packet->tcp_flags & RST) ? KERNEL_RST : packet->cast;
  if (noise & ~rule->also) return false;
  if ((rule->ways & (1 << way)) == 0 || packet->payload < rule->min_bytes) return false;
  if (!tcp) return !rule->ack_only;
  if (rule->ack_only && (packet->tcp_flags & ACK) == 0) return false;
  return (packet->tcp_flags & rule->flags_set) == rule->flags_set && (packet->tcp_flags & rule->flags_clear) == 0;
}

/* Of which rules' networks the client's address is: KERNEL_WAKE_FROM, … */
static __always_inline __u8 networks_of(__u32 gate, const struct kernel_address* client) {
  struct kernel_network key = {.prefix = 64 + 128, .gate = gate, .family = client->family};
  if (client->family == 4) key.prefix = 64 + 32;
  __builtin_memcpy(key.bytes, client->bytes, sizeof key.bytes);
  const __u8* const found = bpf_map_lookup_elem(&networks, &key);
  return found != NULL ? *found : 0;
}

static __always_inline void hand_up(const struct __sk_buff* skb, struct kernel_gate* gate, __u32 number,
                                    enum kernel_way way, bool ethernet) {
  if (gate->pending >= KERNEL_MOST_PENDING) return;
  struct kernel_event* const event = bpf_ringbuf_reserve(&events, sizeof *event, 0);
  if (event == NULL) {
    const __u32 zero = 0;
    struct kernel_losses* const lost = bpf_map_lookup_elem(&losses, &zero);
    if (lost != NULL) lost->dropped += 1;
    return;
  }
  event->at = bpf_ktime_get_ns();
  event->gate = number;
  event->interface = skb->ifindex;
  event->length = skb->len;
  event->way = way;
  event->ethernet = ethernet;
  event->captured = 0;
  const __u32 length = skb->len < KERNEL_FRAME_BYTES ? skb->len : KERNEL_FRAME_BYTES;
  if (length > 0 && length <= KERNEL_FRAME_BYTES && bpf_skb_load_bytes(skb, 0, event->frame, length) == 0) {
    event->captured = length;
  }
  __sync_fetch_and_add(&gate->pending, 1);
  bpf_ringbuf_submit(event, 0);
}

static __always_inline void meter(const struct __sk_buff* skb, const struct packet* packet, bool ethernet) {
  const __u32 interface = skb->ifindex;
  enum kernel_way way = KERNEL_IN;
  const struct kernel_endpoint* client = &packet->source;
  struct kernel_port port = owner_of(&packet->destination, packet->cast != 0, interface);
  if (port.gate == 0) {
    way = KERNEL_OUT;
    client = &packet->destination;
    port = owner_of(&packet->source, false, interface);
    if (port.gate == 0) return;
  }
  const __u32 number = port.gate - 1;
  if (number >= KERNEL_GATES) return;
  struct kernel_gate* const gate = &gates[number];
  const __u64 now = has_coarse_clock ? bpf_ktime_get_coarse_ns() : bpf_ktime_get_ns();
  if (now < own_until && (speaks(packet->source, now) || speaks(packet->destination, now))) return;
  struct kernel_counters* const sum = bpf_map_lookup_elem(&counters, &number);
  if (sum == NULL) return;
  if (count(packet, client, number, way, interface, now)) {
    sum->packets[way] += 1;
    sum->bytes[way] += packet->bytes;
  }

  bool wakes = (port.flags & KERNEL_PORT_WAKES) && takes(&gate->wake, packet, way);
  bool keeps = (port.flags & KERNEL_PORT_KEEPS) && takes(&gate->keep, packet, way);
  if (gate->from && (wakes || keeps)) {
    const __u8 of = networks_of(number, &client->address);
    const __u8 missing = gate->from & ~of;
    if ((missing & KERNEL_WAKE_FROM) || (of & KERNEL_WAKE_NOT_FROM)) wakes = false;
    if ((missing & KERNEL_KEEP_FROM) || (of & KERNEL_KEEP_NOT_FROM)) keeps = false;
  }
  if (keeps || (wakes && !gate->keep.ack_only)) sum->renewed = now;
  if (wakes && gate->listening) hand_up(skb, gate, number, way, ethernet);
}

static __always_inline int look(const struct __sk_buff* skb, bool ethernet) {
  struct packet packet = {};
  switch (read_packet(skb, ethernet, &packet)) {
    case READ:
      meter(skb, &packet, ethernet);
      break;
    case MALFORMED: {
      const __u32 zero = 0;
      struct kernel_losses* const lost = bpf_map_lookup_elem(&losses, &zero);
      if (lost != NULL) lost->rejected += 1;
      break;
    }
    case NOT_FOR_US:
      break;
  }
  return TC_ACT_UNSPEC; /* and whoever comes next has his turn */
}

/* On interfaces whose frames have an Ethernet header, loopback among them. */
SEC("tc")
int tidegate_frames(struct __sk_buff* skb) { return look(skb, true); }

/* On those whose frames begin with the IP header: tun, WireGuard, PPP, tunnels. */
SEC("tc")
int tidegate_ip(struct __sk_buff* skb) { return look(skb, false); }
