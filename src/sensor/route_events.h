// Notices of rtnetlink(7) that something of this host's network is another: not what, only that.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <string>

#include "base/error.h"

namespace tidegate {

class RouteEvents {
 public:
  // `groups` as RTMGRP_LINK, or-ed. Calls `changed` on the executor's thread, once for however many notices wait; what
  // changes after this returned is never missed. `what` is named in errors: "watch this host's addresses".
  [[nodiscard]] static Result<std::unique_ptr<RouteEvents>> subscribe(const boost::asio::any_io_executor& executor,
                                                                      unsigned groups, std::string what,
                                                                      std::function<void()> changed);
  ~RouteEvents();
  RouteEvents(const RouteEvents&) = delete;
  RouteEvents& operator=(const RouteEvents&) = delete;

 private:
  struct Impl;
  explicit RouteEvents(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;  // its other owner: a handler, while it runs
};

}  // namespace tidegate
