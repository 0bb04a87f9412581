// A data thread: its loop, the forwards it serves, and what its connections share: one large buffer, a pool of pipes,
// its leases on quotas. Nothing here is shared with other data threads but what runtime.h names.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "forward/budget.h"
#include "forward/farewell.h"
#include "forward/loop.h"
#include "forward/pipes.h"
#include "forward/runtime.h"
#include "forward/udp_batch.h"
#include "model/sample.h"

namespace tidegate {

class TcpForward;
class UdpForward;

// What data threads tell the control thread. Called in the data thread: whoever gives these posts them on.
struct WorkerHooks {
  // A client waits for the forward's service; the first, and again each second while some wait.
  std::function<void(const std::string& forward, const Sample&)> wanted;
  // A quota of action cut has nothing left to lease; a datagram of `needed` bytes, or any byte (1), waits for more.
  std::function<void(const std::string& quota, std::uint64_t needed)> dry;
  // Something that an operator should know of; the same at most once in ten seconds. `client`: whom it was about, if
  // anybody; `what` does not name it, so that whoever shows it can hide it.
  std::function<void(const std::string& forward, const std::string& what, const IpAddress& client)> trouble;
};

// A listening socket of a forward, and which of its ports it is.
struct Listener {
  Fd fd;
  std::uint16_t port = 0;
  std::uint16_t nth = 0;  // of the forward's ports, from 0
  bool udp = false;
};

// What the parts of a worker use together.
class WorkerContext {
 public:
  static constexpr std::size_t kBuffer = DatagramReader::kBuffer;  // and more than a read of TCP
  static constexpr std::size_t kMostBacklog = 64 << 20;  // of all connections together, before reads become small

  WorkerContext(Loop& loop_, std::size_t index_, PipeBudget& budget, const WorkerHooks& hooks_)
      : loop{loop_}, index{index_}, hooks{hooks_}, pipes{budget}, farewells{loop_} {}

  Loop& loop;
  const std::size_t index;  // of the data thread
  const WorkerHooks& hooks;
  QuotaLeases leases;
  Pipes pipes;
  Farewells farewells;
  // For whoever reads just now. What of it was never filled takes no memory.
  const std::unique_ptr<std::byte[]> buffer = std::make_unique_for_overwrite<std::byte[]>(kBuffer);
  DatagramReader reader{std::span<std::byte, kBuffer>{buffer.get(), kBuffer}};
  DatagramSender sender;
  std::size_t backlog = 0;       // bytes read that their peers have not taken yet
  std::size_t bulk_streams = 0;  // that fill every read

  // Tells the control thread that the quota is dry, once until it has answered.
  void tell_dry(QuotaShare& quota, std::uint64_t needed);

  // Tells of trouble, the same at most once in ten seconds, whichever client it was about.
  void tell_trouble(const std::string& forward, const std::string& what, const IpAddress& client = {});

 private:
  std::unordered_map<std::string, Instant> told_;
};

// What the connections and sessions that were made under the same settings share on one data thread.
struct DataPlan {
  DataPlan(WorkerContext& context, std::shared_ptr<ForwardRuntime> runtime)
      : forward{std::move(runtime)},
        counters{*forward->counters[context.index]},
        budget{*forward, context.leases, counters} {}

  const std::shared_ptr<ForwardRuntime> forward;
  ForwardCounters& counters;
  Budget budget;
};

class Worker {
 public:
  // `budget` of pipes is shared with the other workers, `hooks` are called in this worker's thread. Starts the thread.
  [[nodiscard]] static Result<std::unique_ptr<Worker>> start(std::size_t index, PipeBudget& budget, WorkerHooks hooks);
  ~Worker();  // ends what is open, at once, and joins the thread

  // Everything from here on may be called by the control thread, takes effect in order, and returns at once.

  // Takes up a forward with listeners of its own, or more of them where it has it already; a forward of that name with
  // other settings is replaced: its connections and sessions go on under the old ones.
  void serve(std::shared_ptr<ForwardRuntime> forward, std::vector<Listener> listeners);

  // Closes those listeners of the forward, by descriptor; its connections go on.
  void close_listeners(std::string forward, std::vector<int> descriptors);

  // Ends a forward: its listeners, connections and sessions, at once. Its shared memory is free when `done` is called,
  // in the data thread.
  void remove(std::string forward, std::function<void()> done);

  // The phase in the forward's runtime has changed to ready: clients that wait go through.
  void phase_changed(std::string forward);

  // The start of the forward's service failed: clients that wait get their answer now.
  void turn_away(std::string forward);

  // Asks for the leases on the quota that are not in use; `done` is called, in the data thread, with what they held.
  void recall(std::shared_ptr<QuotaShare> quota, std::function<void(const LeasedBytes&)> done);

  // The quota has room again (`reached` false), or its last byte has been delivered (true, action cut): connections
  // that wait for it go on, or end.
  void quota_changed(std::shared_ptr<QuotaShare> quota);

 private:
  Worker(std::unique_ptr<Loop> loop, std::size_t index, PipeBudget& budget, WorkerHooks hooks);
  struct Served;
  [[nodiscard]] Served* find(const std::string& forward);

  std::unique_ptr<Loop> loop_;
  WorkerHooks hooks_;
  WorkerContext context_;
  std::unordered_map<std::string, std::unique_ptr<Served>> served_;
  std::thread thread_;
};

}  // namespace tidegate
