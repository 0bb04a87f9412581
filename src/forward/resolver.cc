#include "forward/resolver.h"

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <list>
#include <random>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/units.h"
#include "host/look_up.h"
#include "host/within.h"

namespace tidegate {

namespace asio = boost::asio;

namespace {

// Opens a connection to `address` and closes it again.
asio::awaitable<Result<>> try_connect(SocketAddress address, std::string what, Duration limit,
                                      const TargetWatch::Speaks& speaks) {
  using Stream = asio::generic::stream_protocol;
  using asio::experimental::awaitable_operators::operator||;
  const auto executor = co_await asio::this_coro::executor;
  Stream::socket socket{executor};
  asio::steady_timer timer{executor, limit};
  const Stream::endpoint endpoint{address.get(), address.size()};
  boost::system::error_code unopened;
  socket.open(endpoint.protocol(), unopened);
  if (unopened) co_return system_failure("connect " + what, unopened.value());
  if (address.family() != AF_UNIX) {
    const auto local = bind_towards(socket.native_handle(), address);
    if (!local) co_return std::unexpected{local.error()};
    if (speaks) speaks(*local);
  }
  const auto first = co_await (socket.async_connect(endpoint, kAsTuple) || timer.async_wait(kAsTuple));
  if (first.index() == 1) co_return failure("connect {}: no answer within {}", what, format_duration(limit));
  const auto [error] = std::get<0>(first);
  if (error) co_return system_failure("connect " + what, error.value());
  // On this host's own addresses a closed port of the ephemeral range may be met by its own connection.
  boost::system::error_code unknown;
  if (socket.local_endpoint(unknown) == endpoint) co_return system_failure("connect " + what, ECONNREFUSED);
  co_return Result<>{};
}

asio::awaitable<void> pause(Duration duration) {
  asio::steady_timer timer{co_await asio::this_coro::executor, duration};
  co_await timer.async_wait(asio::use_awaitable);
}

}  // namespace

std::optional<bool> CheckRecord::take(bool answered, const HealthCheck& check) {
  if (answered == up_) {
    in_a_row_ = 0;
    return std::nullopt;
  }
  if (++in_a_row_ < (up_ ? check.fall : check.rise)) return std::nullopt;
  in_a_row_ = 0;
  up_ = answered;
  return up_;
}

class TargetWatch::Work : public std::enable_shared_from_this<Work> {
 public:
  Work(const asio::any_io_executor& executor, std::shared_ptr<ForwardRuntime> forward, Report report, Speaks speaks,
       LookupTimes times)
      : executor_{executor},
        forward_{std::move(forward)},
        report_{std::move(report)},
        speaks_{std::move(speaks)},
        times_{times},
        random_{std::random_device{}()},
        ended_{executor, asio::steady_timer::time_point::max()} {}

  void start() {
    const auto all = forward_->targets.all();
    for (std::size_t i = 0; i < all.size(); ++i) {
      const Target& target = all[i]->settings;
      if (!target.is_unix() && !IpAddress::parse(target.host)) named_.push_back({.index = i});
    }
    if (!named_.empty()) spawn("names", keep_names());
    if (!forward_->settings.check) return;
    for (std::size_t i = 0; i < all.size(); ++i) spawn("check", keep_checking(i));
  }

  void stop() {
    if (std::exchange(stopped_, true)) return;
    for (auto& signal : signals_) signal.emit(asio::cancellation_type::terminal);
  }

  asio::awaitable<void> wait_for_end() {
    while (running_ > 0) co_await ended_.async_wait(kAsTuple);
  }

 private:
  struct Named {
    std::size_t index = 0;
    bool missing = false;  // it has no address, and that was reported
  };

  void spawn(std::string_view name, asio::awaitable<void> task) {
    ++running_;
    auto& signal = signals_.emplace_back();
    asio::co_spawn(
        executor_, std::move(task),
        asio::bind_cancellation_slot(
            signal.slot(), [self = shared_from_this(), what = fmt::format("{}: {}", forward_->settings.name, name)](
                               const std::exception_ptr& thrown) { self->ended(what, thrown); }));
  }

  void ended(const std::string& what, const std::exception_ptr& thrown) {
    --running_;
    ended_.cancel();
    try {
      if (thrown) std::rethrow_exception(thrown);
    } catch (const std::exception& e) {
      if (!stopped_) log::error("{}: {}", what, e.what());
    }
  }

  void report(std::size_t index, bool up, const std::string& reason) const {
    if (!stopped_ && report_) report_(text_of(index), up, reason);
  }

  [[nodiscard]] const Target& target(std::size_t index) const { return forward_->targets.all()[index]->settings; }
  [[nodiscard]] std::string text_of(std::size_t index) const { return target(index).to_string(); }

  // --- names

  asio::awaitable<void> keep_names() {
    while (!stopped_) {
      const auto began = std::chrono::steady_clock::now();
      for (auto& named : named_) co_await refresh(named);
      while (!is_time(std::chrono::steady_clock::now() - began)) co_await pause(times_.look);
    }
  }

  [[nodiscard]] bool is_time(Duration since) {
    if (since < times_.apart) return false;
    const bool missing = std::ranges::any_of(named_, &Named::missing);
    const bool stale = forward_->targets.take_stale();
    return since >= times_.every || missing || stale;
  }

  asio::awaitable<void> refresh(Named& named) {
    const auto found = co_await look_up(target(named.index).host, times_.limit, Targets::kMostAddresses);
    if (stopped_) co_return;
    if (found) {
      std::vector<IpAddress> addresses;
      for (const auto& address : *found) addresses.push_back(ip_address_of(address));
      forward_->targets.set_addresses(named.index, std::move(addresses));
      if (std::exchange(named.missing, false)) report(named.index, true, "its name was found");
    } else if (!named.missing && forward_->targets.addresses(named.index).empty()) {
      named.missing = true;
      report(named.index, false, found.error().what);
    }
  }

  // --- checks

  // A tenth more or less, so that many forwards do not check at the same moment.
  [[nodiscard]] Duration about(Duration duration) {
    std::uniform_real_distribution<double> factor{0.9, 1.1};
    return std::chrono::duration_cast<Duration>(duration * factor(random_));
  }

  asio::awaitable<void> keep_checking(std::size_t index) {
    const HealthCheck& check = *forward_->settings.check;
    auto& state = *forward_->targets.all()[index];
    CheckRecord record;
    co_await pause(
        std::chrono::duration_cast<Duration>(check.every * std::uniform_real_distribution<double>{}(random_)));
    while (!stopped_) {
      // Our own connections would keep a service from sleeping, or wake it; and what was found before it slept says
      // nothing of it when it is back.
      if (forward_->holds()) {
        record = {};
        state.checked_down = false;
      } else {
        const auto answer = co_await ask(index, check.timeout);
        if (stopped_) co_return;
        const bool says_something = answer || !is_shortage(answer.error().code);
        if (says_something && !forward_->holds()) take(index, record, answer);
      }
      co_await pause(about(check.every));
    }
  }

  void take(std::size_t index, CheckRecord& record, const Result<>& answer) {
    const auto changed = record.take(answer.has_value(), *forward_->settings.check);
    if (!changed) return;
    forward_->targets.all()[index]->checked_down = !*changed;
    if (*changed) forward_->targets.connected(index);  // no mark of clients' failures outlives it
    report(index, *changed, *changed ? "it answers the check" : answer.error().what);
  }

  // Each address in turn, with a share of the time that is left. The error is that of the first.
  asio::awaitable<Result<>> ask(std::size_t index, Duration limit) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    const auto& settings = target(index);
    auto addresses = forward_->targets.addresses(index);
    if (settings.is_unix()) addresses.emplace_back();
    std::optional<Error> first;
    for (auto left = static_cast<Duration::rep>(addresses.size()); const auto& ip : addresses) {
      const auto address = target_address(settings, ip, forward_->settings.listen.first, 0);
      const Duration share = (deadline - std::chrono::steady_clock::now()) / left--;
      if (share <= Duration::zero()) break;
      const std::string what = settings.is_unix() ? text_of(index) : address.endpoint().to_string();
      const auto connected = co_await try_connect(address, what, share, speaks_);
      if (connected) co_return connected;
      if (!first) first = connected.error();
    }
    if (!first) co_return failure("{} has no address", text_of(index));
    co_return std::unexpected{std::move(*first)};
  }

  asio::any_io_executor executor_;
  const std::shared_ptr<ForwardRuntime> forward_;  // also of the data threads and the daemon
  const Report report_;
  const Speaks speaks_;
  const LookupTimes times_;
  std::minstd_rand random_;
  std::vector<Named> named_;
  std::list<asio::cancellation_signal> signals_;  // one for each task
  std::size_t running_ = 0;
  asio::steady_timer ended_;  // never expires: cancelled when a task has ended
  bool stopped_ = false;
};

TargetWatch::TargetWatch(const asio::any_io_executor& executor, std::shared_ptr<ForwardRuntime> forward, Report report,
                         Speaks speaks, LookupTimes times)
    : work_{std::make_shared<Work>(executor, std::move(forward), std::move(report), std::move(speaks), times)} {
  work_->start();
}

TargetWatch::~TargetWatch() { work_->stop(); }

asio::awaitable<void> TargetWatch::close() {
  const auto work = work_;  // this may go meanwhile
  work->stop();
  co_await work->wait_for_end();
}

}  // namespace tidegate
