#include "daemon/simulation.h"

#include <algorithm>
#include <deque>
#include <span>
#include <vector>

#include "daemon/shown.h"
#include "gate/gate.h"
#include "meter/classify.h"
#include "meter/router.h"

namespace tidegate {
namespace {

class Simulated {
 public:
  Simulated(const ServiceSettings& settings, const Pseudonyms& names, std::vector<Event>& events)
      : name_{settings.name},
        addresses_{settings.addresses},
        names_{names},
        gate_{settings.gate},
        classifier_{settings.wake, settings.keep},
        events_{events} {}

  void observe(const Sample& sample) {
    pass_time(sample.at);
    const auto meaning = classifier_.classify(sample, gate_.state() == GateState::awake);
    if (meaning != Class::ignore) step(Reading{sample, meaning}, sample.at);
  }

  // Every timer that is due by `now`, each at its own time.
  void pass_time(Now now) {
    if (last_.instant == Instant{}) last_ = now;
    while (tick(now.instant)) {
    }
  }

  // Time goes on until it is at rest, for a week at the most.
  void run_out() {
    const auto end = last_.instant + std::chrono::days{7};
    while (gate_.state() != GateState::asleep && tick(end)) {
    }
  }

 private:
  // The next timer, if it is due by `limit`; false: it is not.
  bool tick(Instant limit) {
    const auto due = gate_.deadline(last_);
    if (!due || *due > limit) return false;
    const auto at = std::max(*due, last_.instant);
    step(gate_event::Tick{}, {at, last_.wall + (at - last_.instant)});
    return true;
  }

  void step(const GateEvent& event, Now now) {
    last_ = now;
    std::deque<GateEvent> answers{event};
    while (!answers.empty()) {
      for (const auto& decision : gate_.step(answers.front(), now)) {
        if (decision.kind == Decision::Kind::start) answers.emplace_back(gate_event::StartEnded{});
        if (decision.kind == Decision::Kind::stop) answers.emplace_back(gate_event::StopEnded{});
        if (decision.kind == Decision::Kind::ask_veto) answers.emplace_back(gate_event::VetoAnswered{});
        if (decision.kind == Decision::Kind::tell) events_.push_back({now.wall, name_, decision.event, text(decision)});
      }
      answers.pop_front();
    }
  }

  [[nodiscard]] std::string text(const Decision& decision) const {
    if (decision.event != EventKind::woke || !gate_.woken_by()) return decision.text;
    return describe(gate_.woken_by()->sample, names_, [this](const IpAddress& address) {
      return std::ranges::find(addresses_, address) != addresses_.end();
    });
  }

  std::string name_;
  std::vector<IpAddress> addresses_;
  const Pseudonyms& names_;
  Gate gate_;
  Classifier classifier_;
  std::vector<Event>& events_;
  Now last_{};
};

// The packets that a service's own sensors see, as one filter. What rules would log nobody can tell from a savefile: it
// is taken to hold just that.
std::string filter_of_sensors(const ServiceSettings& service) {
  std::string filter;
  for (const auto& sensor : service.sensors) {
    const auto* const pcap = std::get_if<PcapSource>(&sensor);
    if (pcap == nullptr || pcap->filter.empty()) return {};
    filter += fmt::format("{}({})", filter.empty() ? "" : " or ", pcap->filter);
  }
  return filter;
}

}  // namespace

Result<ReplayCount> simulate(const Config& config, const Pseudonyms& names, const std::string& savefile,
                             const std::function<void(const Event&)>& tell) {
  std::vector<Event> events;
  ReplayCount count;
  const auto pass = [&](std::span<const ServiceSettings> settings, const std::string& filter,
                        bool everything) -> Result<> {
    std::deque<Simulated> services;
    for (const auto& service : settings) services.emplace_back(service, names, events);
    const Router router{settings};
    count = {};
    auto read = replay(savefile, filter, count, [&](const Sample& sample, const Frame&) {
      for (auto& service : services) service.pass_time(sample.at);
      Sample seen = sample;
      const auto match = router.route(sample);
      if (match) seen.direction = match->direction;
      if (match || everything) services[match ? match->service : 0].observe(seen);
    });
    for (auto& service : services) service.run_out();
    return read;
  };

  std::vector<ServiceSettings> with_ports;  // one pass for all of these, and one for each that has sensors of its own
  std::vector<ServiceSettings> with_sensors;
  for (const auto& service : config.services) (service.sensors.empty() ? with_ports : with_sensors).push_back(service);
  if (savefile == "-" && with_sensors.size() + (with_ports.empty() ? 0U : 1U) > 1) {
    return failure("standard input can be read only once, and these services need it {} times: name a savefile",
                   with_sensors.size() + (with_ports.empty() ? 0U : 1U));
  }
  Result<> done = with_ports.empty() ? Result<>{} : pass(with_ports, "", false);
  for (const auto& service : with_sensors) {
    if (done) done = pass({&service, 1}, service.ports.empty() ? filter_of_sensors(service) : "", true);
  }
  std::ranges::stable_sort(events, {}, &Event::at);
  std::ranges::for_each(events, tell);
  if (!done) return std::unexpected{done.error()};
  return count;
}

}  // namespace tidegate
