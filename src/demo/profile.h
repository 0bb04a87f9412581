// How many requests when: "20/s:60s,100/s:20s,20/s:60s", or as many as the server answers, "max:10s". The schedule goes
// by time alone, so that a server that is slow does not make it slower. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"

namespace tidegate::demo {

struct LoadStage {
  std::uint64_t per_second = 0;  // 0: each connection asks again as soon as it is answered
  Duration length{};
  bool operator==(const LoadStage&) const = default;

  // Requests that are due in it; none: as many as will.
  [[nodiscard]] std::optional<std::uint64_t> requests() const;
};

struct LoadProfile {
  std::vector<LoadStage> stages;

  // The error says which part is none. At most 1,000 stages, of at most a day altogether, and 1,000,000/s.
  [[nodiscard]] static Result<LoadProfile> parse(std::string_view text);

  // That of Traffic Watch's generator.
  [[nodiscard]] static LoadProfile standard();

  [[nodiscard]] std::string to_string() const;
  [[nodiscard]] Duration length() const;
  bool operator==(const LoadProfile&) const = default;
};

// Which request is next, and when it is due: within a second evenly, in steps of a millisecond.
class Schedule {
 public:
  Schedule(LoadProfile profile, Instant begin) : profile_{std::move(profile)}, stage_begin_{begin} { skip_empty(); }

  struct Next {
    Instant due;        // the past: it is late
    bool paced = true;  // false: of a stage "max", due whenever a connection is free
  };

  // The next request; none: there are no more.
  [[nodiscard]] std::optional<Next> next(Instant now);

  // It has been sent, or given up.
  void advance();

  // There are no more requests from now on.
  void abandon() { stage_ = profile_.stages.size(), nth_ = 0; }

  // How many paced requests were not yet advanced over.
  [[nodiscard]] std::uint64_t left() const;

 private:
  void leave_stage();
  void skip_empty();
  [[nodiscard]] const LoadStage& stage() const { return profile_.stages[stage_]; }
  [[nodiscard]] bool ended() const { return stage_ == profile_.stages.size(); }

  LoadProfile profile_;
  Instant stage_begin_;
  std::size_t stage_ = 0;
  std::uint64_t nth_ = 0;  // of this stage's requests
};

}  // namespace tidegate::demo
