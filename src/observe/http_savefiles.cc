// Watching HTTP in savefiles: everything happens in the packets' time, but for the signals.
#include <algorithm>
#include <optional>

#include "base/log.h"
#include "observe/http_run.h"
#include "observe/interrupt.h"
#include "sensor/replay.h"

namespace tidegate {

namespace {

// Ends the reading of a savefile from inside its sink: a signal came, or nobody reads any more.
struct EnoughWatched {
  bool unread = false;
};

class HttpReplay {
 public:
  HttpReplay(const HttpCommand& command, HttpRun& run, const Interrupt& interrupt)
      : run_{run},
        interrupt_{interrupt},
        interval_{command.once ? Duration::zero() : command.interval.value_or(Duration::zero())} {}

  void take(Sample sample, const Frame& frame) {
    if (interrupt_.came()) throw EnoughWatched{};
    if (counted.packets == 1) {
      latest_ = sample.at;
      next_print_ = latest_.instant + interval_;
    }
    // Of several savefiles one may be older than the one before it; time goes on all the same.
    if (sample.at.instant < latest_.instant) sample.at = latest_;
    latest_ = sample.at;
    if (interval_ > Duration::zero() && latest_.instant >= next_print_) print();
    run_.watch().see(sample, frame);
    if (run_.unread()) throw EnoughWatched{.unread = true};
  }

  ReplayCount counted;  // of all savefiles, with the packet that is taken

 private:
  // However much time has passed, there is nothing new to say but once: as of the last interval's end.
  void print() {
    next_print_ += (latest_.instant - next_print_) / interval_ * interval_;
    const Now at{.instant = next_print_, .wall = latest_.wall - (latest_.instant - next_print_)};
    run_.watch().advance(at);
    run_.watch().set_lost(0, counted.rejected);
    if (!run_.print_figures(at)) throw EnoughWatched{.unread = true};
    next_print_ += interval_;
  }

  HttpRun& run_;
  const Interrupt& interrupt_;
  const Duration interval_;  // zero: it prints at the end alone
  Now latest_{};
  Instant next_print_;
};

}  // namespace

Result<> watch_savefiles(const HttpCommand& command, HttpRun& run) {
  if (command.format == HttpFormat::text) run.tell_alerts(HttpRun::Alerts::printed);
  const Interrupt interrupt;
  HttpReplay reading{command, run, interrupt};
  try {
    for (const auto& savefile : command.savefiles) {
      const auto before = reading.counted.packets;
      const auto read = replay(savefile, command.filter, reading.counted,
                               [&](const Sample& sample, const Frame& frame) { reading.take(sample, frame); });
      if (interrupt.came()) break;
      if (read) continue;
      if (reading.counted.packets == before) return read;
      log::warn("{}", read.error().what);
    }
  } catch (const EnoughWatched& enough) {
    if (enough.unread) return system_failure("print the figures", EPIPE);
  }
  run.watch().finish();
  run.watch().set_lost(0, reading.counted.rejected);
  if (run.print_figures(run.watch().latest())) return {};
  return system_failure("print the figures", EPIPE);
}

}  // namespace tidegate
