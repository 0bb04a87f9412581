#include "daemon/service.h"

#include <algorithm>
#include <boost/asio.hpp>
#include <exception>

#include "base/log.h"
#include "base/units.h"
#include "daemon/dry_run.h"
#include "observe/clock.h"
#include "sensor/savefile.h"

namespace tidegate {

namespace asio = boost::asio;

namespace {

constexpr Duration kVetoTimeout = std::chrono::seconds{60};
constexpr Duration kLeastStopTimeout = std::chrono::seconds{60};
constexpr Duration kLongestWait = std::chrono::minutes{1};  // the wall clock may jump, and schedules go by it
constexpr int kLooksUntilGone = 2;  // a service that is being restarted by hand is away for a moment

}  // namespace

Service::Service(const asio::any_io_executor& executor, ServiceSettings settings, std::string state_path, bool dry_run,
                 const Pseudonyms& names, ServiceHooks hooks)
    : settings_{std::move(settings)},
      state_path_{std::move(state_path)},
      dry_run_{dry_run},
      names_{names},
      hooks_{std::move(hooks)},
      gate_{settings_.gate},
      classifier_{settings_.wake, settings_.keep},
      timer_{executor},
      tasks_{executor} {
  make_the_action();
}

void Service::make_the_action() {
  action_ = dry_run_ ? make_dry_run_action(settings_.name, settings_.action)
                     : make_action(tasks_.executor(), settings_.name, settings_.action, state_path_,
                                   [this](std::string how, bool failed) { process_gone(std::move(how), failed); });
  action_is_old_ = false;
}

void Service::begin() {
  if (action_->running()) step(gate_event::Running{});
  step(gate_event::Tick{});
  arm_timer();
}

void Service::observe(const Sample& sample, const Frame& frame, const std::string& sensor) {
  if (ending_) return;
  if (!frame.counted) clients_.add(sample);
  last_sample_ = sample.at.instant;
  const Class meaning = classifier_.classify(sample, gate_.state() == GateState::awake);
  if (meaning == Class::ignore) return;
  if (meaning == Class::wake) remember(sample, frame, sensor);
  read(Reading{sample, meaning});
}

void Service::want(const Sample& sample, const std::string& sensor) {
  if (ending_) return;
  last_sample_ = sample.at.instant;
  const Class meaning = classifier_.classify_accepted(sample, gate_.state() == GateState::awake);
  if (meaning != Class::wake) return;
  const packet::Headers none{};
  remember(sample, Frame{.headers = &none}, sensor);
  read(Reading{sample, meaning});
}

void Service::look_at_forwards() {
  if (ending_ || !hooks_.active || gate_.state() != GateState::awake || !hooks_.active()) return;
  Sample sample;
  sample.at = system_now();
  last_sample_ = sample.at.instant;
  read(Reading{sample, Class::keep});
}

// What the kernel's counters saw since they were asked last.
void Service::look_at_counters() {
  if (ending_ || !hooks_.renewed || gate_.state() != GateState::awake) return;
  const auto last = hooks_.renewed();
  if (!last || *last <= renewed_) return;
  renewed_ = *last;
  last_sample_ = last_sample_ ? std::max(*last_sample_, *last) : *last;
  Sample sample;
  sample.at.instant = *last;
  read(Reading{sample, Class::keep});
}

void Service::refresh() {
  look_at_forwards();
  look_at_counters();
}

CountedTraffic Service::seen(Instant since) const {
  auto all = hooks_.counted ? hooks_.counted().value_or(CountedTraffic{}) : CountedTraffic{};
  std::erase_if(all.clients, [&](const Client& client) { return client.last < since; });
  all.bytes_in += clients_.bytes_in();
  all.bytes_out += clients_.bytes_out();
  const auto at_once = all.clients.size();
  std::ranges::move(clients_.since(since), std::back_inserter(all.clients));
  std::ranges::inplace_merge(all.clients, all.clients.begin() + static_cast<std::ptrdiff_t>(at_once), std::greater{},
                             &Client::last);
  return all;
}

IsOwn Service::own() const {
  return [this](const IpAddress& address) {
    return std::ranges::find(settings_.addresses, address) != settings_.addresses.end() ||
           (hooks_.local && hooks_.local(address));
  };
}

void Service::read(const Reading& reading) {
  const auto decisions = gate_.step(reading, system_now());
  if (decisions.empty()) return;  // awake and renewed: its timer finds out by itself
  carry_out(decisions);
  arm_timer();
}

// The gate starts with the first packet that wanted it, which may be a while ago: it came while it was stopping, or
// between two tries.
void Service::remember(const Sample& sample, const Frame& frame, const std::string& sensor) {
  const auto state = gate_.state();
  if (state == GateState::awake || state == GateState::waking) return;
  if (wake_packet_ && state != GateState::asleep) return;
  wake_packet_ = {.sample = sample, .frame = frame, .headers = *frame.headers, .sensor = sensor};
  wake_packet_->bytes.assign(frame.bytes.begin(), frame.bytes.end());
}

void Service::tell_wake_packet() {
  const auto packet = std::exchange(wake_packet_, std::nullopt);
  woken_by_sensor_.clear();
  if (!packet || !gate_.woken_by() || gate_.woken_by()->sample.at.instant != packet->sample.at.instant) return;
  woken_by_sensor_ = packet->sensor;
  Frame frame = packet->frame;
  if (packet->bytes.empty()) return;  // a forward's client
  frame.bytes = packet->bytes;
  frame.headers = &packet->headers;
  if (hooks_.woke) hooks_.woke(packet->sample, frame);
  if (settings_.capture_wakes.empty()) return;
  if (const auto kept = append_to_savefile(settings_.capture_wakes, frame, packet->sample.at.wall); !kept) {
    log::warn("{}: {}", settings_.name, kept.error().what);
  }
}

void Service::step(const GateEvent& event) {
  // It may be about to sleep. What comes from here on is handed up, and what came before has been counted, so that no
  // packet falls between the two.
  const bool counts = hooks_.listen && gate_.state() == GateState::awake;
  if (counts) hooks_.listen(true);
  if (std::holds_alternative<gate_event::Tick>(event)) look_at_forwards();
  look_at_counters();
  carry_out(gate_.step(event, system_now()));
  arm_timer();
  if (counts && gate_.state() == GateState::awake) hooks_.listen(false);
}

void Service::start_by_hand(std::string alert) { step(gate_event::StartByHand{std::move(alert)}); }
void Service::stop_by_hand() { step(gate_event::StopByHand{}); }
void Service::keep_until(WallTime until) { step(gate_event::KeepUntil{until}); }

void Service::saw_listening(bool listening) {
  // A process is watched itself; somebody else's on its port is none that could be stopped here.
  if (std::holds_alternative<ProcessAction>(settings_.action)) return;
  const auto before = std::exchange(listening_, listening);
  if (listening) {
    silent_looks_ = 0;
    if (rests() && before != true) step(gate_event::Running{});
    return;
  }
  // Only what was once seen on its ports can be missed there: a container may be reached by other ways.
  if (gate_.state() != GateState::awake) {
    silent_looks_ = 0;
  } else if (before == true || silent_looks_ > 0) {
    if (++silent_looks_ >= kLooksUntilGone) {
      silent_looks_ = 0;
      step(gate_event::Gone{.how = "nothing listens on its ports any more", .failed = false});
    }
  }
}

void Service::process_gone(std::string how, bool failed) {
  if (starting_) {
    start_cut_ = "the process " + how;
    cancel_probe_.emit(asio::cancellation_type::terminal);
    return;
  }
  step(gate_event::Gone{.how = std::move(how), .failed = failed});
}

// What is decided is done first and told then: a line of the log takes as long as the start of a process. A task that
// ends while it is begun is told of after what is told here.
void Service::carry_out(const std::vector<Decision>& decisions) {
  tell_events();
  if (!decisions.empty() && !ending_ && hooks_.state_follows) hooks_.state_follows();
  for (const auto& decision : decisions) {
    switch (decision.kind) {
      case Decision::Kind::start:
        tasks_.spawn(settings_.name + ": start", run_start());
        break;
      case Decision::Kind::cancel_start:
        start_cut_ = fmt::format("not ready within {}", config_duration(settings_.gate.start_timeout));
        action_->cancel();
        cancel_probe_.emit(asio::cancellation_type::terminal);
        break;
      case Decision::Kind::stop:
        tasks_.spawn(settings_.name + ": stop", run_stop());
        break;
      case Decision::Kind::ask_veto:
        tasks_.spawn(settings_.name + ": veto", run_veto());
        break;
      case Decision::Kind::tell: {
        auto text = decision.text;
        if (decision.event == EventKind::woke) tell_wake_packet();
        if (decision.event == EventKind::woke && gate_.woken_by())
          text = describe(gate_.woken_by()->sample, names_, own());
        if (decision.event == EventKind::woke && !woken_by_sensor_.empty()) text += ", " + woken_by_text();
        untold_.emplace_back(system_now().wall, settings_.name, decision.event, std::move(text));
        break;
      }
    }
  }
  tell_events();
  if (!decisions.empty()) hooks_.state_changed();
}

void Service::tell_events() {
  for (auto& event : std::exchange(untold_, {})) hooks_.tell(std::move(event));
}

std::string Service::woken_by_text() const {
  return woken_by_sensor_ == kQueueSensor ? "held by queue" : "sensor " + woken_by_sensor_;
}

void Service::arm_timer() {
  const auto deadline = gate_.deadline(system_now());
  if (!deadline) {
    timer_.cancel();
    return;
  }
  timer_.expires_at(std::min(*deadline, system_now().instant + kLongestWait));
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) step(gate_event::Tick{});
  });
}

Environment Service::environment(std::string_view event) const {
  Environment environment{{"TIDEGATE_SERVICE", settings_.name}, {"TIDEGATE_EVENT", std::string{event}}};
  if (const auto& reading = gate_.woken_by()) {
    const auto& flow = reading->sample.flow;
    auto ends = shown_addresses(reading->sample, names_, own());
    environment.emplace_back("TIDEGATE_PROTOCOL", to_string(flow.protocol));
    environment.emplace_back("TIDEGATE_SOURCE_ADDRESS", std::move(ends.source));
    environment.emplace_back("TIDEGATE_SOURCE_PORT", std::to_string(flow.source.port));
    environment.emplace_back("TIDEGATE_DESTINATION_ADDRESS", std::move(ends.destination));
    environment.emplace_back("TIDEGATE_DESTINATION_PORT", std::to_string(flow.destination.port));
    environment.emplace_back("TIDEGATE_SENSOR", woken_by_sensor_);
  }
  return environment;
}

asio::awaitable<void> Service::run_start() {
  const auto began = system_now().instant;
  const auto took = [&] { return format_duration(system_now().instant - began); };
  starting_ = true;
  start_cut_.clear();
  start_took_.clear();
  if (action_is_old_ && !action_->running()) {
    co_await asio::post(tasks_.executor(), asio::use_awaitable);  // the old one may be calling us
    make_the_action();
  }
  gate_event::StartEnded ended;
  const auto started = co_await action_->start(environment("start"));
  if (!started) {
    ended.error = started.error().what;
  } else if (dry_run_) {
    start_took_ = "0.0 s (dry run)";
  } else {
    const auto start_time = took();
    const auto answer = co_await asio::co_spawn(
        tasks_.executor(), probe_until_ready(settings_.ready, environment("probe"), hooks_.probe_speaks),
        asio::bind_cancellation_slot(cancel_probe_.slot(), asio::use_awaitable));
    if (answer) {
      start_took_ = fmt::format("{} to be ready (start {}, {})", took(), start_time, answer->text);
    } else {
      ended = {.error = answer.error().what, .running = true};
    }
  }
  if (!ended.error.empty() && !start_cut_.empty()) ended.error = fmt::format("{}: {}", start_cut_, ended.error);
  starting_ = false;
  step(ended);
}

asio::awaitable<void> Service::run_stop() {
  const auto timeout = std::max(settings_.gate.start_timeout, kLeastStopTimeout);
  const auto stopped = co_await action_->stop(environment("stop"), timeout);
  if (action_is_old_ && !action_->running()) make_the_action();
  listening_ = true;  // it may let its ports go a little later; only a new listener is news
  step(gate_event::StopEnded{stopped ? std::string{} : stopped.error().what});
}

asio::awaitable<void> Service::run_veto() {
  gate_event::VetoAnswered answer{.may_stop = true};
  if (settings_.veto && !dry_run_) {
    const auto asked =
        co_await probe_once(ReadyCommand{*settings_.veto}, environment("veto"), kVetoTimeout, hooks_.probe_speaks);
    answer.may_stop = asked.has_value();
  }
  step(answer);
}

void Service::reconfigure(ServiceSettings settings) {
  const bool other_action = settings.action != settings_.action;
  const bool other_rules = settings.wake != settings_.wake || settings.keep != settings_.keep;
  settings_ = std::move(settings);
  gate_.reconfigure(settings_.gate);
  if (other_rules) classifier_ = Classifier{settings_.wake, settings_.keep};
  if (other_action) {
    action_is_old_ = true;
    const bool commands = std::holds_alternative<CommandAction>(settings_.action) && gate_.state() == GateState::awake;
    if (!action_->running() && (rests() || commands)) make_the_action();
  }
  step(gate_event::Tick{});
}

asio::awaitable<void> Service::end(bool stop) {
  ending_ = true;  // no traffic wakes it from here on
  const auto state = gate_.state();
  if (stop && (state == GateState::awake || state == GateState::waking)) {
    stop_by_hand();  // a start under way is ended first, and what it left running is stopped by the gate as well
  } else if (state != GateState::stopping) {  // a stop under way is let finish: what it saves would be lost
    tasks_.cancel();
  }
  co_await tasks_.join();
  timer_.cancel();
  co_await asio::post(tasks_.executor(), asio::use_awaitable);  // a timer that was already due has run by then
}

}  // namespace tidegate
