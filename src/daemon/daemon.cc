#include "daemon/daemon.h"

#include <algorithm>
#include <boost/asio.hpp>
#include <csignal>
#include <filesystem>

#include "base/log.h"
#include "daemon/control.h"
#include "daemon/hiding.h"
#include "daemon/load.h"
#include "daemon/notify.h"
#include "observe/clock.h"
#include "sensor/listeners.h"

namespace tidegate {

namespace asio = boost::asio;

namespace {

constexpr auto kLookAtPorts = std::chrono::seconds{2};

}  // namespace

Daemon::Daemon(Config config, DaemonOptions options)
    : config_{std::move(config)},
      options_{std::move(options)},
      signals_{io_},
      tasks_{io_.get_executor()},
      devices_{io_.get_executor(),
               {.tell = [this](Event event) { tell(std::move(event)); },
                .rests =
                    [this](const std::string& name) {
                      const auto* const service = find(name);
                      return service == nullptr || service->rests() || options_.dry_run;
                    }}},
      queue_holds_{io_.get_executor(),
                   {.tell = [this](Event event) { tell(std::move(event)); },
                    .find = [this](const std::string& name) { return find(name); },
                    .is_own = [this](const Sample& sample) { return own_traffic_.covers(sample); }}},
      sensors_{io_.get_executor(), [this](const std::string& owner, const std::string& sensor, const Sample& sample,
                                          const Frame& frame) { observe(owner, sensor, sample, frame); }},
      forwards_{io_.get_executor(),
                {.tell = [this](Event event) { tell(std::move(event)); },
                 .wanted =
                     [this](const std::string& service, const std::string& forward, const Sample& sample) {
                       if (auto* const wanted = find(service)) wanted->want(sample, "forward " + forward);
                     },
                 .phase = [this](const std::string& service) { return phase_of(service); },
                 .active =
                     [this](const std::string& service) {
                       if (auto* const watched = find(service)) watched->look_at_forwards();
                     },
                 .check_speaks = [this](const Endpoint& from) { speaks(Protocol::tcp, from); },
                 .client_name = [this](const IpAddress& address) { return names_.of(address); }}},
      observers_{
          io_.get_executor(),
          options_.dry_run,
          {.tell = [this](Event event) { tell(std::move(event)); },
           .start =
               [this](const std::string& service, const std::string& alert) {
                 if (auto* const wanted = find(service)) wanted->start_by_hand(alert);
               },
           .throttle = [this](const std::string& forward, std::uint64_t rate) { forwards_.throttle(forward, rate); }}} {
}

Daemon::~Daemon() = default;

Result<> Daemon::open() {
  auto hiding = hiding_of(config_);
  if (!hiding) return std::unexpected{std::move(hiding.error())};
  names_ = std::move(hiding->names);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) signals_.add(signal);
  for (const auto& settings : config_.services) services_.push_back(make_service(settings));
  auto addresses = LocalAddresses::watch(executor(), [this](const std::vector<IpAddress>& now) {
    local_ = now;
    queue_holds_.set_local(now);
    if (router_) router_->set_local(local_);
    sensors_.set_local(local_);
  });
  if (!addresses) return std::unexpected{std::move(addresses.error())};
  local_addresses_ = std::move(*addresses);
  route();
  if (!options_.control.empty()) {
    auto control = ControlServer::open(executor(), options_.control, make_control_handler(*this));
    if (!control) return std::unexpected{std::move(control.error())};
    control_ = std::move(*control);
  }
  auto devices = devices_.prepare(config_);  // before the sensors that are to capture on them
  if (!devices) return std::unexpected{std::move(devices.error())};
  devices_.commit(std::move(*devices));
  if (auto opened = sensors_.apply(config_); !opened) return opened;
  if (!options_.dry_run) {
    if (auto opened = queue_holds_.apply(config_); !opened) return opened;
  }
  if (auto opened = forwards_.open(config_, options_.store); !opened) return opened;
  if (auto opened = observers_.apply(config_, hiding->key); !opened) return opened;
  return api_.apply(config_.api);
}

void Daemon::run() {
  look_at_ports_once();  // what runs already is found before the first packet is looked at
  for (const auto& service : services_) service->begin();
  states_changed();
  tasks_.spawn("signals", wait_for_signals());
  tasks_.spawn("watchdog", notify::feed_watchdog());
  tasks_.spawn("ports", look_at_ports());
  tasks_.spawn("forwards", forwards_.run());
  tasks_.spawn("observers", observers_.run());
  notify::ready();
  io_.run();
}

std::unique_ptr<Service> Daemon::make_service(ServiceSettings settings) {
  std::string state_path;
  if (!options_.control.empty() && !options_.dry_run) {
    state_path = (std::filesystem::path{options_.control}.parent_path() / (settings.name + ".pid")).string();
  }
  const std::string name = settings.name;
  return std::make_unique<Service>(
      executor(), std::move(settings), std::move(state_path), options_.dry_run, names_,
      ServiceHooks{.tell = [this](Event event) { tell(std::move(event)); },
                   .state_changed = [this] { states_changed(); },
                   .state_follows =
                       [this, name] {
                         devices_.follow(name);
                         queue_holds_.follow(name);
                       },
                   .device = [this, name] { return devices_.status(name); },
                   .queue = [this, name] { return queue_holds_.status(name); },
                   .probe_speaks = [this](Protocol protocol, const Endpoint& endpoint) { speaks(protocol, endpoint); },
                   .local =
                       [this](const IpAddress& address) {
                         return address.is_loopback() || std::ranges::find(local_, address) != local_.end();
                       },
                   .woke = options_.on_woke,
                   .active = [this, name] { return forwards_.take_activity(name); },
                   .forwarded = [this, name] { return forwards_.traffic(name); },
                   .renewed = [this, name] { return sensors_.renewed(name); },
                   .listen = [this, name](bool on) { sensors_.set_listening(name, on); },
                   .counted = [this, name] { return sensors_.counted(name); }});
}

// Our own probe or check does so, from now on.
void Daemon::speaks(Protocol protocol, const Endpoint& endpoint) {
  const auto now = system_now().instant;
  own_traffic_.add(protocol, endpoint, now);
  sensors_.set_own(protocol, endpoint, now + OwnTraffic::kLinger);
}

void Daemon::route() {
  router_.emplace(config_.services);
  router_->set_local(local_);
}

void Daemon::observe(const std::string& owner, const std::string& sensor, const Sample& sample, const Frame& frame) {
  if (own_traffic_.covers(sample)) return;
  Sample seen = sample;
  Service* service = nullptr;
  if (owner.empty()) {
    const auto match = router_->route(sample);
    if (!match) return;
    service = services_[match->service].get();
    seen.direction = match->direction;
  } else {
    service = find(owner);
    if (service == nullptr) return;
    if (seen.direction == Direction::unknown) {
      seen.direction =
          std::ranges::find(local_, sample.flow.source.address) != local_.end() ? Direction::out : Direction::in;
    }
  }
  if (queue_holds_.sees(service->settings().name, seen)) return;  // and tells of it
  if (options_.on_sample) options_.on_sample(seen);
  service->observe(seen, frame, sensor);
}

std::vector<SensorStatus> Daemon::sensors() const {
  auto all = sensors_.status();
  if (auto queue = queue_holds_.sensor()) all.push_back(*std::move(queue));
  std::ranges::move(observers_.sensors(), std::back_inserter(all));
  return all;
}

Service* Daemon::find(std::string_view name) const {
  const auto found =
      std::ranges::find_if(services_, [&](const auto& service) { return service->settings().name == name; });
  return found == services_.end() ? nullptr : found->get();
}

void Daemon::tell(Event event) {
  if (options_.log_events) {
    const bool trouble = event.kind == EventKind::start_failed || event.kind == EventKind::stop_failed ||
                         event.kind == EventKind::trouble || event.kind == EventKind::target_down ||
                         event.kind == EventKind::stored || event.kind == EventKind::alert_raised;
    log::write(trouble ? log::Level::warn : log::Level::info,
               fmt::format("{}{}{}{}{}", event.service, event.service.empty() ? "" : ": ", to_string(event.kind),
                           event.text.empty() ? "" : ": ", event.text),
               {{"service", event.service}, {"event", to_string(event.kind)}, {"text", event.text}});
  }
  if (options_.on_event) options_.on_event(event);
  if (event.kind == EventKind::ready) look_at_ports_of(event.service);
  if (auto* const accounting = forwards_.accounting()) event.id = accounting->keep(event);
  history_.add(std::move(event));
}

ServicePhase Daemon::phase_of(const std::string& name) const {
  const auto* const service = find(name);
  const bool awake = service != nullptr && service->gate().state() == GateState::awake;
  return awake ? ServicePhase::ready : ServicePhase::coming;
}

void Daemon::states_changed() {
  // At once: a service that is about to be stopped must get no new client.
  const auto now = system_now();
  for (const auto& service : services_) {
    const auto& name = service->settings().name;
    forwards_.service_changed(name, phase_of(name));
    if (const auto retry = service->gate().retry_at()) forwards_.service_failed(name, *retry - now.instant);
  }
  // Put off until the packet or event at hand is done with: sensors are told from here, and may be its caller.
  if (std::exchange(states_changed_, true)) return;
  asio::post(io_, [this] {
    states_changed_ = false;
    const auto awake = std::ranges::count_if(
        services_, [](const auto& service) { return service->gate().state() == GateState::awake; });
    sensors_.set_immediate([this](const std::string& name) {
      const auto* service = find(name);
      return service != nullptr && service->gate().state() != GateState::awake;
    });
    notify::status(fmt::format("{} of {} services awake", awake, services_.size()));
  });
}

void Daemon::look_at_ports_once() {
  std::vector<PortRange> ports;
  for (const auto& service : services_) {
    const auto& own = service->settings().ports;
    ports.insert(ports.end(), own.begin(), own.end());
  }
  if (ports.empty() || options_.dry_run) return;
  const auto in_use = ports_in_use(ports);
  if (!in_use) {
    log::debug("looking for listeners: {}", in_use.error().what);
    return;
  }
  auto next = in_use->begin();
  for (const auto& service : services_) {
    const auto end = next + static_cast<std::ptrdiff_t>(service->settings().ports.size());
    const bool listening = std::find(next, end, true) != end;
    const bool has_ports = next != end;
    next = end;
    if (has_ports) service->saw_listening(listening);
  }
}

// A service that has just become ready is looked at once before its turn: one that dies right away is missed only where
// it was seen.
void Daemon::look_at_ports_of(const std::string& name) {
  auto* const service = find(name);
  if (service == nullptr || service->settings().ports.empty() || options_.dry_run) return;
  const auto in_use = ports_in_use(service->settings().ports);
  if (in_use && std::ranges::find(*in_use, true) != in_use->end()) service->saw_listening(true);
}

asio::awaitable<void> Daemon::look_at_ports() {
  asio::steady_timer timer{executor()};
  while (true) {
    timer.expires_after(kLookAtPorts);
    co_await timer.async_wait(asio::use_awaitable);
    look_at_ports_once();
  }
}

asio::awaitable<void> Daemon::wait_for_signals() {
  while (true) {
    const int signal = co_await signals_.async_wait(asio::use_awaitable);
    if (signal == SIGHUP) {
      if (options_.on_hangup) {
        options_.on_hangup(*this);
      } else if (const auto done = reload(); !done) {
        log::error("reload: {}; everything stays as it was", done.error().what);
      }
    } else if (signal == SIGUSR1) {
      if (options_.on_user_signal) options_.on_user_signal(*this);
    } else {
      break;
    }
  }
  asio::co_spawn(io_, shut_down(), asio::detached);  // not a task of tasks_, whose end it awaits
}

asio::awaitable<void> Daemon::shut_down() {
  log::info("ending");
  notify::stopping();
  signals_.async_wait([this](const boost::system::error_code& error, int) {
    if (error) return;
    log::warn("ending at once: asked twice");
    io_.stop();
  });
  co_await observers_.close();  // first: an alert might start what is about to end
  queue_holds_.close();         // who waits goes on as if nobody had held him
  for (const auto& service : services_) {
    tasks_.spawn(service->settings().name + ": end",
                 service->end(service->settings().on_exit == ServiceSettings::OnExit::stop));
  }
  tasks_.cancel_named({"signals", "watchdog", "ports", "forwards", "observers"});
  if (control_) co_await control_->close();
  co_await api_.close();
  co_await tasks_.join();
  co_await devices_.close();
  co_await forwards_.close();
  signals_.cancel();
  io_.stop();
}

Result<> Daemon::reload() {
  if (options_.config_file.empty()) return failure("there is no configuration file to read again");
  notify::reloading();
  auto done = apply_configuration();
  notify::ready();
  return done;
}

// What can fail comes first, and what was applied of it is taken back where one does.
Result<> Daemon::apply_configuration() {
  auto loaded = load_config(options_.config_file);
  if (!loaded) return std::unexpected{std::move(loaded.error())};
  auto hiding = hiding_of(*loaded);
  if (!hiding) return std::unexpected{std::move(hiding.error())};
  const auto restored = [](const Result<>& back) {
    if (!back) log::error("reload: {}", back.error().what);
  };
  auto devices = devices_.prepare(*loaded);
  if (!devices) return std::unexpected{std::move(devices.error())};
  const bool had_books = forwards_.accounting() != nullptr;
  auto applied = sensors_.apply(*loaded);
  if (!applied) return applied;
  applied = options_.dry_run ? Result<>{} : queue_holds_.apply(*loaded);
  if (!applied) {
    restored(sensors_.apply(config_));
    return applied;
  }
  applied = forwards_.apply(*loaded);
  if (applied) {
    applied = api_.apply(loaded->api);
    if (applied) {
      applied = observers_.apply(*loaded, hiding->key);
      if (!applied) restored(api_.apply(config_.api));
    }
    if (!applied) restored(forwards_.apply(config_));
  }
  if (!applied) {
    if (!options_.dry_run) restored(queue_holds_.apply(config_));
    restored(sensors_.apply(config_));
    return applied;
  }
  names_ = std::move(hiding->names);
  if (!had_books && forwards_.accounting() != nullptr) tasks_.spawn("forwards", forwards_.run());
  if (loaded->control != config_.control) log::warn("reload: another control socket takes effect at the next start");
  if (loaded->log_level != config_.log_level || loaded->log_format != config_.log_format) {
    log::configure({.level = loaded->log_level, .format = loaded->log_format});
  }
  auto devices_gone = devices_.commit(std::move(*devices));
  std::size_t added = 0;
  std::size_t changed = 0;
  auto old = std::move(services_);
  services_.clear();
  for (const auto& settings : loaded->services) {
    const auto same = std::ranges::find_if(
        old, [&](const auto& service) { return service && service->settings().name == settings.name; });
    if (same == old.end()) {
      services_.push_back(make_service(settings));
      services_.back()->begin();
      ++added;
      continue;
    }
    services_.push_back(std::move(*same));
    if (services_.back()->settings() == settings) continue;
    services_.back()->reconfigure(settings);
    ++changed;
  }
  std::size_t removed = 0;
  for (auto& service : old) {
    if (!service) continue;
    ++removed;
    const auto name = service->settings().name;
    tasks_.spawn(name + ": end", end_removed(std::move(service), std::move(devices_gone[name])));
  }
  for (const auto& [name, device] : devices_gone) {
    if (!device) continue;  // of a service that goes on without
    if (const auto forgotten = device->forget(); !forgotten)
      log::info("{}: {}; it stays", name, forgotten.error().what);
  }
  config_ = std::move(*loaded);
  route();
  for (const auto& service : services_) queue_holds_.follow(service->settings().name);
  states_changed();
  log::info("reloaded: {} services: {} new, {} changed, {} removed, the others untouched; {} forwards{}",
            services_.size(), added, changed, removed, forwards_.all().size(),
            config_.watches.empty() && config_.tallies.empty()
                ? ""
                : fmt::format("; {} watches, {} tallies", config_.watches.size(), config_.tallies.size()));
  return {};
}

asio::awaitable<void> Daemon::end_removed(std::unique_ptr<Service> service, std::unique_ptr<DeviceKeeper> device) {
  co_await service->end(service->settings().on_exit == ServiceSettings::OnExit::stop);
  if (device) co_await Devices::forget(*device, service->rests());
}

}  // namespace tidegate
