#include "daemon/alert_actions.h"

#include <algorithm>
#include <boost/asio.hpp>
#include <boost/json.hpp>
#include <utility>

#include "alert/report.h"
#include "api/json_text.h"
#include "base/log.h"
#include "base/units.h"
#include "host/within.h"
#include "observe/clock.h"

namespace tidegate {

namespace asio = boost::asio;

namespace {

// The coroutine's own share keeps the webhook until it has ended, also where it was given up meanwhile.
asio::awaitable<void> run(std::shared_ptr<Webhook> webhook) { co_await webhook->run(); }

std::string title_of(const std::pair<std::string, std::string>& name) {
  return fmt::format("{}/{}", name.first, name.second);
}

WebhookCounts& operator+=(WebhookCounts& sum, const WebhookCounts& counts) {
  sum.delivered += counts.delivered;
  sum.failed += counts.failed;
  sum.left_out += counts.left_out;
  return sum;
}

}  // namespace

Result<> AlertActions::apply(const std::vector<WatchSettings>& watches) {
  Hooked wanted;
  for (const auto& watch : watches) {
    for (const auto& alert : watch.alerts) {
      for (const auto& action : alert.actions) {
        if (const auto* const webhook = std::get_if<AlertWebhook>(&action)) wanted.try_emplace(*webhook);
      }
    }
  }
  for (auto& [webhook, hook] : wanted) {
    if (webhooks_.contains(webhook)) continue;
    auto parsed = HttpUrl::parse(webhook.url);
    if (!parsed) return failure("webhook: {}", parsed.error().what);
    hook.origin = parsed->origin();
    hook.task = fmt::format("webhook {} to {}", ++webhooks_made_, hook.origin);
    auto opened = Webhook::open(
        tasks_.executor(), {.url = std::move(*parsed), .ca_file = webhook.ca_file}, [this](const std::string& why) {
          hooks_.tell({.at = system_now().wall, .service = {}, .kind = EventKind::trouble, .text = why});
        });
    if (!opened) return std::unexpected{std::move(opened.error())};
    hook.webhook = std::move(*opened);
  }
  // From here on nothing fails.
  for (const auto& [webhook, hook] : webhooks_) {
    if (!wanted.contains(webhook)) give_up(hook);
  }
  for (auto& [webhook, hook] : wanted) {
    if (const auto kept = webhooks_.find(webhook); kept != webhooks_.end()) {
      hook = std::move(kept->second);
    } else {
      tasks_.spawn(hook.task, run(hook.webhook));
    }
  }
  webhooks_ = std::move(wanted);
  return {};
}

void AlertActions::give_up(const Hook& hook) {
  tasks_.cancel_named({hook.task});
  counts_.webhooks += hook.webhook->counts();
  const auto waiting = hook.webhook->waiting();
  if (waiting == 0) return;
  counts_.webhooks.left_out += waiting;
  hooks_.tell(
      {.at = system_now().wall,
       .service = {},
       .kind = EventKind::trouble,
       .text = fmt::format("{} messages to {} are given up: no alert names it any more", waiting, hook.origin)});
}

void AlertActions::carry_out(const std::string& watch, const AlertSettings& alert, const AlertChange& change) {
  hooks_.tell({.at = change.at.wall,
               .service = watch,
               .kind = change.raised ? EventKind::alert_raised : EventKind::alert_recovered,
               .text = alert_text(alert, change)});
  const Name name{watch, alert.name};
  throttling_.erase(name);
  for (const auto& action : alert.actions) {
    std::visit([&](const auto& one) { act(name, change, alert, one); }, action);
  }
  throttle_as_wanted();
}

void AlertActions::forget(const std::string& watch) {
  std::erase_if(throttling_, [&](const auto& entry) { return entry.first.first == watch; });
  throttle_as_wanted();
}

// --- commands

void AlertActions::act(const Name& name, const AlertChange& change, const AlertSettings& alert,
                       const AlertCommand& command) {
  const auto label = "alert " + title_of(name);
  if (dry_run_) return log::info("{}: dry run: would run: {}", label, command.command);
  if (commands_running_ >= kMostCommands) {
    ++counts_.commands_left_out;
    return trouble(name, fmt::format("its command was left out: {} run already", commands_running_));
  }
  ++commands_running_;
  tasks_.spawn(label + ": command", run_command(name, {.command = Command::shell(command.command),
                                                       .environment = alert_environment(name.first, alert, change),
                                                       .label = label}));
}

asio::awaitable<void> AlertActions::run_command(Name name, ChildSettings settings) {
  struct Leave {
    std::size_t& running;
    ~Leave() { --running; }
  } const at_the_end{commands_running_};
  const auto child = Child::spawn(tasks_.executor(), std::move(settings));
  std::string fault;
  if (!child) {
    fault = child.error().what;
  } else {
    std::optional<ExitStatus> status;
    try {
      status = co_await within(kCommandTime, (*child)->wait());
    } catch (...) {  // nobody waits for it any more
      (*child)->kill();
      throw;
    }
    if (!status) {
      (*child)->kill();
      co_await within(kKillTime, (*child)->wait());
      fault = fmt::format("had not ended after {} and was killed", format_duration(kCommandTime));
    } else if (!status->ok()) {
      fault = status->to_string();
    }
  }
  ++(fault.empty() ? counts_.commands : counts_.commands_failed);
  if (!fault.empty()) trouble(name, "its command " + fault);
}

// --- the others

void AlertActions::act(const Name& name, const AlertChange& change, const AlertSettings& alert,
                       const AlertWebhook& webhook) {
  const auto hook = webhooks_.find(webhook);
  if (hook == webhooks_.end()) return;
  if (dry_run_) return log::info("alert {}: dry run: would post to {}", title_of(name), hook->second.origin);
  hook->second.webhook->post(json_text(alert_json(name.first, alert, change)));
}

void AlertActions::act(const Name& name, const AlertChange& change, const AlertSettings& /*alert*/,
                       const AlertStart& start) {
  if (change.raised) hooks_.start(start.service, title_of(name));
}

void AlertActions::act(const Name& name, const AlertChange& change, const AlertSettings& /*alert*/,
                       const AlertThrottle& throttle) {
  if (change.raised) throttling_[name].push_back(throttle);
}

// Where several alerts slow one forward, the smallest rate counts.
void AlertActions::throttle_as_wanted() {
  std::map<std::string, std::uint64_t> wanted;
  for (const auto& [name, throttles] : throttling_) {
    for (const auto& throttle : throttles) {
      const auto [rate, first] = wanted.try_emplace(throttle.forward, throttle.to);
      if (!first) rate->second = std::min(rate->second, throttle.to);
    }
  }
  for (const auto& [forward, rate] : throttled_) {
    if (!wanted.contains(forward)) hooks_.throttle(forward, 0);
  }
  for (const auto& [forward, rate] : wanted) {
    const auto before = throttled_.find(forward);
    if (before == throttled_.end() || before->second != rate) hooks_.throttle(forward, rate);
  }
  throttled_ = std::move(wanted);
}

void AlertActions::trouble(const Name& name, const std::string& what) {
  hooks_.tell({.at = system_now().wall,
               .service = name.first,
               .kind = EventKind::trouble,
               .text = fmt::format("alert {}: {}", name.second, what)});
}

asio::awaitable<void> AlertActions::close() {
  tasks_.cancel();
  co_await tasks_.join();
}

AlertActions::Counts AlertActions::counts() const {
  auto counts = counts_;
  for (const auto& [webhook, hook] : webhooks_) counts.webhooks += hook.webhook->counts();
  return counts;
}

}  // namespace tidegate
