// The engine `user`: the data threads, and the forwards they serve. Lives on the control thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "forward/pipes.h"
#include "forward/runtime.h"
#include "forward/worker.h"
#include "model/sample.h"

namespace tidegate {

// What the engine tells, on the control thread.
struct EngineHooks {
  std::function<void(const std::string& forward, const Sample&)> wanted;    // see WorkerHooks
  std::function<void(const std::string& quota, std::uint64_t needed)> dry;  // see WorkerHooks
  // See WorkerHooks.
  std::function<void(const std::string& forward, const std::string& what, const IpAddress& client)> trouble;
  std::function<void(const std::string& forward, const std::string& target, bool up, const std::string& why)>
      target_changed;
  std::function<void(const Endpoint&)> check_speaks;  // a health check connects from there; see TargetWatch
};

// A forward as it is to be served.
struct ForwardPlan {
  ForwardSettings settings;
  std::vector<ForwardCounters*> counters;  // one a data thread, and the kernel's; they outlive the engine
  std::vector<std::shared_ptr<QuotaShare>> quotas;
};

class Engine {
 public:
  // Starts so many data threads. The error: the system has no room for them.
  [[nodiscard]] static Result<std::unique_ptr<Engine>> start(const boost::asio::any_io_executor& executor,
                                                             std::size_t threads, EngineHooks hooks);
  ~Engine();  // ends every connection and joins the threads
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Serves these forwards and no others, as a difference: connections and sessions of those that stay go on, also where
  // their settings change (then under the old ones); those of one that is left out end. All or nothing: where a
  // listener cannot be opened everything stays as it was, and the error says which.
  [[nodiscard]] Result<> apply(std::vector<ForwardPlan> plans);

  // Ends what apply() started in the background, so that nothing of it runs on: for the shutdown.
  [[nodiscard]] boost::asio::awaitable<void> close();

  [[nodiscard]] std::size_t threads() const { return workers_.size(); }

  // The forward as it is served now; null: there is none.
  [[nodiscard]] const std::shared_ptr<ForwardRuntime>* find(const std::string& name) const;

  // What its service is to the forward from now on; clients that wait go through when it is ready.
  void set_phase(const std::string& forward, ServicePhase phase);

  // Clients that wait get their answer now.
  void turn_away(const std::string& forward);

  // What a quota still had while its leases were called in.
  struct Recalled {
    std::uint64_t free = 0;  // at most, of the direction with less: left when it began, or held by a lease meanwhile
    std::uint64_t reserved = 0;  // on their way still
  };

  // Calls in all leases on the quota that are not in use. `done` comes on the control thread when every data thread has
  // given them. One that gave may have taken again by then, so a quota with nothing left is at its end only where
  // nothing was `free` either.
  void recall(const std::shared_ptr<QuotaShare>& quota, std::function<void(const Recalled&)> done);

  // See Worker::quota_changed().
  void quota_changed(const std::shared_ptr<QuotaShare>& quota);

 private:
  struct Served;
  using Open = std::vector<Listener>;

  Engine(const boost::asio::any_io_executor& executor, EngineHooks hooks);
  [[nodiscard]] Result<> open_listeners(const ForwardSettings& settings, const Served* old,
                                        std::vector<Open>& by_worker) const;
  [[nodiscard]] bool is_ours(const ForwardSettings& settings, std::uint16_t port, bool udp) const;

  boost::asio::any_io_executor executor_;
  std::shared_ptr<EngineHooks> hooks_;  // shared with messages on their way to the control thread
  PipeBudget pipes_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::map<std::string, std::unique_ptr<Served>> served_;
};

}  // namespace tidegate
