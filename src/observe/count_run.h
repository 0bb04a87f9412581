// What counting from an interface and from savefiles have in common: the tally, its limit, and its digests.
#pragma once

#include <cstdint>

#include "meter/tally.h"
#include "observe/count.h"
#include "observe/print.h"

namespace tidegate {

class CountRun {
 public:
  // Borrows everything for as long as it lives.
  CountRun(const CountSettings& settings, const Pseudonyms& names, const CountPrinter& print);

  // Counts the sample. False: this was the last one wanted.
  bool take(const Sample& sample) {
    return !tally_.add(sample) || settings_.most_connections == 0 || tally_.connections() < settings_.most_connections;
  }

  // Time passed without packets.
  void advance(Instant now) { tally_.advance(now); }

  // Prints what there is so far. False: it could not; print_failure() tells why.
  bool digest(WallTime at);
  [[nodiscard]] std::unexpected<Error> print_failure() const { return printing_.failure("print the digest"); }

  // The same, with everything pending counted as unanswered.
  [[nodiscard]] Result<> last_digest(WallTime at);

  struct Losses {
    std::uint64_t kernel = 0;
    std::uint64_t interface = 0;
    std::uint64_t rejected = 0;
  };
  // Says what was lost on the way and what the tally had no room for; nothing where nothing was.
  void remark_losses(const Losses& losses, const CountRemark& remark) const;

 private:
  const CountSettings& settings_;
  const Pseudonyms& names_;
  Printing printing_;
  Tally tally_;
  bool printed_ = false;
};

// Each until its end, as count() says.
[[nodiscard]] Result<> count_savefiles(const CountSettings& settings, CountRun& run, const CountRemark& remark);
[[nodiscard]] Result<> count_live(const CountSettings& settings, CountRun& run, const CountRemark& remark);

}  // namespace tidegate
