#include "forward/engine.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <ranges>
#include <set>

#include "forward/resolver.h"

namespace tidegate {

namespace asio = boost::asio;

namespace {

// Whether a listener of the one serves the other as well, where its port is among them.
bool same_place(const ForwardSettings& a, const ForwardSettings& b) {
  return a.listen.address == b.listen.address && a.listen.unix_path == b.listen.unix_path &&
         a.transparent == b.transparent;
}

// Of so many ports each data thread has a listener of its own (SO_REUSEPORT); of more, the ports are dealt out.
constexpr std::size_t kMostSharedPorts = 64;

}  // namespace

struct Engine::Served {
  // A listening socket that a worker has.
  struct Held {
    std::size_t worker = 0;
    int descriptor = -1;
    std::uint16_t port = 0;
    bool udp = false;
  };

  std::shared_ptr<ForwardRuntime> runtime;
  std::vector<Held> listeners;
  std::unique_ptr<TargetWatch> watch;
};

Result<std::unique_ptr<Engine>> Engine::start(const asio::any_io_executor& executor, std::size_t threads,
                                              EngineHooks hooks) {
  std::unique_ptr<Engine> engine{new Engine{executor, std::move(hooks)}};
  // A data thread's call becomes a message to the control thread, which may come when the engine has gone.
  const auto told = [executor, shared = engine->hooks_](auto member) {
    return [executor, shared, member](const auto&... what) {
      asio::post(executor, [shared, member, what...] { ((*shared).*member)(what...); });
    };
  };
  for (std::size_t i = 0; i < threads; ++i) {
    auto worker = Worker::start(
        i, engine->pipes_,
        {.wanted = told(&EngineHooks::wanted), .dry = told(&EngineHooks::dry), .trouble = told(&EngineHooks::trouble)});
    if (!worker) return std::unexpected{std::move(worker.error())};
    engine->workers_.push_back(std::move(*worker));
  }
  return engine;
}

Engine::Engine(const asio::any_io_executor& executor, EngineHooks hooks)
    : executor_{executor}, hooks_{std::make_shared<EngineHooks>(std::move(hooks))} {}

Engine::~Engine() = default;

const std::shared_ptr<ForwardRuntime>* Engine::find(const std::string& name) const {
  const auto found = served_.find(name);
  return found == served_.end() ? nullptr : &found->second->runtime;
}

// A port that one of our own forwards has may be taken over by another one.
bool Engine::is_ours(const ForwardSettings& settings, std::uint16_t port, bool udp) const {
  return std::ranges::any_of(served_, [&](const auto& entry) {
    const auto& [name, served] = entry;
    return served->runtime->settings.listen.is_unix() == settings.listen.is_unix() &&
           std::ranges::any_of(served->listeners,
                               [&](const Served::Held& held) { return held.port == port && held.udp == udp; });
  });
}

// Opens what the settings want and `old` has not, sorted by the worker that gets it.
Result<> Engine::open_listeners(const ForwardSettings& settings, const Served* old,
                                std::vector<Open>& by_worker) const {
  by_worker.clear();
  by_worker.resize(workers_.size());
  const ListenAddress& listen = settings.listen;
  std::set<std::pair<bool, std::uint16_t>> there;
  if (old != nullptr && same_place(old->runtime->settings, settings)) {
    for (const auto& held : old->listeners) there.emplace(held.udp, held.port);
  }
  for (const bool udp : {false, true}) {
    if (!carries(settings.protocol, udp)) continue;
    for (std::size_t nth = 0; nth < listen.ports(); ++nth) {
      const auto port = static_cast<std::uint16_t>(listen.first + nth);
      if (there.contains({udp, port})) continue;
      if (!listen.is_unix() && !is_ours(settings, port, udp)) {
        if (const auto free = check_free(listen, port, udp ? SOCK_DGRAM : SOCK_STREAM); !free) return free;
      }
      const bool shared = listen.ports() <= kMostSharedPorts && !listen.is_unix();
      for (std::size_t copy = 0; copy < (shared ? workers_.size() : 1); ++copy) {
        auto fd = listen.is_unix() ? listen_unix(listen.unix_path)
                  : udp            ? bind_udp(listen, port, true)
                                   : listen_tcp(listen, port, true, settings.transparent);
        if (!fd) return std::unexpected{std::move(fd.error())};
        by_worker[shared ? copy : nth % workers_.size()].push_back(
            {.fd = std::move(*fd), .port = port, .nth = static_cast<std::uint16_t>(nth), .udp = udp});
      }
    }
  }
  return {};
}

Result<> Engine::apply(std::vector<ForwardPlan> plans) {
  // First what can fail: every new socket.
  std::vector<std::vector<Open>> opened(plans.size());
  for (std::size_t i = 0; i < plans.size(); ++i) {
    const auto old = served_.find(plans[i].settings.name);
    const auto done = open_listeners(plans[i].settings, old == served_.end() ? nullptr : old->second.get(), opened[i]);
    if (!done) return failure("forward \"{}\": {}", plans[i].settings.name, done.error().what);
  }

  std::set<std::string> wanted;
  for (const auto& plan : plans) wanted.insert(plan.settings.name);
  for (auto entry = served_.begin(); entry != served_.end();) {
    const auto& [name, served] = *entry;
    if (wanted.contains(name)) {
      ++entry;
      continue;
    }
    // The runtime lives until the last data thread has let it go.
    for (const auto& worker : workers_) worker->remove(name, [runtime = served->runtime] {});
    entry = served_.erase(entry);
  }

  for (std::size_t i = 0; i < plans.size(); ++i) {
    ForwardPlan& plan = plans[i];
    auto& served = served_[plan.settings.name];
    if (!served) served = std::make_unique<Served>();
    const auto before = served->runtime;
    if (before && before->settings == plan.settings && before->quotas == plan.quotas) continue;

    const auto life = before ? before->life : std::make_shared<ForwardLife>();
    served->runtime = std::make_shared<ForwardRuntime>(std::move(plan.settings), life, std::move(plan.counters),
                                                       std::move(plan.quotas));
    const auto& settings = served->runtime->settings;
    if (before && before->settings.service == settings.service) served->runtime->phase = before->phase.load();
    served->watch = std::make_unique<TargetWatch>(
        executor_, served->runtime,
        [hooks = hooks_, name = settings.name](const std::string& target, bool up, const std::string& why) {
          hooks->target_changed(name, target, up, why);
        },
        [hooks = hooks_](const Endpoint& from) {
          if (hooks->check_speaks) hooks->check_speaks(from);
        });

    // What is open and not wanted any more is closed after the new is served.
    const ListenAddress& listen = settings.listen;
    const bool same = before && same_place(before->settings, settings);
    std::vector<std::vector<int>> closing(workers_.size());
    std::erase_if(served->listeners, [&](const Served::Held& held) {
      const bool wants = carries(settings.protocol, held.udp);
      if (same && wants && held.port >= listen.first && held.port <= listen.last) return false;
      closing[held.worker].push_back(held.descriptor);
      return true;
    });
    for (std::size_t w = 0; w < workers_.size(); ++w) {
      for (const Listener& listener : opened[i][w]) {
        served->listeners.push_back(
            {.worker = w, .descriptor = listener.fd.get(), .port = listener.port, .udp = listener.udp});
      }
      workers_[w]->serve(served->runtime, std::move(opened[i][w]));
      if (!closing[w].empty()) workers_[w]->close_listeners(settings.name, std::move(closing[w]));
    }
  }
  return {};
}

asio::awaitable<void> Engine::close() {
  for (const auto& [name, served] : served_) {
    if (served->watch) co_await served->watch->close();
  }
}

void Engine::set_phase(const std::string& forward, ServicePhase phase) {
  const auto found = served_.find(forward);
  if (found == served_.end() || found->second->runtime->phase.exchange(phase) == phase) return;
  if (phase != ServicePhase::ready) return;
  for (const auto& worker : workers_) worker->phase_changed(forward);
}

void Engine::turn_away(const std::string& forward) {
  for (const auto& worker : workers_) worker->turn_away(forward);
}

void Engine::recall(const std::shared_ptr<QuotaShare>& quota, std::function<void(const Recalled&)> done) {
  struct Answers {
    std::size_t missing;  // of all messages
    LeasedBytes all;      // what is left counted to it
    std::function<void(const Recalled&)> done;
  };
  auto answers = std::make_shared<Answers>(Answers{.missing = workers_.size(),
                                                   .all = {.up = left_of(quota->up), .down = left_of(quota->down)},
                                                   .done = std::move(done)});
  for (const auto& worker : workers_) {
    worker->recall(quota, [executor = executor_, answers](const LeasedBytes& leased) {
      asio::post(executor, [answers, leased] {
        auto& all = answers->all;
        all.up += leased.up;
        all.down += leased.down;
        all.reserved += leased.reserved;
        if (--answers->missing == 0) answers->done({.free = std::min(all.up, all.down), .reserved = all.reserved});
      });
    });
  }
}

void Engine::quota_changed(const std::shared_ptr<QuotaShare>& quota) {
  for (const auto& worker : workers_) worker->quota_changed(quota);
}

}  // namespace tidegate
