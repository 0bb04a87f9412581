// Watching HTTP in savefiles: everything happens in the packets' time, but for the signals.
#include <algorithm>
#include <optional>

#include "base/log.h"
#include "observe/http_run.h"
#include "observe/savefiles.h"

namespace tidegate {

namespace {

// Ends the reading of a savefile from inside its sink: nobody reads any more.
struct NobodyReads {};

class HttpReplay {
 public:
  // `counted`: of all savefiles, with the packet that is taken.
  HttpReplay(const HttpCommand& command, HttpRun& run, const ReplayCount& counted)
      : run_{run},
        counted_{counted},
        interval_{command.once ? Duration::zero() : command.interval.value_or(Duration::zero())} {}

  void take(Sample sample, const Frame& frame) {
    if (counted_.packets == 1) {
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

 private:
  // However much time has passed, there is nothing new to say but once: as of the last interval's end.
  void print() {
    next_print_ += (latest_.instant - next_print_) / interval_ * interval_;
    const Now at{.instant = next_print_, .wall = latest_.wall - (latest_.instant - next_print_)};
    run_.watch().advance(at);
    run_.watch().set_lost(0, counted_.rejected);
    if (!run_.print_figures(at)) throw NobodyReads{};
    next_print_ += interval_;
  }

  HttpRun& run_;
  const ReplayCount& counted_;
  const Duration interval_;  // zero: it prints at the end alone
  Now latest_{};
  Instant next_print_;
};

}  // namespace

Result<> watch_savefiles(const HttpCommand& command, HttpRun& run) {
  if (command.format == HttpFormat::text) run.tell_alerts(HttpRun::Alerts::printed);
  const Interrupt interrupt;
  SavefilesRead read;
  HttpReplay reading{command, run, read.counted};
  try {
    read_savefiles(
        command.savefiles, command.filter, interrupt, read,
        [&](const Sample& sample, const Frame& frame) { reading.take(sample, frame); },
        [](std::string_view line) { log::warn("{}", line); });
  } catch (const NobodyReads&) {
    return run.print_failure();
  }
  if (read.nothing()) return read.outcome();
  run.watch().finish();
  run.watch().set_lost(0, read.counted.rejected);
  if (!run.print_figures(run.watch().latest())) return run.print_failure();
  return read.outcome();
}

}  // namespace tidegate
