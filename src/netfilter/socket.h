// A netlink(7) socket of netfilter's (nfnetlink), over which the kernel both answers and sends of its own accord, as
// nfnetlink_log and nfnetlink_queue do with packets.
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

class NetfilterSocket {
 public:
  // With a receive buffer of so many bytes, or as many as this process may have. `name` begins every error.
  [[nodiscard]] static Result<std::unique_ptr<NetfilterSocket>> open(std::string name, int buffer_bytes);

  // Sends the request (its number and NLM_F_ACK are set here) and gives the errno in the kernel's answer, 0 for done.
  // ENOBUFS: the answer was lost. What the kernel sends of its own accord meanwhile is kept for read().
  [[nodiscard]] int ask(nlmsghdr* request);

  // Sends messages as they are. What the kernel answers to them comes by read().
  [[nodiscard]] Result<> send(std::span<const char> messages);

  // Takes what waits, at most so many datagrams, and calls `each` with every message of theirs; `each` may call ask()
  // and send(). Says how many there were; less than asked for: nothing waits any more.
  [[nodiscard]] Result<int> read(int most, const std::function<void(const nlmsghdr&)>& each);

  // Messages that came while ask() waited, and that the descriptor does not tell of: they are for the next read().
  [[nodiscard]] bool has_put_off() const { return !put_off_.empty(); }

  [[nodiscard]] int descriptor() const { return socket_.get(); }
  [[nodiscard]] std::uint64_t overruns() const { return overruns_; }  // how often the receive buffer was full
  [[nodiscard]] int buffer_bytes() const { return buffer_bytes_; }    // what it was given

 private:
  NetfilterSocket(std::string name, Fd socket, int buffer_bytes);

  std::string name_;
  Fd socket_;
  int buffer_bytes_;
  std::uint32_t last_request_ = 0;
  std::uint64_t overruns_ = 0;
  std::vector<char> datagram_;
  std::deque<std::vector<char>> put_off_;  // what came while an answer was awaited
};

}  // namespace tidegate
