// The state machine of one service: asleep → waking → awake → stopping → asleep, and failed with a retry time.
// Pure: the time is given, decisions are returned, and nobody is called. Not thread-safe; one owner.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/time.h"
#include "model/decision.h"
#include "model/sample.h"
#include "model/service.h"

namespace tidegate {

enum class GateState : std::uint8_t { asleep, waking, awake, stopping, failed };
[[nodiscard]] std::string_view to_string(GateState state);

// What can happen to a gate.
namespace gate_event {
struct StartEnded {
  std::string error;     // empty: ready. Else why not, for people
  bool running = false;  // with an error: something was started and is to be stopped before the next attempt
};
struct StopEnded {
  std::string error;
};  // empty: done
struct VetoAnswered {
  bool may_stop = true;
};
struct Running {};  // it was seen to run, though nobody here started it
struct Gone {
  std::string how;
  bool failed = false;
};  // it ended, though nobody here stopped it
struct StartByHand {
  std::string alert;  // that wants it; empty: an operator does
};
struct StopByHand {};
struct KeepUntil {
  WallTime until;
};  // an operator's; in the past: takes an earlier one back
struct Tick {};  // deadline() has come, or any time at all
}  // namespace gate_event

using GateEvent = std::variant<Reading, gate_event::StartEnded, gate_event::StopEnded, gate_event::VetoAnswered,
                               gate_event::Running, gate_event::Gone, gate_event::StartByHand, gate_event::StopByHand,
                               gate_event::KeepUntil, gate_event::Tick>;

class Gate {
 public:
  explicit Gate(GateSettings settings) : settings_{std::move(settings)} {}

  // Takes one event at `now` (never before an earlier step's) and returns what is to be done, in order, mostly nothing.
  //
  // asleep    a reading of class wake, StartByHand, a schedule's window or KeepUntil starts it. Running: as `found`
  // says. waking    one start at a time. After start_timeout: cancel_start, and when it has ended, failed. Readings of
  // class
  //           wake are remembered as wanting it. StopByHand: cancel_start, and asleep when it has ended. Gone with
  //           StartEnded outstanding changes nothing: StartEnded will say so. A start that is ready although it was
  //           called off is taken: awake after the timeout, stopped after StopByHand.
  // awake     readings of class wake or keep renew. When idle (and up for min_up, outside the schedule and past
  //           keep-until): ask_veto where there is one, else stop. A reading during the veto's run wins over its yes;
  //           a no asks again after veto_again, and is told once until traffic comes. max_up stops without asking;
  //           what still wants the service (a schedule, KeepUntil) then starts it again. StopByHand stops at once.
  //           Gone: asleep, or failed if it failed before it had been up for retry_most. The same for one that ended
  //           well so soon while a schedule or KeepUntil wants it: they would start it again without a pause.
  //           With `found: ignore` only a Gone that failed changes anything.
  // stopping  readings of class wake (and StartByHand) are remembered and start it again at once when the stop is done.
  //           A stop that failed goes back to awake and is tried again with the same backoff as a start
  //           (unless exit statuses are not trusted, or Gone came meanwhile). StopByHand's and that of `found: stop`
  //           are tried again until traffic or an operator wants the service, the others while their reason lasts.
  // failed    the retry time doubles from retry_first to retry_most with each failure; a start that succeeded and
  //           stayed up for retry_most resets it. Wanted since the failed attempt began (readings of class wake, a
  //           schedule, KeepUntil): starts again at the retry time. Not wanted: asleep at the retry time.
  //           StartByHand: at once. StopByHand: asleep at once.
  //           An attempt that failed while something runs (StartEnded::running) is stopped first, by way of stopping.
  //           If that stop fails, it is tried again before the gate goes to sleep, but does not hold up a start.
  //
  // StopByHand takes back KeepUntil, and sets the schedule's present window aside until it ends or StartByHand comes.
  // Every start, stop and ask_veto must be answered exactly once; an answer that the state does not expect is ignored.
  std::vector<Decision> step(const GateEvent& event, Now now);

  // When to send Tick, at the latest; none: nothing is due. Also never later than the schedule's next change.
  // A Tick before it does nothing.
  [[nodiscard]] std::optional<Instant> deadline(Now now) const;

  // New settings, same state and timers; what they change takes effect at the next step.
  void reconfigure(GateSettings settings);

  // What `status` and `why` tell.
  [[nodiscard]] GateState state() const { return state_; }
  [[nodiscard]] Now since() const { return since_; }                                  // of the state
  [[nodiscard]] const std::optional<Reading>& woken_by() const { return woken_by_; }  // none: not by a packet
  [[nodiscard]] std::string_view cause() const {
    return cause_;
  }  // of the last start: "packet", "operator", "alert", "schedule", "keep", "found"
  [[nodiscard]] std::string_view last_error() const { return error_; }  // of the last failure; empty after a success
  [[nodiscard]] std::optional<Instant> retry_at() const;                // failed: when it may be tried again
  [[nodiscard]] std::optional<Instant> sleeps_at(Now now) const;        // awake: when, if nothing more comes
  [[nodiscard]] std::string_view kept_by(
      Now now) const;  // what beside traffic keeps it awake: "schedule", "keep", "min_up", "veto" or ""
  [[nodiscard]] std::optional<WallTime> keep_until() const { return keep_until_; }

 private:
  // Why it is to be started.
  struct Cause {
    std::string_view name;
    std::optional<Reading> packet;
    std::string alert;
  };
  enum class CalledOff : std::uint8_t { no, timed_out, by_hand };
  enum class Veto : std::uint8_t {
    none,
    asked,
    overtaken
  };  // overtaken: the answer is still to come, but means nothing
  // in_schedule() is `inside` from `from` until `until`.
  struct Span {
    bool inside = false;
    WallTime from;
    WallTime until;
  };

  // What an event changes at once. What it makes due is left to settle().
  void on(const Reading& reading, Now now);
  void on(const gate_event::StartEnded& ended, Now now);
  void on(const gate_event::StopEnded& ended, Now now);
  void on(const gate_event::VetoAnswered& answer, Now now);
  void on(const gate_event::Running&, Now now);
  void on(const gate_event::Gone& gone, Now now);
  void on(const gate_event::StartByHand&, Now now);
  void on(const gate_event::StopByHand&, Now now);
  void on(const gate_event::KeepUntil& keep, Now now);
  void on(const gate_event::Tick&, Now now);

  // What is due in the present state, by time or by what wants it.
  void settle(Now now);
  void settle_asleep(Now now);
  void settle_waking(Now now);
  void settle_awake(Now now);
  void settle_failed(Now now);

  void enter(GateState state, Now now);
  void enter_asleep(Now now);
  void enter_awake(Now now);
  void enter_failed(Now now);
  void begin_start(const Cause& cause, Now now);
  void begin_stop(std::string reason, Now now);
  void begin_clearing(Now now);
  void leave_awake(Now now);
  void renew(Instant at);
  void back_off_start(std::string error, Now now);
  void back_off_stop(const std::string& error, Now now);
  [[nodiscard]] Duration longer(Duration backoff) const;
  void decide(Decision::Kind kind);
  void tell(EventKind event, std::string text);

  [[nodiscard]] Span span_at(WallTime time) const;
  [[nodiscard]] bool in_window(Now now) const;
  [[nodiscard]] bool kept(Now now) const;
  [[nodiscard]] std::optional<Cause> standing_wish(Now now) const;
  [[nodiscard]] bool idle(Now now) const;
  [[nodiscard]] std::string idle_reason(Now now) const;
  [[nodiscard]] Instant idle_since() const;
  [[nodiscard]] Instant idle_at() const;
  [[nodiscard]] Instant max_up_at() const;

  GateSettings settings_;
  GateState state_ = GateState::asleep;
  Now since_{};
  std::vector<Decision> decisions_;  // of the step under way

  // what wants it
  std::optional<Cause> wanted_;  // by a packet or an operator, while not awake: starts it as soon as the state allows
  std::optional<WallTime> keep_until_;
  Span span_;                                          // of the schedule, around the last step
  WallTime window_set_aside_until_ = WallTime::min();  // by StopByHand

  // the last start
  std::optional<Reading> woken_by_;
  std::string_view cause_;
  std::string error_;
  CalledOff called_off_ = CalledOff::no;
  Duration start_backoff_{};  // the last one; zero: no failure since the reset
  Instant retry_at_;

  // while awake
  Instant up_since_;
  Instant last_wanted_;
  Veto veto_ = Veto::none;
  bool vetoed_ = false;  // the veto said no, and no traffic came since
  Instant veto_again_at_;

  // the stop
  std::string stop_wish_;  // beyond idleness: "by hand", "found running"; empty: none
  Duration stop_backoff_{};
  Instant stop_again_at_;
  bool clearing_ = false;        // the stop under way clears away what a failed start left: failed comes next
  bool left_running_ = false;    // that stop failed
  bool gone_meanwhile_ = false;  // while stopping, it was seen to have ended
};

}  // namespace tidegate
