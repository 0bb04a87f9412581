// What alerts do when they are raised and when they recover: an event, commands, webhooks, services started, forwards
// slowed. Control thread only.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "action/child.h"
#include "action/webhook.h"
#include "alert/alert.h"
#include "base/error.h"
#include "daemon/tasks.h"
#include "model/event.h"
#include "model/watch.h"

namespace tidegate {

class AlertActions {
 public:
  static constexpr std::size_t kMostCommands = 32;                    // at one time
  static constexpr Duration kCommandTime = std::chrono::seconds{60};  // then it is killed

  struct Hooks {
    std::function<void(Event)> tell;
    std::function<void(const std::string& service, const std::string& alert)> start;
    // All of the forward's connections, to so many bytes per second; 0: no more.
    std::function<void(const std::string& forward, std::uint64_t rate)> throttle;
  };

  struct Counts {
    std::uint64_t commands = 0;           // that exited 0
    std::uint64_t commands_failed = 0;    // any other end, or none in time
    std::uint64_t commands_left_out = 0;  // too many ran already
    WebhookCounts webhooks;
  };

  // `dry_run`: commands and webhooks are only said.
  AlertActions(const boost::asio::any_io_executor& executor, bool dry_run, Hooks hooks)
      : hooks_{std::move(hooks)}, dry_run_{dry_run}, tasks_{executor} {}
  AlertActions(const AlertActions&) = delete;
  AlertActions& operator=(const AlertActions&) = delete;

  // Is ready for the webhooks of these watches, each URL with a queue of its own, and gives up those that none of them
  // names any more. All or nothing. The error: the certificates that are trusted cannot be read.
  [[nodiscard]] Result<> apply(const std::vector<WatchSettings>& watches);

  // An alert of the watch was raised or has recovered: tells it, and does what the alert is to do.
  void carry_out(const std::string& watch, const AlertSettings& alert, const AlertChange& change);

  // There is no such watch any more: what its raised alerts had slowed goes on as before.
  void forget(const std::string& watch);

  // Ends the commands and webhooks that are under way, and completes when none is left.
  [[nodiscard]] boost::asio::awaitable<void> close();

  [[nodiscard]] Counts counts() const;

 private:
  // What is to be delivered to one URL.
  struct Hook {
    std::shared_ptr<Webhook> webhook;  // the task that runs it is its other owner
    std::string task;
    std::string origin;  // what of the URL may be shown
  };
  using Hooked = std::map<AlertWebhook, Hook>;
  using Name = std::pair<std::string, std::string>;  // of the watch, and of the alert

  void act(const Name& name, const AlertChange& change, const AlertSettings& alert, const AlertCommand& command);
  void act(const Name& name, const AlertChange& change, const AlertSettings& alert, const AlertWebhook& webhook);
  void act(const Name& name, const AlertChange& change, const AlertSettings& alert, const AlertStart& start);
  void act(const Name& name, const AlertChange& change, const AlertSettings& alert, const AlertThrottle& throttle);
  [[nodiscard]] boost::asio::awaitable<void> run_command(Name name, ChildSettings settings);
  void give_up(const Hook& hook);
  void throttle_as_wanted();
  void trouble(const Name& name, const std::string& what);

  Hooks hooks_;
  bool dry_run_;
  Hooked webhooks_;
  std::uint64_t webhooks_made_ = 0;
  std::size_t commands_running_ = 0;
  std::map<Name, std::vector<AlertThrottle>> throttling_;  // by raised alerts
  std::map<std::string, std::uint64_t> throttled_;         // forwards, as the hook was told
  Counts counts_;                                          // its webhooks: those that were given up
  Tasks tasks_;
};

}  // namespace tidegate
