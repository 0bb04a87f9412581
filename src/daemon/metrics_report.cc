#include "daemon/metrics_report.h"

#include <array>

#include "daemon/report.h"
#include "observe/tally_report.h"
#include "observe/watch_report.h"

namespace tidegate::metrics {

namespace {

constexpr std::array kStates = {GateState::asleep, GateState::waking, GateState::awake, GateState::stopping,
                                GateState::failed};

struct PlainCounter {
  std::string_view name;
  std::string_view help;
  std::uint64_t ForwardTotals::* value;
};
constexpr std::array kPlainCounters = {
    PlainCounter{"tidegate_forward_connections_total", "TCP connections let in.", &ForwardTotals::connections},
    PlainCounter{"tidegate_forward_sessions_total", "UDP sessions begun.", &ForwardTotals::sessions},
    PlainCounter{"tidegate_forward_errors_total",
                 "Connections and sessions that ended by an error, or reached no target.", &ForwardTotals::errors},
    PlainCounter{"tidegate_forward_refused_total", "Clients turned away: deny, limits, quota, no room to wait.",
                 &ForwardTotals::refused},
    PlainCounter{"tidegate_forward_dropped_total", "Datagrams that could not be delivered, or were not allowed.",
                 &ForwardTotals::dropped},
};

struct PlainGauge {
  std::string_view name;
  std::string_view help;
  std::atomic<std::int64_t> ForwardLife::* value;
};
constexpr std::array kPlainGauges = {
    PlainGauge{"tidegate_forward_open_connections", "TCP connections open now.", &ForwardLife::open_connections},
    PlainGauge{"tidegate_forward_open_sessions", "UDP sessions open now.", &ForwardLife::open_sessions},
    PlainGauge{"tidegate_forward_waiting", "Clients that wait for the forward's service now.", &ForwardLife::waiting},
};

// Of the packets that a service held in the queue, what became of them.
struct QueueOutcome {
  std::string_view name;
  std::uint64_t WaitingCounts::* value;
};
constexpr std::array kQueueOutcomes = {
    QueueOutcome{"let_go", &WaitingCounts::let_go},
    QueueOutcome{"repeated", &WaitingCounts::repeated},
    QueueOutcome{"dropped_full", &WaitingCounts::dropped_full},
    QueueOutcome{"dropped_old", &WaitingCounts::dropped_old},
    QueueOutcome{"dropped_failed", &WaitingCounts::dropped_failed},
    QueueOutcome{"lost", &WaitingCounts::lost},
};

void add_queue(MetricsText& text, const std::string& service, const QueueStatus& status) {
  text.gauge("tidegate_queue_waiting", "Packets that wait in the queue for the service now.")
      .add({{"service", service}}, status.waiting);
  auto& outcomes = text.counter("tidegate_queue_packets_total",
                                "Packets that came to the queue to wait for the service, by what became of them.");
  for (const auto& outcome : kQueueOutcomes) {
    outcomes.add({{"service", service}, {"outcome", outcome.name}}, status.counts.*outcome.value);
  }
}

// Of each target its state now. A target may be listed twice.
void add_targets(MetricsText& text, const ForwardView& forward, Instant now) {
  auto& up = text.gauge("tidegate_target_up", "Whether new clients go to the target: 1, or 0 where it is down.");
  const auto& name = forward.entry->settings.name;
  const auto& targets = forward.runtime->targets;
  std::vector<std::string> told;
  told.reserve(targets.all().size());
  for (std::size_t i = 0; i < targets.all().size(); ++i) {
    const auto target = targets.all()[i]->settings.to_string();
    if (std::ranges::find(told, target) != told.end()) continue;
    told.push_back(target);
    up.add({{"forward", name}, {"target", target}}, targets.is_up(i, now) ? 1 : 0);
  }
}

}  // namespace

void add_forwards(MetricsText& text, const std::vector<ForwardView>& forwards, Instant now) {
  for (const auto& forward : forwards) {
    const auto& name = forward.entry->settings.name;
    const auto totals = forward.books->totals(name);
    text.gauge("tidegate_forward_engine", "1 for the engine that carries the forward.")
        .add({{"forward", name}, {"engine", to_string(forward.entry->settings.engine)}}, 1);
    text.counter(
            "tidegate_forward_bytes_total",
            "Bytes delivered, of payload, or of whole IP packets (engine kernel); upload is from client to target.")
        .add({{"forward", name}, {"direction", "upload"}}, totals.upload)
        .add({{"forward", name}, {"direction", "download"}}, totals.download);
    text.counter("tidegate_forward_datagrams_total", "UDP datagrams delivered.")
        .add({{"forward", name}, {"direction", "upload"}}, totals.datagrams_up)
        .add({{"forward", name}, {"direction", "download"}}, totals.datagrams_down);
    for (const auto& counter : kPlainCounters) {
      text.counter(counter.name, counter.help).add({{"forward", name}}, totals.*counter.value);
    }
    if (forward.runtime == nullptr) continue;
    for (const auto& gauge : kPlainGauges) {
      const auto value = ((*forward.runtime->life).*gauge.value).load(std::memory_order_relaxed);
      text.gauge(gauge.name, gauge.help).add({{"forward", name}}, std::max<std::int64_t>(value, 0));
    }
    add_targets(text, forward, now);
  }
}

void add_quotas(MetricsText& text, const Accounting::Quotas& quotas) {
  for (const auto& [key, entry] : quotas) {
    text.gauge("tidegate_quota_bytes", "The quota's limit, with what it was raised by.")
        .add({{"quota", key}}, entry.quota.limit());
    text.gauge("tidegate_quota_used_bytes", "What is used of the quota in its present period.")
        .add({{"quota", key}}, entry.quota.used());
    text.gauge("tidegate_quota_exceeded", "Whether the quota is reached, and its action holds.")
        .add({{"quota", key}}, entry.quota.exceeded() ? 1 : 0);
  }
}

void add_services(MetricsText& text, const std::vector<std::unique_ptr<Service>>& services, Now now) {
  for (const auto& service : services) {
    const auto& name = service->settings().name;
    const auto seen = service->seen(now.instant - report::kClientFor);
    auto& state = text.gauge("tidegate_service_state", "1 for the state that the service is in, 0 for the others.");
    for (const auto each : kStates) {
      state.add({{"service", name}, {"state", to_string(each)}}, service->gate().state() == each ? 1 : 0);
    }
    text.gauge("tidegate_service_clients", "Clients that were seen in the last minute.")
        .add({{"service", name}}, seen.clients.size());
    text.counter("tidegate_service_bytes_total", "Bytes seen on the way to the service and back, IP headers included.")
        .add({{"service", name}, {"direction", "in"}}, seen.bytes_in)
        .add({{"service", name}, {"direction", "out"}}, seen.bytes_out);
    if (const auto queue = service->queue()) add_queue(text, name, *queue);
  }
}

void add_sensors(MetricsText& text, const std::vector<SensorStatus>& sensors) {
  std::vector<std::string_view> told;
  told.reserve(sensors.size());
  for (const auto& sensor : sensors) {
    if (std::ranges::find(told, sensor.name) != told.end()) continue;
    told.emplace_back(sensor.name);
    SensorStatus sum;  // of those with one name: two services may watch one interface
    bool listening = true;
    for (const auto& same : sensors) {
      if (same.name != sensor.name) continue;
      sum.packets += same.packets;
      sum.rejected += same.rejected;
      sum.dropped_kernel += same.dropped_kernel;
      sum.dropped_interface += same.dropped_interface;
      listening = listening && same.listening;
    }
    text.gauge("tidegate_sensor_listening", "Whether the sensor is open.")
        .add({{"sensor", sensor.name}}, listening ? 1 : 0);
    text.counter("tidegate_sensor_packets_total", "Packets delivered by the sensor.")
        .add({{"sensor", sensor.name}}, sum.packets);
    text.counter("tidegate_sensor_rejected_total", "Frames that could not be decoded.")
        .add({{"sensor", sensor.name}}, sum.rejected);
    text.counter("tidegate_sensor_dropped_total", "Packets that were lost before the sensor read them.")
        .add({{"sensor", sensor.name}, {"by", "kernel"}}, sum.dropped_kernel)
        .add({{"sensor", sensor.name}, {"by", "interface"}}, sum.dropped_interface);
  }
  const auto nflog =
      std::ranges::find_if(sensors, [](const SensorStatus& sensor) { return sensor.overruns.has_value(); });
  if (nflog != sensors.end()) {
    text.counter("tidegate_nflog_overruns_total", "How often the buffer that all nflog groups share was full.")
        .add({}, *nflog->overruns);
  }
  const auto kernel =
      std::ranges::find_if(sensors, [](const SensorStatus& sensor) { return sensor.handed_up.has_value(); });
  if (kernel != sensors.end()) {
    text.counter("tidegate_kernel_handed_up_total", "Packets that the sensor kernel woke tidegate for.")
        .add({}, *kernel->handed_up);
  }
}

void add_watches(MetricsText& text, const Observers::Watches& watches, Now now) {
  for (const auto& watching : watches) {
    auto& watch = watching->watch;
    const auto& name = watch.settings().name;
    const auto report = watch.report(now, watch.settings().windows.front(), 1);
    const auto& total = report.total;
    text.counter("tidegate_watch_requests_total", "HTTP requests seen.").add({{"watch", name}}, total.requests);
    auto& responses = text.counter("tidegate_watch_responses_total", "HTTP responses seen, by class of their status.");
    for (std::size_t digit = 0; digit < report.classes.size(); ++digit) {
      const auto status = digit == 0 ? std::string{"other"} : fmt::format("{}xx", digit);
      responses.add({{"watch", name}, {"class", status}}, report.classes[digit]);
    }
    text.counter("tidegate_watch_bytes_total",
                 "Bytes of requests that were answered, and of responses, heads included.")
        .add({{"watch", name}, {"of", "requests"}}, total.request_bytes)
        .add({{"watch", name}, {"of", "responses"}}, total.response_bytes);
    auto& losses = text.counter("tidegate_watch_losses_total", "What the watch could not see or read, by kind.");
    for (const auto& [kind, count] : watch_report::loss_counts(report.losses)) {
      losses.add({{"watch", name}, {"kind", kind}}, count);
    }
    auto& times = text.gauge("tidegate_watch_first_byte_seconds",
                             "Time to the first byte of responses in the watch's first window.");
    const auto add_time = [&](std::string_view quantile, const std::optional<Duration>& time) {
      if (time) times.add({{"watch", name}, {"quantile", quantile}}, std::chrono::duration<double>(*time).count());
    };
    add_time("0.5", report.times.p50);
    add_time("0.95", report.times.p95);
    add_time("0.99", report.times.p99);
    for (const auto& alert : watch.alerts()) {
      text.gauge("tidegate_alert_raised", "Whether the alert is raised.")
          .add({{"watch", name}, {"alert", alert.settings().name}}, alert.raised() ? 1 : 0);
    }
  }
}

void add_alert_actions(MetricsText& text, const Observers& observers) {
  if (observers.watches().empty()) return;
  const auto counts = observers.actions().counts();
  text.counter("tidegate_alert_actions_total", "Commands run and webhooks posted by alerts, by what came of them.")
      .add({{"action", "command"}, {"outcome", "done"}}, counts.commands)
      .add({{"action", "command"}, {"outcome", "failed"}}, counts.commands_failed)
      .add({{"action", "command"}, {"outcome", "left_out"}}, counts.commands_left_out)
      .add({{"action", "webhook"}, {"outcome", "done"}}, counts.webhooks.delivered)
      .add({{"action", "webhook"}, {"outcome", "failed"}}, counts.webhooks.failed)
      .add({{"action", "webhook"}, {"outcome", "left_out"}}, counts.webhooks.left_out);
}

void add_tallies(MetricsText& text, const Observers::Tallies& tallies, const Pseudonyms& names) {
  // Each is a time series or two for whoever collects them.
  constexpr std::size_t kMostSources = 100;
  constexpr std::size_t kMostPorts = 10;
  for (const auto& tallying : tallies) {
    auto report = tallying->tally.report();
    report.shorten(kMostSources, kMostPorts);
    tally_report::add_metrics(text, tallying->settings.name, report, tallying->names ? *tallying->names : names,
                              tally_report::Outcomes::left_out);
  }
}

void add_process(MetricsText& text, const ProcessStatus& status, std::string_view version) {
  text.gauge("tidegate_build_info", "Always 1; the version is in its label.").add({{"version", version}}, 1);
  text.gauge("process_start_time_seconds", "When the process started, since the epoch.").add({}, status.start_time);
  text.counter("process_cpu_seconds_total", "User and system CPU time.").add({}, status.cpu_seconds);
  text.gauge("process_resident_memory_bytes", "Resident memory.").add({}, status.resident_bytes);
  text.gauge("process_open_fds", "Open file descriptors.").add({}, status.open_fds);
  text.gauge("process_max_fds", "How many file descriptors may be open.").add({}, status.most_fds);
}

}  // namespace tidegate::metrics
