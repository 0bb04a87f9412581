#include "forward/worker.h"

#include <pthread.h>

#include <algorithm>

#include "forward/tcp.h"
#include "forward/udp.h"

namespace tidegate {

namespace {

constexpr Duration kTellAgain = std::chrono::seconds{10};
constexpr std::size_t kMostTold = 256;

}  // namespace

void WorkerContext::tell_dry(QuotaShare& quota, std::uint64_t needed) {
  if (!quota.dry.exchange(true, std::memory_order_relaxed)) hooks.dry(quota.key, needed);
}

void WorkerContext::tell_trouble(const std::string& forward, const std::string& what, const IpAddress& client) {
  const Instant now = loop.now().instant;
  if (told_.size() >= kMostTold) told_.clear();
  const auto [last, is_new] = told_.try_emplace(forward + ": " + what, now);
  if (!is_new && now < last->second + kTellAgain) return;
  last->second = now;
  hooks.trouble(forward, what, client);
}

// One forward on this thread.
struct Worker::Served {
  Served(WorkerContext& context, const std::shared_ptr<ForwardRuntime>& runtime) : forward{runtime} {
    if (carries_tcp(runtime->settings.protocol)) tcp = std::make_unique<TcpForward>(context, runtime);
    if (carries_udp(runtime->settings.protocol)) udp = std::make_unique<UdpForward>(context, runtime);
  }

  std::shared_ptr<ForwardRuntime> forward;
  std::unique_ptr<TcpForward> tcp;
  std::unique_ptr<UdpForward> udp;

  template <class Do>
  void each(Do what) {
    if (tcp) what(*tcp);
    if (udp) what(*udp);
  }
};

Result<std::unique_ptr<Worker>> Worker::start(std::size_t index, PipeBudget& budget, WorkerHooks hooks) {
  auto loop = Loop::make();
  if (!loop) return std::unexpected{std::move(loop.error())};
  std::unique_ptr<Worker> worker{new Worker{std::move(*loop), index, budget, std::move(hooks)}};
  worker->thread_ = std::thread{[self = worker.get(), index] {
    ::pthread_setname_np(::pthread_self(), fmt::format("data-{}", index).c_str());
    self->loop_->run();
    self->served_.clear();
    self->loop_->bury();
  }};
  return worker;
}

Worker::Worker(std::unique_ptr<Loop> loop, std::size_t index, PipeBudget& budget, WorkerHooks hooks)
    : loop_{std::move(loop)}, hooks_{std::move(hooks)}, context_{*loop_, index, budget, hooks_} {}

Worker::~Worker() {
  loop_->stop();
  if (thread_.joinable()) thread_.join();
}

Worker::Served* Worker::find(const std::string& forward) {
  const auto found = served_.find(forward);
  return found == served_.end() ? nullptr : found->second.get();
}

void Worker::serve(std::shared_ptr<ForwardRuntime> forward, std::vector<Listener> listeners) {
  // A std::function is copied, a listener is not: one owner, for the time of the message.
  auto given = std::make_shared<std::vector<Listener>>(std::move(listeners));
  loop_->post([this, forward = std::move(forward), given] {
    auto& served = served_[forward->settings.name];
    if (!served) {
      served = std::make_unique<Served>(context_, forward);
    } else if (served->forward != forward) {
      served->forward = forward;
      served->each([&](auto& part) { part.replace(forward); });
    }
    for (Listener& listener : *given) {
      listener.udp ? served->udp->add(std::move(listener)) : served->tcp->add(std::move(listener));
    }
  });
}

void Worker::close_listeners(std::string forward, std::vector<int> descriptors) {
  loop_->post([this, forward = std::move(forward), descriptors = std::move(descriptors)] {
    auto* const served = find(forward);
    if (served == nullptr) return;
    for (const int descriptor : descriptors) {
      served->each([&](auto& part) { part.close_listener(descriptor); });
    }
  });
}

void Worker::remove(std::string forward, std::function<void()> done) {
  loop_->post([this, forward = std::move(forward), done = std::move(done)] {
    served_.erase(forward);
    loop_->bury();  // no events are being handed out now
    done();
  });
}

void Worker::phase_changed(std::string forward) {
  loop_->post([this, forward = std::move(forward)] {
    auto* const served = find(forward);
    if (served == nullptr || served->forward->holds()) return;
    served->each([](auto& part) { part.release_waiting(); });
  });
}

void Worker::turn_away(std::string forward) {
  loop_->post([this, forward = std::move(forward)] {
    if (auto* const served = find(forward)) served->each([](auto& part) { part.turn_away(); });
  });
}

void Worker::recall(std::shared_ptr<QuotaShare> quota, std::function<void(const LeasedBytes&)> done) {
  loop_->post([this, quota = std::move(quota), done = std::move(done)] { done(context_.leases.of(quota).give_up()); });
}

void Worker::quota_changed(std::shared_ptr<QuotaShare> quota) {
  loop_->post([this, quota = std::move(quota)] {
    for (const auto& [name, served] : served_) {
      served->each([&](auto& part) { part.quota_changed(*quota); });
    }
  });
}

}  // namespace tidegate
