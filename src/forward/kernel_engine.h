// The engine `kernel`: forwards that nf_tables carries, of which this keeps the rules as they are to be, reads what
// they counted, and ends connections that are to end. Lives on the control thread; no byte comes by here.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "forward/engine.h"
#include "forward/kernel_host.h"
#include "forward/kernel_rules.h"
#include "forward/resolver.h"
#include "netfilter/objects.h"

namespace tidegate {

struct KernelEngineHooks {
  std::function<ForwardTotals(const std::string& forward)> totals;  // what the books say that it has carried
  std::function<void()> count;  // the counters have been read: the books and what is left of quotas follow
  std::function<void(const std::string& quota)> over;  // a packet had no room in a quota of action cut
  std::function<void(const std::string& forward, std::string what)> trouble;  // `forward` is empty: of all of them
  std::function<void(const std::string& forward, const std::string& target, bool up, const std::string& why)>
      target_changed;
  std::function<void(const Endpoint&)> check_speaks;  // see EngineHooks
};

class KernelEngine {
 public:
  KernelEngine(const boost::asio::any_io_executor& executor, KernelEngineHooks hooks);
  ~KernelEngine();  // leaves the rules as they are; see close()
  KernelEngine(const KernelEngine&) = delete;
  KernelEngine& operator=(const KernelEngine&) = delete;

  // What is to be served, and no others, as a difference; of each plan the last cell of its counters is this engine's.
  // prepare() finds out whether it can be: the host's settings (which it sets where `manage_sysctl` allows it), and the
  // kernel's opinion of the rules; nothing of the forwards has changed after it. commit() does it; `books` is called in
  // the middle, when those that leave have been counted for the last time, and is to take up those that are new. What
  // an earlier life has left goes on where it is the same forward, and what was counted meanwhile is counted.
  [[nodiscard]] Result<> prepare(std::vector<ForwardPlan> plans, bool manage_sysctl);
  void commit(const std::function<void()>& books);

  // For a daemon without forwards: removes what an earlier life has left of them.
  static void remove_leftovers();

  // Reads the counters into the cells. Puts back the rules where somebody has removed them. Often; cheap.
  void count();

  // Follows what has changed since: quotas, addresses of names, health of targets. After count() and hooks.count.
  void settle();

  // Looks at the tracked connections: how many are open, and whether those that were to end have. Each second or two.
  void look_at_connections();

  // The quota has room again, or is reached, or another number; the rules follow with the next settle().
  void quota_changed(const QuotaShare& quota);

  // Slows the forward, see Forwards::throttle(); 0: no more.
  void throttle(const std::string& forward, std::uint64_t bytes_per_second);

  void set_phase(const std::string& forward, ServicePhase phase);

  // Null: there is none of that name.
  [[nodiscard]] const std::shared_ptr<ForwardRuntime>* find(const std::string& name) const;
  // Ends all connections, counts the last of them, and removes the rules and what was set of the host.
  [[nodiscard]] boost::asio::awaitable<void> close();

 private:
  struct Served;
  using All = std::map<std::string, std::unique_ptr<Served>>;
  // The objects of a quota as they are in the rules.
  struct HeldQuota {
    std::uint32_t generation = 0;
    std::map<std::string, std::uint64_t> numbers;  // by direction
  };
  struct Next {
    All served;
    std::set<std::uint16_t> ending;  // numbers that none of them has any more
  };

  [[nodiscard]] Result<> claim();
  [[nodiscard]] std::unique_ptr<Served> draft(ForwardPlan plan);
  [[nodiscard]] std::uint16_t number_for(const ForwardSettings& settings, bool udp, const Served* old);
  [[nodiscard]] std::uint16_t new_number();
  [[nodiscard]] Result<> allow(const KernelForward& forward, bool manage_sysctl);
  void book(Served& served, const std::map<std::string, CounterValue>& counters);
  void follow_targets(Served& served);
  void follow_quotas(Served& served, const std::map<std::string, QuotaValue>& quotas);
  void end(Served& served);
  void renew_quotas();
  void find_overruns(const std::map<std::string, QuotaValue>& quotas);
  void watch_targets(const std::string& name, Served& served);
  [[nodiscard]] RuleSet rules(const All& served, const std::set<std::uint16_t>& ending = {}) const;
  void write();
  void update();
  void restore();
  void undo_host_settings();
  void tell_trouble(const std::string& what);

  boost::asio::any_io_executor executor_;
  KernelEngineHooks hooks_;
  Fd claim_;
  All served_;
  std::optional<Next> next_;
  RuleSet current_;                             // as the kernel has them
  std::string forgets_;                         // what an earlier life left in maps; see FoundRules
  std::map<std::string, std::uint16_t> found_;  // of an earlier life: numbers, by settings
  std::map<std::string, HeldQuota> held_;       // by key
  std::set<std::string> renewed_;               // keys of quotas that have changed
  std::map<std::uint16_t, Instant> ended_;      // numbers whose connections are to end, and since when
  std::uint16_t last_number_ = 0;
  bool manage_sysctl_ = false;
  std::set<HostSetting> set_here_;
  std::set<std::string> told_;  // trouble that lasts
};

}  // namespace tidegate
