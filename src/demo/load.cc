#include "demo/load.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/fd.h"
#include "demo/load_connection.h"

namespace tidegate::demo {

namespace {

// Where it would ask again at once, a connection that failed is not asked for so long.
constexpr Duration kRest = std::chrono::milliseconds{100};
constexpr std::uint64_t kPages = 100;  // of a section

}  // namespace

std::uint64_t LoadReport::failed() const {
  return std::accumulate(failures.begin(), failures.end(), std::uint64_t{},
                         [](std::uint64_t sum, const auto& failure) { return sum + failure.second; });
}

// Beats when the next request is due: the loop's own timers are coarser, a millisecond.
class Load::Metronome final : public Watched {
 public:
  Metronome(Load& load, Fd timer) : load_{load}, timer_{std::move(timer)} {}

  [[nodiscard]] Result<> begin() { return load_.loop_.watch(timer_.get(), EPOLLIN, *this); }

  void set(Instant beat) {
    if (beat == beat_) return;
    beat_ = beat;
    const auto since_boot = beat.time_since_epoch();  // CLOCK_MONOTONIC's
    const auto second = std::chrono::floor<std::chrono::seconds>(since_boot);
    const itimerspec at{.it_interval = {},
                        .it_value = {.tv_sec = second.count(), .tv_nsec = (since_boot - second).count()}};
    ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &at, nullptr);
  }

 private:
  void on_events(std::uint32_t) override {
    std::uint64_t beats = 0;
    [[maybe_unused]] const auto got = ::read(timer_.get(), &beats, sizeof beats);
    load_.pump();
  }

  Load& load_;
  Fd timer_;
  Instant beat_;
};

Load::Load(Loop& loop, LoadSettings settings, Hooks hooks)
    : loop_{loop},
      settings_{std::move(settings)},
      hooks_{std::move(hooks)},
      began_{std::chrono::steady_clock::now()},
      schedule_{settings_.profile, began_},
      random_{settings_.seed} {
  connections_.reserve(settings_.connections);
  for (std::size_t i = 0; i < settings_.connections; ++i) {
    connections_.push_back(std::make_unique<Connection>(*this));
    free_.push_back(connections_.back().get());
  }
}

Load::~Load() { loop_.cancel(*this); }

Result<std::unique_ptr<Load>> Load::start(Loop& loop, LoadSettings settings, Hooks hooks) {
  Fd timer{::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)};
  if (!timer) return system_failure("timerfd_create");
  std::unique_ptr<Load> load{new Load{loop, std::move(settings), std::move(hooks)}};
  load->metronome_ = std::make_unique<Metronome>(*load, std::move(timer));
  if (auto begun = load->metronome_->begin(); !begun) return std::unexpected{std::move(begun.error())};
  load->metronome_->set(load->began_);
  loop.arm(*load, load->began_ + load->settings_.profile.length() + load->settings_.timeout);
  return load;
}

std::string Load::next_request() {
  const auto& section = settings_.sections[random_() % settings_.sections.size()];
  return fmt::format("GET /{}/index.html{} HTTP/1.1\r\nHost: {}\r\nUser-Agent: tidegate-demo\r\nAccept: */*\r\n\r\n",
                     section, requests_++ % kPages, settings_.host);
}

// Sends what is due, as far as there are connections free, and has itself called when the next request is.
void Load::pump() {
  if (ended_ || std::exchange(pumping_, true)) return;
  const auto now = loop_.now().instant;
  while (true) {
    const auto next = schedule_.next(now);
    if (!next) {
      if (busy_ == 0) end();
      break;
    }
    if (next->due > now) {
      metronome_->set(next->due);
      break;
    }
    if (free_.empty()) break;
    auto& connection = *free_.front();
    free_.pop_front();
    ++busy_;
    schedule_.advance();
    connection.ask(next->due, next_request());
  }
  pumping_ = false;
}

void Load::answered(Connection& connection, const Answer& answer) {
  const auto latency = std::max(loop_.now().instant - answer.due, Duration::zero());
  ++report_.answered;
  ++report_.statuses[answer.status];
  report_.bytes += answer.bytes;
  report_.latencies.add(latency);
  report_.longest = std::max(report_.longest, latency);
  if (hooks_.on_answer) hooks_.on_answer(answer.payload);
  --busy_;
  free_.push_back(&connection);
  pump();
}

void Load::failed(Connection& connection, const std::string& reason) {
  ++report_.failures[reason];
  --busy_;
  const auto next = schedule_.next(loop_.now().instant);
  if (next && !next->paced) {
    connection.rest(kRest);
  } else {
    free_.push_back(&connection);
  }
  pump();
}

void Load::rested(Connection& connection) {
  free_.push_back(&connection);
  pump();
}

void Load::on_time() {
  if (const auto left = schedule_.left(); left > 0) report_.failures["there was no connection free in time"] += left;
  schedule_.abandon();
  pump();
}

void Load::interrupt() {
  if (ended_) return;
  report_.interrupted = true;
  schedule_.abandon();
  for (const auto& connection : connections_) {
    if (connection->drop()) ++report_.failures["interrupted"];
  }
  end();
}

void Load::end() {
  if (std::exchange(ended_, true)) return;
  loop_.cancel(*this);
  report_.took = loop_.now().instant - began_;
  if (hooks_.on_end) hooks_.on_end();
}

}  // namespace tidegate::demo
