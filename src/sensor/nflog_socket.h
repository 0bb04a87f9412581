// The netlink socket over which the kernel's nfnetlink_log hands out the packets of its groups: what NflogListener
// holds while it listens to any.
#pragma once

#include <libmnl/libmnl.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"

namespace tidegate {

// How the kernel is to deliver the packets of a group.
struct NflogDelivery {
  int copy_bytes = 0;             // of each packet, from its network header on
  std::uint32_t threshold = 1;    // so many packets make a batch; a rule may ask for fewer
  std::uint32_t hundredths = 1;   // of a second, for which the first packet of a batch waits for the others
  std::uint32_t batch_bytes = 0;  // the room that a batch is given when its first packet comes
  bool operator==(const NflogDelivery&) const = default;
};

class NflogSocket {
 public:
  // With a receive buffer of so many bytes, or as many as this process may have. The error: the kernel has no
  // nfnetlink.
  [[nodiscard]] static Result<std::unique_ptr<NflogSocket>> open(int buffer_bytes);

  // Listens to a group as well. Error codes that a caller acts upon: EPERM; EBUSY, another program listens to it.
  [[nodiscard]] Result<> bind(std::uint16_t group, const NflogDelivery& delivery);
  [[nodiscard]] Result<> set_delivery(std::uint16_t group, const NflogDelivery& delivery);
  void unbind(std::uint16_t group);

  // Takes what waits, at most so many datagrams, and calls `each` with every message of theirs; `each` may call the
  // functions above. Says how many there were; less than asked for: nothing waits any more.
  [[nodiscard]] Result<int> read(int most, const std::function<void(const nlmsghdr&)>& each);

  // Packets that came while one of the functions above asked the kernel, and that its descriptor does not tell of: they
  // are for the next read().
  [[nodiscard]] bool has_put_off() const { return !put_off_.empty(); }

  [[nodiscard]] int descriptor() const { return socket_.get(); }
  [[nodiscard]] std::uint64_t overruns() const { return overruns_; }  // how often the receive buffer was full
  [[nodiscard]] int buffer_bytes() const { return buffer_bytes_; }    // what it was given

 private:
  enum class Command : std::uint8_t { none, bind, unbind };
  NflogSocket(Fd socket, int buffer_bytes);
  [[nodiscard]] Result<> ask(std::uint16_t group, Command command, const NflogDelivery* delivery);
  [[nodiscard]] int send_and_wait(nlmsghdr* request);
  [[nodiscard]] bool may_configure();

  Fd socket_;
  int buffer_bytes_;
  std::uint32_t last_request_ = 0;
  std::uint64_t overruns_ = 0;
  std::vector<char> datagram_;
  std::deque<std::vector<char>> put_off_;  // packets that came while an answer was awaited
};

}  // namespace tidegate
