// Counting from savefiles: everything happens in the packets' time, but for the signals.
#include <optional>

#include "observe/count_run.h"
#include "observe/savefiles.h"

namespace tidegate {
namespace {

// Ends the reading of a savefile from inside its sink: a limit is reached, or nobody reads any more.
struct EnoughCounted {
  bool unread = false;
};

class Reader {
 public:
  Reader(const CountSettings& settings, CountRun& run, const Interrupt& interrupt)
      : settings_{settings}, run_{run}, interrupt_{interrupt} {}

  void take(const Sample& sample) {
    const auto now = sample.at;
    if (!begun_) {
      begun_ = now.instant;
      next_digest_ = now.instant + settings_.interval;
    }
    if (settings_.most_time > Duration::zero() && now.instant - *begun_ >= settings_.most_time) {
      last_.wall += *begun_ + settings_.most_time - last_.instant;
      throw EnoughCounted{};
    }
    if (settings_.interval > Duration::zero() && now.instant >= next_digest_) {
      // However much time has passed, there is nothing new to say but once.
      next_digest_ += (now.instant - next_digest_) / settings_.interval * settings_.interval;
      run_.advance(next_digest_);
      if (!run_.digest(now.wall - (now.instant - next_digest_))) throw EnoughCounted{.unread = true};
      next_digest_ += settings_.interval;
    }
    if (interrupt_.take_usr1() && !run_.digest(last_.wall)) throw EnoughCounted{.unread = true};
    last_ = now;
    if (!run_.take(sample)) throw EnoughCounted{};
  }

  [[nodiscard]] WallTime last() const { return last_.wall; }

 private:
  const CountSettings& settings_;
  CountRun& run_;
  const Interrupt& interrupt_;
  std::optional<Instant> begun_;
  Instant next_digest_;
  Now last_{};
};

}  // namespace

Result<> count_savefiles(const CountSettings& settings, CountRun& run, const CountRemark& remark) {
  const Interrupt interrupt;
  Reader reader{settings, run, interrupt};
  SavefilesRead read;
  try {
    read_savefiles(
        settings.savefiles, settings.filter, interrupt, read,
        [&](const Sample& sample, const Frame&) { reader.take(sample); }, remark);
  } catch (const EnoughCounted& enough) {
    if (enough.unread) return run.print_failure();
  }
  if (read.nothing()) return read.outcome();
  if (auto printed = run.last_digest(reader.last()); !printed) return printed;
  run.remark_losses({.rejected = read.counted.rejected}, remark);
  return read.outcome();
}

}  // namespace tidegate
