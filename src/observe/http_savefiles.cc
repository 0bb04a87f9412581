// Watching HTTP in savefiles: everything happens in the packets' time, but for the signals.
#include <algorithm>
#include <optional>

#include "base/log.h"
#include "observe/http_run.h"
#include "observe/interrupt.h"
#include "sensor/replay.h"

namespace tidegate {

namespace {

// Ends the reading of a savefile from inside its sink: nobody reads any more.
struct NobodyReads {};

class HttpReplay {
 public:
  HttpReplay(const HttpCommand& command, HttpRun& run)
      : run_{run}, interval_{command.once ? Duration::zero() : command.interval.value_or(Duration::zero())} {}

  void take(Sample sample, const Frame& frame) {
    if (counted.packets == 1) {
      latest_ = sample.at;
      next_print_ = latest_.instant + interval_;
    }
    // Of several savefiles one may be older than the one before it; time goes on all the same.
    if (sample.at.instant < latest_.instant) sample.at = latest_;
    latest_ = sample.at;
    if (interval_ > Duration::zero() && latest_.instant >= next_print_) print();
    run_.watch().see(sample, frame);
    if (run_.unread()) throw NobodyReads{};
  }

  ReplayCount counted;  // of all savefiles, with the packet that is taken

 private:
  // However much time has passed, there is nothing new to say but once: as of the last interval's end.
  void print() {
    next_print_ += (latest_.instant - next_print_) / interval_ * interval_;
    const Now at{.instant = next_print_, .wall = latest_.wall - (latest_.instant - next_print_)};
    run_.watch().advance(at);
    run_.watch().set_lost(0, counted.rejected);
    if (!run_.print_figures(at)) throw NobodyReads{};
    next_print_ += interval_;
  }

  HttpRun& run_;
  const Duration interval_;  // zero: it prints at the end alone
  Now latest_{};
  Instant next_print_;
};

}  // namespace

Result<> watch_savefiles(const HttpCommand& command, HttpRun& run) {
  if (command.format == HttpFormat::text) run.tell_alerts(HttpRun::Alerts::printed);
  const Interrupt interrupt;
  HttpReplay reading{command, run};
  std::optional<Error> unreadable;  // the first of them
  try {
    for (const auto& savefile : command.savefiles) {
      const auto before = reading.counted.packets;
      const auto read = replay(
          savefile, command.filter, reading.counted,
          [&](const Sample& sample, const Frame& frame) { reading.take(sample, frame); },
          [&interrupt] { return interrupt.came(); });
      if (interrupt.came()) break;
      if (read) continue;
      if (reading.counted.packets > before || unreadable) {
        log::warn("{}", read.error().what);
      } else {
        unreadable = read.error();
      }
    }
  } catch (const NobodyReads&) {
    return run.print_failure();
  }
  if (unreadable && reading.counted.packets == 0) return std::unexpected{std::move(*unreadable)};
  run.watch().finish();
  run.watch().set_lost(0, reading.counted.rejected);
  if (!run.print_figures(run.watch().latest())) return run.print_failure();
  if (unreadable) return std::unexpected{std::move(*unreadable)};
  return {};
}

}  // namespace tidegate
