// Random lives of a gate in a simulated world, seeded: whatever comes in whatever order, the promises of gate.h hold.
// A failure prints its seed and the last events of that life.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>
#include <string>
#include <vector>

#include "gate/gate.h"
#include "gate/schedule.h"
#include "gate/story_for_tests.h"

namespace tidegate {
namespace {

using namespace std::chrono_literals;
using namespace gate_event;
using Kind = Decision::Kind;

constexpr Duration kLateTick = 2s;     // timers of a busy host fire this much late, at most
constexpr Duration kLongestStop = 5s;  // the world's stop commands end within this
constexpr Duration kQuiet = 12h;       // long after the last event of a life, and before the next day's window

class Life {
 public:
  explicit Life(std::uint64_t seed) : random_{seed}, settings_{random_settings()}, gate_{settings_} {}

  void live(int events) {
    for (int i = 0; i < events && !testing::Test::HasFailure(); ++i) {
      pass_until(now_.instant + some(0s, chance(10) ? 3 * settings_.idle : 8s));
      happen();
    }
  }

  // From here on nothing comes, and all commands do what they should.
  void fall_silent() {
    reliable_ = true;
    pass_until(now_.instant + kQuiet);
    EXPECT_EQ(to_string(gate_.state()), "asleep") << "nothing wants it";
    EXPECT_FALSE(start_ || stop_ || veto_);
    EXPECT_EQ(gate_.keep_until(), std::nullopt);
  }

  // From here on traffic goes on, and all commands do what they should.
  void see_steady_traffic() {
    reliable_ = true;
    const Instant end = now_.instant + 2 * (settings_.retry_most + settings_.start_timeout + kLongestStop);
    while (now_.instant < end && !testing::Test::HasFailure()) {
      pass_until(now_.instant + settings_.idle / 2);
      step("wake", reading(Class::wake, 0s));
    }
    if (!settings_.max_up) EXPECT_EQ(to_string(gate_.state()), "awake") << "clients want it";
  }

  std::string story() const {
    std::string text;
    for (const auto& line : log_) text += line + "\n";
    return text;
  }

 private:
  struct Answer {
    Instant at;
    GateEvent event;
  };

  // --- chance

  bool chance(unsigned percent) { return random_() % 100 < percent; }
  Duration some(Duration least, Duration most) {
    return std::chrono::milliseconds{std::uniform_int_distribution<std::int64_t>{least / 1ms, most / 1ms}(random_)};
  }

  GateSettings random_settings() {
    GateSettings settings;
    settings.idle = some(1s, 60s);
    settings.start_timeout = some(5s, 20s);
    if (chance(30)) settings.min_up = some(1s, 60s);
    if (chance(20)) settings.max_up = some(30s, 120s);
    settings.veto = chance(40);
    settings.veto_again = some(1s, 20s);
    settings.retry_first = some(1s, 5s);
    settings.retry_most = some(5s, 60s);
    settings.found = static_cast<GateSettings::Found>(random_() % 3);
    settings.trust_exit_status = chance(90);
    if (chance(30)) {  // in the hour around noon, when a life begins
      const std::chrono::minutes from = 12h - 10min + std::chrono::minutes{random_() % 30};
      settings.awake.push_back({.days = 127, .from = from, .to = from + std::chrono::minutes{1 + random_() % 15}});
    }
    return settings;
  }

  Reading reading(Class meaning, Duration age) const {
    Sample sample;
    sample.at = {now_.instant - age, now_.wall - age};
    return {sample, meaning};
  }

  // --- the world

  void happen() {
    const auto dice = random_() % 100;
    if (dice < 35) return step("wake", reading(Class::wake, some(0s, 1s)));
    if (dice < 55) return step("keep", reading(Class::keep, some(0s, 1s)));
    if (dice < 60) return step("ignored", reading(Class::ignore, 0s));
    if (dice < 66) return step("start by hand", StartByHand{});
    if (dice < 74) return step("stop by hand", StopByHand{});
    if (dice < 79) return step("keep until", KeepUntil{now_.wall + some(-10s, 90s)});
    if (dice < 84) return step("running", Running{});
    if (dice < 90) return step("gone", Gone{.how = "exited", .failed = chance(50)});
    if (dice < 93) {
      now_.wall += some(-600s, 600s);
      return step("the wall clock was set", Tick{});
    }
    if (dice < 95) return start_ ? void() : step("stale start ended", StartEnded{.error = chance(50) ? "stale" : ""});
    if (dice < 97) return stop_ ? void() : step("stale stop ended", StopEnded{.error = chance(50) ? "stale" : ""});
    return veto_ ? void() : step("stale veto", VetoAnswered{.may_stop = chance(50)});
  }

  // Lets time pass: answers come when they are due, ticks at the deadline or a little late, and some too early.
  void pass_until(Instant end) {
    while (!testing::Test::HasFailure()) {
      const auto deadline = gate_.deadline(now_);
      Instant next = end;
      for (const auto* answer : {&start_, &stop_, &veto_}) {
        if (*answer) next = std::min(next, (*answer)->at);
      }
      if (deadline && *deadline <= next) {
        if (chance(5)) tick_early(*deadline);
        advance(*deadline + (chance(20) ? some(0s, kLateTick) : 0s));
        step("tick", Tick{});
        continue;
      }
      advance(next);
      bool answered = false;
      for (auto* answer : {&start_, &stop_, &veto_}) {
        if (answered || !*answer || (*answer)->at > now_.instant) continue;
        const auto event = (*answer)->event;
        answer->reset();
        step(answer == &start_ ? "start ended" : answer == &stop_ ? "stop ended" : "veto answered", event);
        answered = true;
      }
      if (!answered) return;
    }
  }

  void advance(Instant to) {
    if (to <= now_.instant) return;
    now_.wall += to - now_.instant;
    now_.instant = to;
  }

  void tick_early(Instant deadline) {
    if (deadline - now_.instant < 2ns) return;
    advance(now_.instant + (deadline - now_.instant) / 2);
    const auto state = gate_.state();
    EXPECT_TRUE(gate_.step(Tick{}, now_).empty()) << "a tick before the deadline does nothing";
    EXPECT_EQ(to_string(gate_.state()), to_string(state));
    EXPECT_EQ(gate_.deadline(now_), deadline);
  }

  void carry_out(const Decision& decision) {
    switch (decision.kind) {
      case Kind::start: {
        EXPECT_FALSE(start_) << "two starts at once";
        EXPECT_FALSE(stop_) << "a start during a stop";
        cancelled_ = false;
        StartEnded ended;
        if (!reliable_ && chance(40)) ended = {.error = "start exited 1", .running = chance(40)};
        const Duration longest = reliable_ ? settings_.start_timeout / 2 : settings_.start_timeout * 3 / 2;
        start_ = Answer{now_.instant + some(0s, longest), ended};
        wake_owed_by_.reset();
        wake_while_waking_ = false;
        break;
      }
      case Kind::cancel_start:
        ASSERT_TRUE(start_) << "no start to cancel";
        EXPECT_FALSE(cancelled_) << "cancelled twice";
        cancelled_ = true;
        start_->at = now_.instant + some(0s, 2s);
        if (chance(80)) start_->event = StartEnded{.error = "cancelled", .running = chance(40)};
        break;
      case Kind::stop:
        EXPECT_FALSE(stop_) << "two stops at once";
        EXPECT_FALSE(start_) << "a stop during a start";
        stop_ = Answer{now_.instant + some(0s, kLongestStop),
                       StopEnded{.error = !reliable_ && chance(30) ? "exited 1" : ""}};
        break;
      case Kind::ask_veto:
        EXPECT_FALSE(veto_) << "two vetoes at once";
        EXPECT_TRUE(settings_.veto);
        wanted_since_veto_ = false;
        veto_ = Answer{now_.instant + some(0s, 10s), VetoAnswered{.may_stop = reliable_ || chance(60)}};
        break;
      case Kind::tell:
        if (decision.event == EventKind::stopping) justify_stop(decision.text);
        if (decision.event == EventKind::woke) justify_start(decision.text);
        break;
    }
  }

  // --- the promises

  void step(const std::string& name, const GateEvent& event) {
    const auto before = gate_.state();
    observe(event);
    const auto decisions = gate_.step(event, now_);
    const auto state = gate_.state();
    log_.push_back(fmt::format("{:>10.3f} {:<24} {} → {}",
                               std::chrono::duration<double>(now_.instant - Instant{}).count(), name, to_string(before),
                               to_string(state)));
    if (log_.size() > 40) log_.pop_front();

    // A step may pass through awake on its way to stopping: a service found running, or called off and yet ready.
    const bool rises = before != GateState::awake && before != GateState::stopping;
    if (rises && (state == GateState::awake || state == GateState::stopping)) up_since_ = now_.instant;
    for (const auto& decision : decisions) carry_out(decision);

    EXPECT_EQ(state == GateState::waking, start_.has_value()) << "waking is when a start is under way";
    EXPECT_EQ(state == GateState::stopping, stop_.has_value()) << "stopping is when a stop is under way";
    const auto deadline = gate_.deadline(now_);
    EXPECT_TRUE(!deadline || *deadline > now_.instant) << "a deadline that has passed would spin";
    expect_no_lost_wake(event, before, state);
    expect_failed_to_end(before, state);
  }

  // What the gate is told, kept on our own account.
  void observe(const GateEvent& event) {
    if (keep_ && *keep_ <= now_.wall) keep_.reset();
    if (const auto* reading = std::get_if<Reading>(&event); reading && reading->meaning != Class::ignore) {
      last_wanted_ = std::max(last_wanted_, reading->sample.at.instant);
      wanted_since_veto_ = true;
      // A start that was called off is not wanted for what only renews, or for a keep that ends before it does.
      if (reading->meaning == Class::wake || gate_.state() != GateState::waking) stop_asked_for_ = false;
    } else if (std::holds_alternative<StartByHand>(event)) {
      last_wanted_ = now_.instant;
      wanted_since_veto_ = true;
      stop_asked_for_ = false;
      set_aside_until_ = WallTime::min();
    } else if (std::holds_alternative<StopByHand>(event)) {
      stop_asked_for_ = true;
      keep_.reset();
      wake_owed_by_.reset();
      wake_while_waking_ = false;
      if (in_schedule(settings_.awake, now_.wall)) set_aside_until_ = *next_change(settings_.awake, now_.wall);
    } else if (const auto* keep = std::get_if<KeepUntil>(&event)) {
      keep_ = keep->until > now_.wall ? std::optional{keep->until} : std::nullopt;
      if (keep_ && gate_.state() != GateState::waking) stop_asked_for_ = false;
    } else if (const auto* answer = std::get_if<VetoAnswered>(&event)) {
      agreed_at_ = answer->may_stop && !wanted_since_veto_ ? now_.instant : Instant::min();
    } else if (std::holds_alternative<Running>(event)) {
      found_ = true;
    }
    if (const auto* ended = std::get_if<StartEnded>(&event); ended && ended->running) left_running_ = true;
  }

  // Never stopped while wanted, but by hand, by max_up, or because it should not run at all.
  void justify_stop(const std::string& reason) {
    if (reason == "by hand") {
      EXPECT_TRUE(stop_asked_for_) << "nobody asked for this stop, or somebody wanted it since";
      EXPECT_FALSE(keep_) << "an operator keeps it";
    } else if (reason == "found running") {
      EXPECT_TRUE(found_ && settings_.found == GateSettings::Found::stop);
    } else if (reason.starts_with("up for ")) {
      ASSERT_TRUE(settings_.max_up);
      EXPECT_GE(now_.instant - up_since_, *settings_.max_up);
    } else if (reason.starts_with("it runs, though")) {
      EXPECT_TRUE(left_running_ || found_);
    } else {
      EXPECT_TRUE(reason.starts_with("idle for ")) << reason;
      EXPECT_GE(now_.instant - std::max(last_wanted_, up_since_), settings_.idle);
      EXPECT_GE(now_.instant - up_since_, settings_.min_up);
      EXPECT_FALSE(keep_) << "an operator keeps it";
      EXPECT_FALSE(in_window()) << "the schedule keeps it";
      if (settings_.veto) EXPECT_EQ(agreed_at_, now_.instant) << "the veto has not agreed";
    }
  }

  void justify_start(const std::string& cause) {
    if (cause == "schedule") EXPECT_TRUE(in_window());
    if (cause.starts_with("to be kept")) EXPECT_TRUE(keep_);
  }

  bool in_window() const { return now_.wall >= set_aside_until_ && in_schedule(settings_.awake, now_.wall); }

  void expect_no_lost_wake(const GateEvent& event, GateState before, GateState state) {
    const auto* reading = std::get_if<Reading>(&event);
    const bool woken = reading && reading->meaning == Class::wake;
    const Instant bound = now_.instant + settings_.retry_most + kLongestStop + kLateTick;
    if (woken && before == GateState::waking) wake_while_waking_ = true;
    if (state == GateState::awake) {
      wake_owed_by_.reset();
      wake_while_waking_ = false;
    } else if (state != GateState::waking) {
      if (!wake_owed_by_ && (woken || wake_while_waking_) && before != GateState::awake) wake_owed_by_ = bound;
      wake_while_waking_ = false;
    }
    EXPECT_FALSE(woken && state == GateState::asleep) << "a wake that wakes nothing";
    EXPECT_FALSE(wake_owed_by_ && *wake_owed_by_ < now_.instant) << "a wake was lost";
  }

  void expect_failed_to_end(GateState before, GateState state) {
    if (state == GateState::failed && before != GateState::failed) failed_since_ = now_.instant;
    if (state == GateState::failed)
      EXPECT_LE(now_.instant - failed_since_, settings_.retry_most + kLateTick) << "failed for ever";
  }

  std::mt19937_64 random_;
  GateSettings settings_;
  Gate gate_;
  Now now_{Instant{} + 1000s, std::chrono::sys_days{std::chrono::year{2026} / 11 / 20} + 12h};
  std::deque<std::string> log_;

  bool reliable_ = false;                      // the commands
  std::optional<Answer> start_, stop_, veto_;  // under way
  bool cancelled_ = false;

  Instant last_wanted_, up_since_, failed_since_;
  Instant agreed_at_ = Instant::min();
  bool wanted_since_veto_ = false, stop_asked_for_ = false, found_ = false, left_running_ = false;
  bool wake_while_waking_ = false;
  std::optional<Instant> wake_owed_by_;
  std::optional<WallTime> keep_;
  WallTime set_aside_until_ = WallTime::min();
};

class GateProperty : public testing::Test {
 protected:
  static constexpr std::uint64_t kLives = 3000;

  template <class End>
  static void live_many(std::uint64_t first_seed, End end) {
    for (auto seed = first_seed; seed < first_seed + kLives; ++seed) {
      Life life{seed};
      life.live(60);
      if (!HasFailure()) end(life);
      if (HasFailure()) {
        ADD_FAILURE() << "seed " << seed << ", the last events:\n" << life.story();
        return;
      }
    }
  }

 private:
  ZoneForAWhile zone_{"UTC"};
};

TEST_F(GateProperty, keeps_its_promises_whatever_happens_and_sleeps_when_nothing_wants_it) {
  live_many(1, [](Life& life) { life.fall_silent(); });
}

TEST_F(GateProperty, keeps_its_promises_whatever_happens_and_is_awake_in_steady_traffic) {
  live_many(1'000'000, [](Life& life) { life.see_steady_traffic(); });
}

}  // namespace
}  // namespace tidegate
