// A forward's TCP on one data thread: accepting, holding, connecting to a target, and moving bytes both ways.
//
// RFC 9293 for half-close and reset; Linux: epoll(7), tcp(7), splice(2), unix(7).
#pragma once

#include <memory>
#include <vector>

#include "forward/worker.h"

namespace tidegate {

class TcpForward {
 public:
  TcpForward(WorkerContext& context, std::shared_ptr<ForwardRuntime> forward);
  TcpForward(const TcpForward&) = delete;
  TcpForward& operator=(const TcpForward&) = delete;
  ~TcpForward();  // ends every connection, by RST, and closes every listener

  void add(Listener listener);
  void close_listener(int descriptor);

  // New connections go by these settings from now on; those there are go on under the old.
  void replace(std::shared_ptr<ForwardRuntime> forward);

  // The service is ready: who waits is connected.
  void release_waiting();

  // It will not be: who waits gets the configured answer.
  void turn_away();

  // A quota of this forward has room again, or is reached for good (then connections end).
  void quota_changed(const QuotaShare& quota);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tidegate
