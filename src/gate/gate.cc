// The states and what leads from one to the next; gate.h has the rules in full.
//
//   asleep ── wanted ──▶ waking ── ready ──▶ awake ── idle, max_up, by hand ──▶ stopping ── done ──▶ asleep
//                          │                  ▲ │                                 │
//                          │ failed           │ └─ gone ──▶ asleep or failed      └─ failed ──▶ awake, tried again
//                          ▼                  │
//                        failed ── retry time, wanted ──▶ waking; unwanted ──▶ asleep
//
// A step has two halves: on(event) records what happened, and settle() does what has become due. Whatever wants the
// service is kept in wanted_ until a start begins or the service is awake, so no wake is lost whatever the state.
#include "gate/gate.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "base/units.h"
#include "gate/schedule.h"

namespace tidegate {
namespace {

constexpr std::array<std::string_view, 5> kStateNames = {"asleep", "waking", "awake", "stopping", "failed"};

// The causes of a start, and of a stop.
constexpr std::string_view kByPacket = "packet", kByOperator = "operator", kByAlert = "alert", kBySchedule = "schedule",
                           kByKeep = "keep", kByFound = "found";
constexpr const char* kByHand = "by hand";

// Beyond this a time counts as never, so that sums stay in range.
constexpr Duration kNever = std::chrono::hours{24 * 365 * 100};

Instant after(Instant start, Duration duration) { return duration < kNever ? start + duration : Instant::max(); }

Instant instant_of(WallTime time, Now now) { return after(now.instant, time - now.wall); }

WallTime wall_of(Instant time, Now now) { return now.wall + (time - now.instant); }

}  // namespace

std::string_view to_string(GateState state) { return kStateNames[static_cast<std::size_t>(state)]; }

std::vector<Decision> Gate::step(const GateEvent& event, Now now) {
  if (since_.instant == Instant{}) since_ = now;  // the first step: asleep since now
  span_ = span_at(now.wall);
  if (keep_until_ && !kept(now)) keep_until_.reset();
  std::visit([&](const auto& happened) { on(happened, now); }, event);
  settle(now);
  return std::exchange(decisions_, {});
}

void Gate::reconfigure(GateSettings settings) {
  if (settings.awake != settings_.awake) {
    span_ = {};
    window_set_aside_until_ = WallTime::min();
  }
  settings_ = std::move(settings);
}

// --- what happened

void Gate::on(const Reading& reading, Now now) {
  if (reading.meaning == Class::ignore) return;
  renew(std::min(reading.sample.at.instant, now.instant));
  if (reading.meaning == Class::wake && state_ != GateState::awake && !wanted_) wanted_ = Cause{kByPacket, reading, {}};
}

void Gate::on(const gate_event::StartEnded& ended, Now now) {
  if (state_ != GateState::waking) return;
  const bool by_hand = called_off_ == CalledOff::by_hand;
  const bool failed = !ended.error.empty();
  if (by_hand && failed) {
    retry_at_ = now.instant;
    if (ended.running) return begin_clearing(now);
    tell(EventKind::slept, "the start was called off by hand");
    enter_asleep(now);
  } else if (failed && settings_.trust_exit_status) {
    back_off_start(ended.error, now);
    tell(EventKind::start_failed, fmt::format("{}, again in {}", error_, format_duration(start_backoff_)));
    ended.running ? begin_clearing(now) : enter_failed(now);
  } else {
    if (failed) tell(EventKind::start_failed, ended.error + ", taken as started");
    tell(EventKind::ready, "after " + format_duration(now.instant - since_.instant));
    const bool unwanted = by_hand && !wanted_ && !standing_wish(now);
    enter_awake(now);
    if (unwanted) stop_wish_ = kByHand;
  }
}

void Gate::on(const gate_event::StopEnded& ended, Now now) {
  if (state_ != GateState::stopping) return;
  const bool failed = !ended.error.empty() && !gone_meanwhile_;
  const bool to_be_repeated = failed && settings_.trust_exit_status;
  if (to_be_repeated) {
    back_off_stop(ended.error, now);
  } else {
    if (failed) tell(EventKind::stop_failed, ended.error + ", taken as stopped");
    stop_backoff_ = {};
  }
  if (clearing_) {
    left_running_ = to_be_repeated;
    enter_failed(now);
  } else if (to_be_repeated) {
    error_ = ended.error;
    wanted_.reset();  // by renew() it has already put off the next attempt
    enter(GateState::awake, now);
  } else {
    tell(EventKind::slept, "after " + format_duration(now.instant - since_.instant));
    error_.clear();
    enter_asleep(now);
  }
}

void Gate::on(const gate_event::VetoAnswered& answer, Now now) {
  if (std::exchange(veto_, Veto::none) != Veto::asked) return;
  if (!answer.may_stop) {
    if (!vetoed_) tell(EventKind::vetoed, "asked again every " + format_duration(settings_.veto_again));
    vetoed_ = true;
    veto_again_at_ = after(now.instant, settings_.veto_again);
  } else if (idle(now)) {
    begin_stop(idle_reason(now), now);
  }
}

void Gate::on(const gate_event::Running&, Now now) {
  if (state_ != GateState::asleep && state_ != GateState::failed) return;
  if (settings_.found == GateSettings::Found::ignore) return;
  const bool adopt = settings_.found == GateSettings::Found::adopt;
  tell(EventKind::found, adopt ? "it runs, and is taken over" : "it runs, and is to be stopped");
  if (!adopt && state_ == GateState::failed) return begin_clearing(now);
  woken_by_.reset();
  cause_ = kByFound;
  enter_awake(now);
  if (!adopt) stop_wish_ = "found running";
}

void Gate::on(const gate_event::Gone& gone, Now now) {
  if (state_ == GateState::stopping) gone_meanwhile_ = true;
  if (state_ == GateState::failed) left_running_ = false;
  if (state_ != GateState::awake) return;
  if (settings_.found == GateSettings::Found::ignore && !gone.failed) return;

  const bool soon = now.instant - up_since_ < settings_.retry_most;
  leave_awake(now);
  if (soon && stop_wish_.empty() && (gone.failed || standing_wish(now))) {
    back_off_start(gone.how, now);
    tell(EventKind::gone, fmt::format("{}, again in {}", gone.how, format_duration(start_backoff_)));
    enter_failed(now);
  } else {
    error_ = gone.failed ? gone.how : std::string{};
    tell(EventKind::gone, gone.how);
    enter_asleep(now);
  }
}

void Gate::on(const gate_event::StartByHand& start, Now now) {
  window_set_aside_until_ = WallTime::min();
  renew(now.instant);
  const bool under_way = state_ == GateState::waking && called_off_ == CalledOff::no;
  if (state_ == GateState::awake || under_way) return;
  wanted_ = Cause{start.alert.empty() ? kByOperator : kByAlert, std::nullopt, start.alert};
  if (state_ == GateState::failed) retry_at_ = now.instant;
}

void Gate::on(const gate_event::StopByHand&, Now now) {
  keep_until_.reset();
  wanted_.reset();
  if (span_.inside) window_set_aside_until_ = next_change(settings_.awake, now.wall).value_or(WallTime::max());
  switch (state_) {
    case GateState::asleep:
      break;
    case GateState::waking:
      if (called_off_ == CalledOff::no) decide(Decision::Kind::cancel_start);
      called_off_ = CalledOff::by_hand;
      break;
    case GateState::awake:
      stop_wish_ = kByHand;
      stop_again_at_ = {};
      break;
    case GateState::stopping:
      if (!clearing_) stop_wish_ = kByHand;
      [[fallthrough]];
    case GateState::failed:
      retry_at_ = now.instant;
      break;  // and as nothing wants it, asleep
  }
}

void Gate::on(const gate_event::KeepUntil& keep, Now now) {
  if (keep.until > now.wall) {
    keep_until_ = keep.until;
    stop_wish_.clear();
    tell(EventKind::kept, "until " + format_date_time(keep.until));
  } else if (std::exchange(keep_until_, std::nullopt)) {
    tell(EventKind::kept, "no longer");
  }
}

void Gate::on(const gate_event::Tick&, Now) {}

// --- what is due

void Gate::settle(Now now) {
  switch (state_) {
    case GateState::asleep:
      return settle_asleep(now);
    case GateState::waking:
      return settle_waking(now);
    case GateState::awake:
      return settle_awake(now);
    case GateState::stopping:
      return;  // until StopEnded
    case GateState::failed:
      return settle_failed(now);
  }
}

void Gate::settle_asleep(Now now) {
  if (auto wish = wanted_ ? wanted_ : standing_wish(now)) begin_start(*wish, now);
}

void Gate::settle_waking(Now now) {
  if (called_off_ != CalledOff::no || now.instant < after(since_.instant, settings_.start_timeout)) return;
  called_off_ = CalledOff::timed_out;
  decide(Decision::Kind::cancel_start);
}

void Gate::settle_awake(Now now) {
  if (now.instant < stop_again_at_) return;
  if (!stop_wish_.empty()) {
    begin_stop(stop_wish_, now);
  } else if (now.instant >= max_up_at()) {
    begin_stop(fmt::format("up for {}, as long as max_up allows", format_duration(*settings_.max_up)), now);
  } else if (idle(now) && veto_ == Veto::none) {
    if (!settings_.veto) return begin_stop(idle_reason(now), now);
    veto_ = Veto::asked;
    decide(Decision::Kind::ask_veto);
  }
}

void Gate::settle_failed(Now now) {
  if (now.instant < retry_at_) return;
  if (auto wish = wanted_ ? wanted_ : standing_wish(now)) {
    begin_start(*wish, now);
  } else if (!left_running_) {
    tell(EventKind::forgot, "nothing wants it any more");
    enter_asleep(now);
  } else if (now.instant >= stop_again_at_) {
    begin_clearing(now);
  }
}

// --- from state to state

void Gate::enter(GateState state, Now now) {
  state_ = state;
  since_ = now;
}

void Gate::enter_asleep(Now now) {
  stop_wish_.clear();
  left_running_ = false;
  enter(GateState::asleep, now);
}

void Gate::enter_awake(Now now) {
  wanted_.reset();
  error_.clear();
  up_since_ = now.instant;
  veto_again_at_ = {};
  stop_backoff_ = {};
  stop_again_at_ = {};
  left_running_ = false;
  enter(GateState::awake, now);
}

void Gate::enter_failed(Now now) {
  if (wanted_ && (wanted_->name == kByOperator || wanted_->name == kByAlert)) retry_at_ = now.instant;
  enter(GateState::failed, now);
}

void Gate::begin_start(const Cause& cause, Now now) {
  tell(EventKind::woke, cause.packet                ? describe(cause.packet->sample)
                        : cause.name == kByOperator ? "started by hand"
                        : cause.name == kByAlert    ? "started by alert " + cause.alert
                        : cause.name == kByKeep     ? "to be kept awake until " + format_date_time(*keep_until_)
                                                    : std::string{cause.name});
  decide(Decision::Kind::start);
  woken_by_ = cause.packet;
  cause_ = cause.name;
  called_off_ = CalledOff::no;
  wanted_.reset();
  enter(GateState::waking, now);
}

void Gate::begin_stop(std::string reason, Now now) {
  leave_awake(now);
  tell(EventKind::stopping, std::move(reason));
  decide(Decision::Kind::stop);
  clearing_ = false;
  gone_meanwhile_ = false;
  enter(GateState::stopping, now);
}

void Gate::begin_clearing(Now now) {
  begin_stop("it runs, though no start succeeded", now);
  clearing_ = true;
}

// The veto's answer means nothing from here on; a long time awake makes up for failures before it.
void Gate::leave_awake(Now now) {
  if (state_ != GateState::awake) return;
  if (veto_ == Veto::asked) veto_ = Veto::overtaken;
  vetoed_ = false;
  if (now.instant - up_since_ >= settings_.retry_most) start_backoff_ = {};
}

// Somebody wants the service: idle time begins again, and what was about to end it is off.
void Gate::renew(Instant at) {
  last_wanted_ = std::max(last_wanted_, at);
  if (veto_ == Veto::asked) veto_ = Veto::overtaken;
  vetoed_ = false;
  stop_wish_.clear();
}

void Gate::back_off_start(std::string error, Now now) {
  error_ = std::move(error);
  start_backoff_ = longer(start_backoff_);
  retry_at_ = after(now.instant, start_backoff_);
}

void Gate::back_off_stop(const std::string& error, Now now) {
  stop_backoff_ = longer(stop_backoff_);
  stop_again_at_ = after(now.instant, stop_backoff_);
  tell(EventKind::stop_failed, fmt::format("{}, again in {}", error, format_duration(stop_backoff_)));
}

Duration Gate::longer(Duration backoff) const {
  return std::min(backoff == Duration::zero() ? settings_.retry_first : 2 * backoff, settings_.retry_most);
}

void Gate::decide(Decision::Kind kind) { decisions_.push_back({.kind = kind}); }

void Gate::tell(EventKind event, std::string text) {
  decisions_.push_back({.kind = Decision::Kind::tell, .event = event, .text = std::move(text)});
}

// --- times and wishes

// The span around the last step is kept, because looking for its end is too much for each packet.
Gate::Span Gate::span_at(WallTime time) const {
  if (settings_.awake.empty()) return {.inside = false, .from = WallTime::min(), .until = WallTime::max()};
  if (span_.from <= time && time < span_.until) return span_;
  return {.inside = in_schedule(settings_.awake, time),
          .from = time,
          .until = next_change(settings_.awake, time).value_or(time + kScheduleHorizon)};
}

bool Gate::in_window(Now now) const { return now.wall >= window_set_aside_until_ && span_at(now.wall).inside; }

bool Gate::kept(Now now) const { return keep_until_ && now.wall < *keep_until_; }

std::optional<Gate::Cause> Gate::standing_wish(Now now) const {
  if (in_window(now)) return Cause{kBySchedule, std::nullopt, {}};
  if (kept(now)) return Cause{kByKeep, std::nullopt, {}};
  return std::nullopt;
}

bool Gate::idle(Now now) const { return now.instant >= idle_at() && !in_window(now) && !kept(now); }

std::string Gate::idle_reason(Now now) const { return "idle for " + format_duration(now.instant - idle_since()); }

Instant Gate::idle_since() const { return std::max(last_wanted_, up_since_); }

Instant Gate::idle_at() const {
  return std::max(
      {after(idle_since(), settings_.idle), after(up_since_, settings_.min_up), veto_again_at_, stop_again_at_});
}

Instant Gate::max_up_at() const {
  return settings_.max_up ? std::max(after(up_since_, *settings_.max_up), stop_again_at_) : Instant::max();
}

std::optional<Instant> Gate::deadline(Now now) const {
  Instant due = settings_.awake.empty() ? Instant::max() : instant_of(span_at(now.wall).until, now);
  if (state_ == GateState::asleep && standing_wish(now)) {
    due = now.instant;  // made, or reconfigured, in a window
  } else if (state_ == GateState::waking && called_off_ == CalledOff::no) {
    due = std::min(due, after(since_.instant, settings_.start_timeout));
  } else if (state_ == GateState::failed) {
    due = std::min(due, now.instant < retry_at_ ? retry_at_ : stop_again_at_);
  } else if (state_ == GateState::awake) {
    due = std::min(due, stop_wish_.empty() ? max_up_at() : stop_again_at_);
    if (veto_ == Veto::none && !in_window(now)) {
      due = std::min(due, kept(now) ? std::max(idle_at(), instant_of(*keep_until_, now)) : idle_at());
    }
  }
  return due < Instant::max() ? std::optional{due} : std::nullopt;
}

std::optional<Instant> Gate::retry_at() const {
  return state_ == GateState::failed ? std::optional{retry_at_} : std::nullopt;
}

std::optional<Instant> Gate::sleeps_at(Now now) const {
  if (state_ != GateState::awake) return std::nullopt;
  Instant at = std::max(stop_wish_.empty() ? idle_at() : stop_again_at_, now.instant);
  if (stop_wish_.empty() && at < Instant::max()) {
    if (kept(now)) at = std::max(at, instant_of(*keep_until_, now));
    const WallTime wall = wall_of(at, now);
    if (wall >= window_set_aside_until_ && in_schedule(settings_.awake, wall)) {
      const auto end = next_change(settings_.awake, wall);
      at = end ? instant_of(*end, now) : Instant::max();
    }
  }
  at = std::max(std::min(at, max_up_at()), now.instant);
  return at < Instant::max() ? std::optional{at} : std::nullopt;
}

std::string_view Gate::kept_by(Now now) const {
  if (state_ != GateState::awake) return "";
  if (in_window(now)) return kBySchedule;
  if (kept(now)) return kByKeep;
  if (now.instant < after(up_since_, settings_.min_up)) return "min_up";
  return vetoed_ ? "veto" : "";
}

}  // namespace tidegate
