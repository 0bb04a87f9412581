// The netlink socket over which the kernel's nfnetlink_log hands out the packets of its groups: what NflogListener
// holds while it listens to any.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "base/error.h"
#include "netfilter/socket.h"

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

  // As of NetfilterSocket; `each` may call the functions above.
  [[nodiscard]] Result<int> read(int most, const std::function<void(const nlmsghdr&)>& each) {
    return socket_->read(most, each);
  }
  [[nodiscard]] bool has_put_off() const { return socket_->has_put_off(); }
  [[nodiscard]] int descriptor() const { return socket_->descriptor(); }
  [[nodiscard]] std::uint64_t overruns() const { return socket_->overruns(); }
  [[nodiscard]] int buffer_bytes() const { return socket_->buffer_bytes(); }

 private:
  enum class Command : std::uint8_t { none, bind, unbind };
  explicit NflogSocket(std::unique_ptr<NetfilterSocket> socket) : socket_{std::move(socket)} {}
  [[nodiscard]] Result<> ask(std::uint16_t group, Command command, const NflogDelivery* delivery);
  [[nodiscard]] bool may_configure();

  std::unique_ptr<NetfilterSocket> socket_;
};

}  // namespace tidegate
