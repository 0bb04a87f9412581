// A forward's UDP on one data thread: one unconnected listener a port, sessions by client address (and the address and
// port that the client sent to), a connected socket of its own towards the target for each session.
//
// RFC 768; Linux: recvmmsg(2), sendmmsg(2), udp(7) for UDP_GRO and UDP_SEGMENT, ip(7) and ipv6(7) for IP_PKTINFO.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "forward/worker.h"

namespace tidegate {

class UdpForward {
 public:
  UdpForward(WorkerContext& context, std::shared_ptr<ForwardRuntime> forward);
  UdpForward(const UdpForward&) = delete;
  UdpForward& operator=(const UdpForward&) = delete;
  ~UdpForward();  // ends every session and closes every listener

  void add(Listener listener);
  void close_listener(int descriptor);

  // New sessions go by these settings from now on; those there are go on under the old.
  void replace(std::shared_ptr<ForwardRuntime> forward);

  // The service is ready: what waits is sent on, in order.
  void release_waiting();

  // It will not be: what waits is dropped.
  void turn_away();

  // A quota of this forward has room again, or is reached for good.
  void quota_changed(const QuotaShare& quota);

 private:
  class Impl;  // sessions, batches: see udp.cc
  std::unique_ptr<Impl> impl_;
};

}  // namespace tidegate
