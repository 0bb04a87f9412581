#include "observe/http.h"

#include <unistd.h>

#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <csignal>
#include <cstdio>
#include <random>

#include "alert/report.h"
#include "api/json_text.h"
#include "base/log.h"
#include "base/text.h"
#include "base/units.h"
#include "console/console.h"
#include "console/plain.h"
#include "observe/clock.h"
#include "observe/http_view.h"
#include "observe/interrupt.h"
#include "observe/watch.h"
#include "observe/watch_report.h"
#include "sensor/replay.h"

namespace tidegate {

namespace asio = boost::asio;
using namespace asio::experimental::awaitable_operators;

namespace {

constexpr Duration kOnScreen = std::chrono::seconds{1};
constexpr Duration kInLines = std::chrono::seconds{10};
constexpr std::size_t kMostAlerts = 100;

std::uint64_t random_seed() {
  std::random_device random;
  return std::uint64_t{random()} << 32 | random();
}

bool print(std::string_view text) {
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
}

std::unexpected<Error> nobody_reads() { return system_failure("print the figures", EPIPE); }

std::string watched(const HttpCommand& command) {
  const auto& watch = command.watch;
  std::string words = watch.ports.empty() ? "any port" : watch.ports.size() == 1 ? "port " : "ports ";
  for (std::size_t i = 0; i < watch.ports.size(); ++i) words += fmt::format("{}{}", i > 0 ? ", " : "", watch.ports[i]);
  if (watch.address) words += " of " + watch.address->to_string();
  return words +
         (command.savefiles.empty() ? " on " + watch.interface : " in " + command.savefiles.front() + (command.savefiles.size() > 1 ? " …" : ""));
}

// The watch, and its figures as they are asked for.
class Watching {
 public:
  Watching(const HttpCommand& command, const Pseudonyms& names)
      : command_{command},
        names_{names},
        watch_{command.watch, random_seed(),
               [this](const AlertSettings& alert, const AlertChange& change) { changed(alert, change); }} {}

  Watch& watch() { return watch_; }

  void act(console::Action action) {
    if (action == console::Action::reset) watch_.reset();
    if (action == console::Action::next_window) chosen_ = (chosen_ + 1) % command_.watch.windows.size();
  }

  console::View view(Now now) {
    HttpScreen screen{.watched = watched(command_), .chosen = chosen_, .has_alerts = !watch_.alerts().empty()};
    screen.reports.reserve(command_.watch.windows.size());
    for (const auto window : command_.watch.windows)
      screen.reports.push_back(watch_.report(now, window, command_.most));
    screen.alerts = alerts_;
    return http_view(screen, names_);
  }

  // False: nobody reads any more.
  bool print_figures(Now now) {
    if (command_.format == HttpFormat::text) return print(lines(now));
    std::string text;
    if (command_.format == HttpFormat::csv && !std::exchange(titled_, true))
      text = fmt::format("{}\n", watch_report::kCsvTitles);
    const auto report = watch_.report(now, command_.watch.windows.back(), command_.most);
    text += command_.format == HttpFormat::csv
                ? watch_report::csv(command_.watch.name, report)
                : json_text(watch_report::object(command_.watch.name, report, watch_.alerts(), names_));
    return print(text + '\n');
  }

  void say_alerts_at_once() { alerts_at_once_ = true; }
  [[nodiscard]] bool unread() const { return unread_; }

 private:
  void changed(const AlertSettings& alert, const AlertChange& change) {
    alerts_.push_front({.at = format_time_of_day(change.at.wall),
                        .text = alert_text(alert, change),
                        .tone = change.raised ? console::Tone::bad : console::Tone::good});
    if (alerts_.size() > kMostAlerts) alerts_.pop_back();
    if (alerts_at_once_ && !print(printable(alerts_.front().text) + '\n')) unread_ = true;
  }

  std::string lines(Now now) {
    auto view = this->view(now);
    if (alerts_at_once_) view.messages_title.clear();  // they have been said
    if (alerts_at_once_) view.messages.clear();
    std::string text;
    for (const auto& line : console::plain_lines(view)) text += line + '\n';
    return text;
  }

  const HttpCommand& command_;
  const Pseudonyms& names_;
  std::deque<console::Message> alerts_;
  std::size_t chosen_ = 0;
  bool titled_ = false;
  bool alerts_at_once_ = false;
  bool unread_ = false;
  Watch watch_;
};

// --- from savefiles

// Ends the reading of a savefile from inside its sink: a signal came, or nobody reads any more.
struct EnoughWatched {};

Result<> watch_savefiles(const HttpCommand& command, Watching& watching) {
  const Interrupt interrupt;
  auto& watch = watching.watch();
  std::uint64_t packets = 0;
  std::uint64_t undecoded = 0;
  std::optional<Instant> next;
  const bool prints = command.interval && !command.once;
  const auto take = [&](const Sample& sample, const Frame& frame) {
    ++packets;
    if (interrupt.came() || watching.unread()) throw EnoughWatched{};
    if (prints && !next) next = sample.at.instant + *command.interval;
    if (prints && sample.at.instant >= *next) {
      // However much time has passed, there is nothing new to say but once.
      *next += (sample.at.instant - *next) / *command.interval * *command.interval;
      const Now at{.instant = *next, .wall = sample.at.wall - (sample.at.instant - *next)};
      watch.advance(at);
      if (!watching.print_figures(at)) throw EnoughWatched{};
      *next += *command.interval;
    }
    watch.see(sample, frame);
  };
  try {
    for (const auto& savefile : command.savefiles) {
      const auto before = packets;
      const auto read = replay(savefile, command.filter, take);
      if (interrupt.came()) break;
      if (read) {
        undecoded += read->rejected;
      } else if (packets == before) {
        return std::unexpected{read.error()};
      } else {
        log::warn("{}", read.error().what);
      }
    }
  } catch (const EnoughWatched&) {
    if (!interrupt.came()) return nobody_reads();
  }
  watch.finish();
  watch.set_lost(0, undecoded);
  return watching.print_figures(watch.latest()) ? Result<>{} : nobody_reads();
}

// --- from an interface

class LiveHttp {
 public:
  LiveHttp(const HttpCommand& command, Watching& watching) : command_{command}, watching_{watching} {}

  Result<> start() {
    auto opened =
        PcapSensor::open(io_.get_executor(), capture_of(command_.watch),
                         [this](const Sample& sample, const Frame& frame) { watching_.watch().see(sample, frame); });
    if (!opened) return std::unexpected{std::move(opened.error())};
    sensor_ = std::move(*opened);
    if (const auto status = sensor_->status(); !status.listening)
      return failure("capture on {}: {}", command_.watch.interface, status.trouble);
    sensor_->set_immediate(false);
    watching_.watch().advance(system_now());
    return {};
  }

  // Until its end; false: nobody reads any more.
  bool run() {
    const bool on_screen = command_.format == HttpFormat::text && !command_.once && ::isatty(STDOUT_FILENO) != 0;
    std::unique_ptr<console::Console> console;
    if (on_screen) {
      auto opened = console::Console::open(io_.get_executor(),
                                           {.view = [this] { return watching_.view(system_now()); },
                                            .act = [this](console::Action action) { watching_.act(action); }});
      if (opened) {
        console = std::move(*opened);
      } else {
        log::warn("{}; plain lines follow", opened.error().what);
      }
    }
    asio::co_spawn(io_, watch(console.get()), [](const std::exception_ptr& trouble) {
      if (trouble) std::rethrow_exception(trouble);
    });
    io_.run();
    return read_;
  }

 private:
  asio::awaitable<void> watch(console::Console* console) {
    if (console != nullptr) {
      co_await (console->run(command_.interval.value_or(kOnScreen)) || tick());
      co_return;
    }
    if (command_.format == HttpFormat::text) watching_.say_alerts_at_once();
    asio::signal_set signals{io_, SIGINT, SIGTERM};
    co_await (signals.async_wait(asio::use_awaitable) || tick() || print_each_interval());
    if (!command_.once && read_) {
      look();
      read_ = watching_.print_figures(system_now());
    }
  }

  // Alerts are held against each second, also where no packet comes.
  asio::awaitable<void> tick() {
    asio::steady_timer timer{io_};
    while (!watching_.unread()) {
      timer.expires_after(std::chrono::milliseconds{200});
      co_await timer.async_wait(asio::use_awaitable);
      look();
    }
    read_ = false;
  }

  asio::awaitable<void> print_each_interval() {
    asio::steady_timer timer{io_, std::chrono::steady_clock::now()};
    while (read_) {
      timer.expires_at(timer.expiry() + command_.interval.value_or(kInLines));
      co_await timer.async_wait(asio::use_awaitable);
      look();
      read_ = watching_.print_figures(system_now());
      if (command_.once) co_return;
    }
  }

  void look() {
    const auto status = sensor_->status();
    watching_.watch().set_lost(status.dropped_kernel + status.dropped_interface, status.rejected);
    watching_.watch().advance(system_now());
  }

  const HttpCommand& command_;
  Watching& watching_;
  asio::io_context io_;
  std::unique_ptr<PcapSensor> sensor_;
  bool read_ = true;  // somebody reads
};

}  // namespace

Result<> watch_http(const HttpCommand& command, const Pseudonyms& names) {
  Watching watching{command, names};
  if (!command.savefiles.empty()) {
    if (command.format == HttpFormat::text) watching.say_alerts_at_once();
    return watch_savefiles(command, watching);
  }
  LiveHttp live{command, watching};
  if (auto started = live.start(); !started) return started;
  return live.run() ? Result<>{} : nobody_reads();
}

}  // namespace tidegate
