// What the control thread does for the targets of a forward: looks up their names again and again, and checks by
// connecting to them whether they are there.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/time.h"
#include "forward/runtime.h"

namespace tidegate {

// How often names are looked up.
struct LookupTimes {
  Duration every = std::chrono::seconds{30};
  Duration look = std::chrono::seconds{1};    // at whether a failure, or a name without an address, asks for it earlier
  Duration apart = std::chrono::seconds{2};   // two look-ups, at least
  Duration limit = std::chrono::seconds{10};  // of one
};

// The failures and answers in a row of one checked target.
class CheckRecord {
 public:
  // Takes the outcome of a check in. Gives the new state where it changed by that: up or not.
  std::optional<bool> take(bool answered, const HealthCheck& check);

 private:
  bool up_ = true;
  std::uint32_t in_a_row_ = 0;  // outcomes against the present state
};

// Starts at once; the names are looked up at once. A forward of literals and without a check has nothing to be done.
// Everything here belongs to the executor's thread.
class TargetWatch {
 public:
  // A target is up or down from now on, and why: "db.example.net:5432", false, "connect 192.0.2.1:5432: Connection
  // refused". By the checks, or because its name has no address.
  using Report = std::function<void(const std::string& target, bool up, const std::string& reason)>;

  // A check connects from this endpoint; told before its first packet leaves.
  using Speaks = std::function<void(const Endpoint&)>;

  TargetWatch(const boost::asio::any_io_executor& executor, std::shared_ptr<ForwardRuntime> forward, Report report,
              Speaks speaks = {}, LookupTimes times = {});
  TargetWatch(const TargetWatch&) = delete;
  TargetWatch& operator=(const TargetWatch&) = delete;
  ~TargetWatch();  // as close(), without waiting: nothing is reported or changed from then on

  // Cancels what is under way, and completes when all of it has ended. Once.
  boost::asio::awaitable<void> close();

 private:
  class Work;
  // Owned by this and by each of its coroutines, which may end after this.
  std::shared_ptr<Work> work_;
};

}  // namespace tidegate
