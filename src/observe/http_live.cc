// Watching HTTP on an interface: a capture in batches, the screen or lines, signals and timers on one Asio loop.
#include <unistd.h>

#include <boost/asio.hpp>
#include <csignal>
#include <memory>

#include "base/log.h"
#include "console/console.h"
#include "console/until_first.h"
#include "observe/clock.h"
#include "observe/http_run.h"
#include "observe/settle.h"

namespace tidegate {

namespace {

namespace asio = boost::asio;

constexpr Duration kOnScreen = std::chrono::seconds{1};
constexpr Duration kInLines = std::chrono::seconds{10};
constexpr Duration kTick = std::chrono::milliseconds{200};

class HttpLive {
 public:
  HttpLive(const HttpCommand& command, HttpRun& run) : command_{command}, run_{run} {}

  Result<> start(const MakeAlertHand& make_hand) {
    if (make_hand) {
      auto made =
          make_hand(io_.get_executor(), [this](const std::string& trouble) { run_.say(trouble, system_now().wall); });
      if (!made) return std::unexpected{std::move(made.error())};
      hand_ = std::move(*made);
      run_.set_hand(hand_.get());
    }
    auto opened =
        PcapSensor::open(io_.get_executor(), capture_of(command_.watch),
                         [this](const Sample& sample, const Frame& frame) { run_.watch().see(sample, frame); });
    if (!opened) return std::unexpected{std::move(opened.error())};
    sensor_ = std::move(*opened);
    if (const auto status = sensor_->status(); !status.listening)
      return failure("capture on {}: {}", command_.watch.interface, status.trouble);
    sensor_->set_immediate(false);
    run_.watch().advance(system_now());
    return {};
  }

  // Until its end; false: nobody reads any more.
  bool run() {
    const auto console = open_console();
    asio::co_spawn(io_, run_and_close(console.get()), [this](const std::exception_ptr& thrown) {
      if (thrown) std::rethrow_exception(thrown);
      io_.stop();  // the sensor would go on
    });
    io_.run();
    return read_;
  }

 private:
  std::unique_ptr<console::Console> open_console() {
    if (command_.format != HttpFormat::text || command_.once || ::isatty(STDOUT_FILENO) == 0) return nullptr;
    auto opened =
        console::Console::open(io_.get_executor(), {.view = [this] { return run_.view(system_now()); },
                                                    .act = [this](console::Action action) { run_.act(action); }});
    if (!opened) {
      log::warn("{}; plain lines follow", opened.error().what);
      return nullptr;
    }
    // Lines of the log would stand in the midst of the screen, which says what they say.
    if (::isatty(STDERR_FILENO) != 0) log::configure({.level = log::Level::error});
    return std::move(*opened);
  }

  asio::awaitable<void> run_and_close(console::Console* console) {
    const auto thrown = co_await console::outcome_of(console != nullptr ? watch_on_screen(*console) : watch_in_lines());
    run_.set_hand(nullptr);
    if (hand_) co_await hand_->close();
    if (thrown) std::rethrow_exception(thrown);
  }

  asio::awaitable<void> watch_on_screen(console::Console& console) {
    co_await console::until_first(console.run(command_.interval.value_or(kOnScreen)), tick());
  }

  asio::awaitable<void> watch_in_lines() {
    run_.tell_alerts(command_.format == HttpFormat::text ? HttpRun::Alerts::printed : HttpRun::Alerts::logged);
    asio::signal_set signals{io_, SIGINT, SIGTERM};
    log::info("watching HTTP, {}", watched_in_words(command_));
    co_await console::until_first(await_signal(signals), tick(), print_each_interval());
    if (run_.unread()) read_ = false;
    if (!read_) co_return;
    co_await settle();
    read_ = run_.print_figures(system_now());
  }

  static asio::awaitable<void> await_signal(asio::signal_set& signals) {
    co_await signals.async_wait(asio::use_awaitable);
  }

  // Alerts are held against each second, also where no packet comes. Ends when nobody reads them.
  asio::awaitable<void> tick() {
    asio::steady_timer timer{io_};
    while (!run_.unread()) {
      timer.expires_after(kTick);
      co_await timer.async_wait(asio::use_awaitable);
      look();
    }
  }

  // Ends when the last print is due, or when nobody reads.
  asio::awaitable<void> print_each_interval() {
    asio::steady_timer timer{io_, std::chrono::steady_clock::now()};
    while (read_) {
      timer.expires_at(timer.expiry() + command_.interval.value_or(kInLines));
      co_await timer.async_wait(asio::use_awaitable);
      if (command_.once) co_return;
      look();
      read_ = run_.print_figures(system_now());
    }
  }

  // What has been captured by now still counts.
  asio::awaitable<void> settle() {
    asio::steady_timer timer{io_, kSettle};
    co_await timer.async_wait(asio::use_awaitable);
    look();
  }

  void look() {
    const auto status = sensor_->status();
    run_.set_trouble(status.listening ? "" : status.trouble);
    run_.watch().set_lost(status.dropped_kernel + status.dropped_interface, status.rejected);
    run_.watch().advance(system_now());
  }

  const HttpCommand& command_;
  HttpRun& run_;
  asio::io_context io_;
  std::unique_ptr<AlertHand> hand_;
  std::unique_ptr<PcapSensor> sensor_;
  bool read_ = true;  // somebody reads
};

}  // namespace

Result<> watch_interface(const HttpCommand& command, HttpRun& run, const MakeAlertHand& make_hand) {
  HttpLive live{command, run};
  if (auto started = live.start(make_hand); !started) return started;
  if (live.run()) return {};
  return run.print_failure();
}

}  // namespace tidegate
