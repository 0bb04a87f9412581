// The netlink socket over which the kernel's nfnetlink_queue hands out the packets of one queue and takes its verdicts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/error.h"
#include "hold/queue_message.h"
#include "netfilter/socket.h"

namespace tidegate {

class QueueSocket {
 public:
  enum class Verdict : std::uint8_t { drop, accept };
  static constexpr std::uint32_t kMostTag = 0x7fff'ffff;

  // Takes the first queue that is free, of at most `most` packets; what comes on top of them the kernel drops. The
  // error: no permission; the kernel has no nfnetlink_queue; all queues that were tried are taken.
  [[nodiscard]] static Result<std::unique_ptr<QueueSocket>> open(std::size_t most);

  // So many bytes of each packet from now on.
  [[nodiscard]] Result<> set_copy_bytes(int bytes);

  // What becomes of a packet. Carried out by send_verdicts(), in order. Where the kernel has no such packet any more,
  // the tag comes back by read().
  void decide(std::uint32_t packet, Verdict verdict, std::uint32_t tag);
  [[nodiscard]] Result<> send_verdicts();

  // As of NetfilterSocket.
  [[nodiscard]] Result<int> read(int most, const std::function<void(const QueuedPacket&)>& packet,
                                 const std::function<void(std::uint32_t tag)>& gone);
  [[nodiscard]] bool has_put_off() const { return socket_->has_put_off(); }
  [[nodiscard]] int descriptor() const { return socket_->descriptor(); }

  [[nodiscard]] std::uint16_t number() const { return number_; }

  // Packets that the kernel dropped before they came here: the queue, or the socket's buffer, was full.
  [[nodiscard]] std::uint64_t dropped() const;

 private:
  QueueSocket(std::unique_ptr<NetfilterSocket> socket, std::size_t most) : socket_{std::move(socket)}, most_{most} {}
  [[nodiscard]] int configure(std::uint16_t number, bool bind);

  std::unique_ptr<NetfilterSocket> socket_;
  std::size_t most_;
  std::uint16_t number_ = 0;
  int copy_bytes_ = 0;
  std::vector<char> verdicts_;
};

}  // namespace tidegate
