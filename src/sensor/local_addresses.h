// This host's own IP addresses, kept up to date by rtnetlink(7).
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <vector>

#include "base/error.h"
#include "model/address.h"
#include "sensor/route_events.h"

namespace tidegate {

class LocalAddresses {
 public:
  using Changed = std::function<void(const std::vector<IpAddress>&)>;

  // Calls `changed` at once with today's addresses, then whenever one comes or goes, on the executor's thread.
  [[nodiscard]] static Result<std::unique_ptr<LocalAddresses>> watch(const boost::asio::any_io_executor& executor,
                                                                     Changed changed);
  ~LocalAddresses();
  LocalAddresses(const LocalAddresses&) = delete;
  LocalAddresses& operator=(const LocalAddresses&) = delete;

 private:
  explicit LocalAddresses(Changed changed);
  void look_again();

  Changed changed_;
  std::vector<IpAddress> addresses_;
  std::unique_ptr<RouteEvents> events_;
};

}  // namespace tidegate
