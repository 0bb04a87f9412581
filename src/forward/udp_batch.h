// Datagrams in batches: many read by one call, and those of one size to one peer sent by one call. What the kernel
// merged on the way in (UDP_GRO) and splits on the way out (UDP_SEGMENT) passes through it once instead of once for
// each datagram; boundaries stay as they were.
//
// Linux: recvmmsg(2), udp(7), ip(7) for IP_PKTINFO, ipv6(7) for IPV6_PKTINFO, socket(7) for SO_RXQ_OVFL.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "forward/socket.h"
#include "model/address.h"

namespace tidegate {

// One datagram, or several of one size behind one another, of which the last may be shorter.
struct Datagrams {
  std::span<const std::byte> bytes;
  std::size_t each = 0;  // bytes of every one but the last; never 0 where there are bytes

  [[nodiscard]] std::size_t count() const { return bytes.empty() ? 1 : (bytes.size() + each - 1) / each; }
  // Those from the byte `from` on, up to the byte `to`.
  [[nodiscard]] Datagrams part(std::size_t from, std::size_t to) const {
    return {.bytes = bytes.subspan(from, to - from), .each = std::min(each, to - from)};
  }
};

// What one slot of a batch received.
struct Arrival {
  Datagrams datagrams;
  Endpoint from;
  IpAddress to;                 // the address of this host that it came to, and from which an answer may leave
  std::uint32_t interface = 0;  // by which it came; 0: unknown
  bool cut = false;             // longer than a slot: not all of it is there
};

// Reads into a buffer that is its owner's; what at() gives is good until the next read().
class DatagramReader {
 public:
  // As many as let several datagrams of one of 50 flows come together while others wait. Each slot takes the longest
  // that GRO makes, and they do not all begin in the same sets of the processor's caches.
  static constexpr std::size_t kSlots = 256;
  static constexpr std::size_t kSlotBytes = (64 << 10) + 17 * 64;
  static constexpr std::size_t kBuffer = kSlots * kSlotBytes;

  explicit DatagramReader(std::span<std::byte, kBuffer> buffer);
  DatagramReader(const DatagramReader&) = delete;
  DatagramReader& operator=(const DatagramReader&) = delete;

  // One recvmmsg(2), which does not wait. Fewer than kSlots: the socket was empty then. 0 with error() set: nothing.
  std::size_t read(int fd);
  [[nodiscard]] int error() const { return error_; }

  // The socket's count of datagrams that found no room in its buffer (SO_RXQ_OVFL), as of the last read that told it.
  [[nodiscard]] std::optional<std::uint32_t> overflows() const { return overflows_; }

  [[nodiscard]] Arrival at(std::size_t slot);

 private:
  // IP_PKTINFO and IPV6_PKTINFO (both come for IPv4 in an IPv6 socket), UDP_GRO, SO_RXQ_OVFL.
  static constexpr std::size_t kControl = CMSG_SPACE(sizeof(in_pktinfo)) + CMSG_SPACE(sizeof(in6_pktinfo)) +
                                          CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(std::uint32_t));
  struct Slot {
    alignas(cmsghdr) std::array<std::byte, kControl> control;
    SocketAddress from;
    iovec bytes;
  };

  std::array<Slot, kSlots> slots_{};
  std::array<mmsghdr, kSlots> headers_{};
  std::size_t used_ = kSlots;  // whose lengths the kernel has changed
  int error_ = 0;
  std::optional<std::uint32_t> overflows_;
};

// Where datagrams leave, and to whom.
struct DatagramPath {
  int fd = -1;
  const SocketAddress* to = nullptr;  // null: the socket is connected
  IpAddress from;                     // the source address; none: as the kernel chooses
  std::uint32_t interface = 0;        // for a link-local source; 0: as the kernel chooses
};

// Datagrams to be sent to one peer, in order, with as few calls as the kernel allows.
class DatagramSender {
 public:
  static constexpr std::size_t kMost = DatagramReader::kSlots;  // waiting at once
  static constexpr std::size_t kMostSegments = 64;              // in one call
  static constexpr std::size_t kMostBytes = 65'507;             // in one call: what an IPv4 datagram can carry
  static constexpr std::uint16_t kAnySize = kMostBytes;         // to begin with, datagrams of any size are merged

  // What one call came to.
  struct Sent {
    std::size_t bytes = 0;
    std::size_t datagrams = 0;
    int error = 0;         // 0: they left; else none of these did, and they are given up
    bool refused = false;  // an ICMP error for earlier ones was reported on the way
  };

  void clear() { count_ = next_ = offset_ = 0; }
  void add(const Datagrams& datagrams) { waiting_[count_++] = datagrams; }  // the bytes stay where they are

  // Sends the next of them by one call; none: all are done. `merge` is the path's: the largest size that the kernel
  // merges there, which shrinks when it refuses (RFC 8200's and RFC 791's limits, or a device without checksums).
  [[nodiscard]] std::optional<Sent> send_next(const DatagramPath& path, std::uint16_t& merge);

 private:
  struct Run {
    std::array<iovec, kMostSegments> parts;
    std::size_t part_count = 0;
    std::size_t bytes = 0;
    std::size_t datagrams = 0;
    std::size_t each = 0;
    std::size_t next = 0;    // where the run after it begins
    std::size_t offset = 0;  // likewise
  };
  void gather(Run& run, std::size_t merge) const;
  [[nodiscard]] static bool send(const DatagramPath& path, Run& run);

  std::array<Datagrams, kMost> waiting_;
  std::size_t count_ = 0;
  std::size_t next_ = 0;    // of waiting_
  std::size_t offset_ = 0;  // into it
};

}  // namespace tidegate
