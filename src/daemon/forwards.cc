#include "daemon/forwards.h"

#include <algorithm>
#include <boost/asio.hpp>
#include <cstdlib>
#include <thread>

#include "base/log.h"
#include "base/text.h"
#include "base/units.h"
#include "forward/socket.h"
#include "observe/clock.h"

namespace tidegate {

namespace asio = boost::asio;

namespace {

constexpr Duration kLook = std::chrono::milliseconds{200};  // at the counters
constexpr Duration kSave = std::chrono::seconds{1};

// TIDEGATE_DATA_THREADS, else the configuration, else one a core.
Result<std::size_t> data_threads(const Config& config) {
  constexpr unsigned kMost = 256;
  if (const char* const text = std::getenv("TIDEGATE_DATA_THREADS");
      text != nullptr && *text != '\0') {  // NOLINT(concurrency-mt-unsafe): nobody sets it
    char* end = nullptr;
    const auto number = std::strtoul(text, &end, 10);
    if (*end != '\0' || number < 1 || number > kMost) {
      return failure("TIDEGATE_DATA_THREADS: \"{}\" is not a number of threads (1 to {})", printable(text), kMost);
    }
    return number;
  }
  if (config.data_threads) return *config.data_threads;
  return std::clamp(std::thread::hardware_concurrency(), 1U, kMost);
}

std::vector<Forwards::Entry> entries_of(const Config& config) {
  std::vector<Forwards::Entry> entries;
  entries.reserve(config.forwards.size());
  for (const auto& settings : config.forwards) {
    entries.push_back({.settings = settings, .origin = Forwards::Origin::file, .json = {}});
  }
  return entries;
}

std::string joined(const std::vector<ConfigError>& errors) {
  std::string text;
  for (const auto& error : errors) text += (text.empty() ? "" : "; ") + error.to_string();
  return text;
}

}  // namespace

Forwards::Forwards(const asio::any_io_executor& executor, Hooks hooks)
    : executor_{executor}, hooks_{std::move(hooks)} {}

Forwards::~Forwards() = default;

Result<> Forwards::open(const Config& config, const std::string& store) {
  store_ = store;
  config_ = config;
  if (config.forwards.empty() && !config.api.enabled) {
    KernelEngine::remove_leftovers();
    return {};
  }
  auto opened = open_all(config);
  if (!opened) {
    entries_.clear();
    kernel_.reset();
    engine_.reset();
    accounting_.reset();
  }
  return opened;
}

Result<> Forwards::open_all(const Config& config) {
  const auto threads = data_threads(config);
  if (!threads) return std::unexpected{threads.error()};
  const auto tell = [this](EventKind kind, const std::string& subject, std::string text) {
    hooks_.tell(Event{system_now().wall, subject, kind, std::move(text)});
  };
  auto accounting = Accounting::open(store_, *threads, {.tell = tell, .quota_changed = [this](const auto& share) {
                                                          if (engine_) engine_->quota_changed(share);
                                                          if (kernel_) kernel_->quota_changed(*share);
                                                        }});
  if (!accounting) return std::unexpected{std::move(accounting.error())};
  accounting_ = std::move(*accounting);
  accounting_->tell_notes();
  const auto target_changed = [tell](const std::string& forward, const std::string& target, bool up,
                                     const std::string& why) {
    tell(up ? EventKind::target_up : EventKind::target_down, forward, why.empty() ? target : target + ": " + why);
  };
  auto engine =
      Engine::start(executor_, *threads,
                    {.wanted =
                         [this](const std::string& name, const Sample& sample) {
                           const auto* forward = find(name);
                           if (forward != nullptr && !closing_) hooks_.wanted(forward->settings.service, name, sample);
                         },
                     .dry = [this](const std::string& key, std::uint64_t needed) { quota_dry(key, needed); },
                     .trouble =
                         [this, tell](const std::string& forward, const std::string& what, const IpAddress& client) {
                           tell(EventKind::trouble, forward,
                                client ? fmt::format("{} (client {})", what, hooks_.client_name(client)) : what);
                         },
                     .target_changed = target_changed,
                     .check_speaks = hooks_.check_speaks});
  if (!engine) return std::unexpected{std::move(engine.error())};
  engine_ = std::move(*engine);
  kernel_ = std::make_unique<KernelEngine>(
      executor_,
      KernelEngineHooks{.totals = [this](const std::string& forward) { return accounting_->totals(forward); },
                        .count = [this] { accounting_->count(system_now().wall); },
                        .over = [this](const std::string& quota) { accounting_->over(quota); },
                        .trouble = [tell](const std::string& forward,
                                          std::string what) { tell(EventKind::trouble, forward, std::move(what)); },
                        .target_changed = target_changed,
                        .check_speaks = hooks_.check_speaks});

  if (!config.data_file.empty()) {
    if (const auto imported = accounting_->import_state(config.data_file, config.forwards); !imported) return imported;
  }
  entries_ = entries_of(config);
  auto entries = entries_;  // what is read below is checked against them
  auto rows = accounting_->store().runtime_forwards();
  if (!rows) return std::unexpected{std::move(rows.error())};
  for (const auto& row : *rows) {
    auto entry = read(row.json);
    if (!entry) {
      tell(EventKind::trouble, row.name, "was added at run time, and is left out: " + entry.error().what);
    } else {
      entries.push_back(std::move(*entry));
    }
  }
  return serve(std::move(entries));
}

Result<> Forwards::apply(const Config& config) {
  auto before = std::exchange(config_, config);
  if (!engine_) {
    auto opened = open(config, store_);
    if (!opened) config_ = std::move(before);
    return opened;
  }
  if (config.data_threads != before.data_threads || config.store != before.store) {
    log::warn("reload: another store, or number of data threads, takes effect at the next start");
  }
  auto entries = entries_of(config);
  for (const auto& entry : entries_) {
    const bool taken =
        std::ranges::find(config.forwards, entry.settings.name, &ForwardSettings::name) != config.forwards.end();
    if (entry.origin == Origin::api && !taken) entries.push_back(entry);
  }
  auto done = serve(std::move(entries));
  if (!done) config_ = std::move(before);
  return done;
}

// Rules would take the traffic of whoever listens on these ports, without a word; but for our own listeners.
Result<> Forwards::check_ports(const ForwardSettings& forward) const {
  const auto is_ours = [&](std::uint16_t port, bool udp) {
    return std::ranges::any_of(entries_, [&](const Entry& entry) {
      const auto* const served = runtime(entry.settings.name);
      if (served == nullptr || served->settings.listen.is_unix()) return false;
      const auto& own = served->settings;
      return carries(own.protocol, udp) && port >= own.listen.first && port <= own.listen.last;
    });
  };
  for (const bool udp : {false, true}) {
    if (!carries(forward.protocol, udp)) continue;
    for (std::uint32_t number = forward.listen.first; number <= forward.listen.last; ++number) {
      const auto port = static_cast<std::uint16_t>(number);
      if (is_ours(port, udp)) continue;
      const auto free = check_free(forward.listen, port, udp ? SOCK_DGRAM : SOCK_STREAM);
      if (!free && free.error().code == EADDRINUSE)
        return failure("forward \"{}\": {}", forward.name, free.error().what);
    }
  }
  return {};
}

// All of these and no others, or everything as it was.
Result<> Forwards::serve(std::vector<Entry> entries) {
  const auto now = system_now().wall;
  std::vector<ForwardSettings> settings;
  settings.reserve(entries.size());
  for (const auto& entry : entries) settings.push_back(entry.settings);
  auto plans = accounting_->plan(settings, config_.quotas, now);
  if (!plans) return std::unexpected{std::move(plans.error())};
  std::vector<ForwardPlan> by_kernel;
  std::vector<ForwardPlan> by_user;
  for (auto& plan : *plans) {
    auto& own = plan.settings.engine == ForwardEngine::kernel ? by_kernel : by_user;
    own.push_back(std::move(plan));
  }
  // First what can fail of the kernel, then of the data threads; then it is done.
  for (const auto& plan : by_kernel) {
    if (auto free = check_ports(plan.settings); !free) return free;
  }
  if (auto ready = kernel_->prepare(std::move(by_kernel), config_.manage_sysctl); !ready) return ready;
  if (auto served = engine_->apply(std::move(by_user)); !served) return served;
  kernel_->commit([&] { accounting_->commit(now); });
  entries_ = std::move(entries);
  for (const auto& entry : entries_) {
    const auto& service = entry.settings.service;
    const auto phase = service.empty() ? ServicePhase::ready : hooks_.phase(service);
    engine_->set_phase(entry.settings.name, phase);
    kernel_->set_phase(entry.settings.name, phase);
    apply_throttle(entry.settings.name);
  }
  return {};
}

asio::awaitable<void> Forwards::run() {
  if (!engine_) co_return;
  asio::steady_timer timer{executor_};
  Instant save_at{};
  Instant look_at{};
  while (true) {
    timer.expires_after(kLook);
    co_await timer.async_wait(asio::use_awaitable);
    const auto now = system_now();
    count(now.wall);
    kernel_->settle();
    if (now.instant >= look_at) {
      const auto began = std::chrono::steady_clock::now();
      kernel_->look_at_connections();
      // A table of very many connections is read less often.
      look_at = now.instant + std::max<Duration>(kSave, 100 * (std::chrono::steady_clock::now() - began));
    }
    for (const auto& entry : entries_) {
      if (!entry.settings.service.empty()) hooks_.active(entry.settings.service);
    }
    if (now.instant < save_at) continue;
    accounting_->save(now.wall);
    accounting_->back_up(now.wall);
    save_at = now.instant + kSave;
  }
}

void Forwards::count(WallTime now) {
  if (kernel_) kernel_->count();
  accounting_->count(now);
}

asio::awaitable<void> Forwards::close() {
  closing_ = true;
  if (kernel_) {
    co_await kernel_->close();
    kernel_.reset();
  }
  if (engine_) {
    co_await engine_->close();
    engine_.reset();
  }
  if (accounting_) accounting_->save(system_now().wall);
}

// --- services

void Forwards::service_changed(const std::string& service, ServicePhase phase) {
  if (!engine_) return;
  for (const auto& entry : entries_) {
    if (entry.settings.service != service) continue;
    engine_->set_phase(entry.settings.name, phase);
    kernel_->set_phase(entry.settings.name, phase);
  }
}

// Whoever can be held until the next try waits for it.
void Forwards::service_failed(const std::string& service, Duration retry_in) {
  if (!engine_) return;
  for (const auto& entry : entries_) {
    if (entry.settings.service == service && retry_in >= entry.settings.hold.duration)
      engine_->turn_away(entry.settings.name);
  }
}

void Forwards::throttle(const std::string& forward, std::uint64_t bytes_per_second) {
  if (bytes_per_second > 0) {
    throttles_[forward] = bytes_per_second;
  } else {
    throttles_.erase(forward);
  }
  apply_throttle(forward);
}

void Forwards::apply_throttle(const std::string& forward) {
  const auto* const served = runtime(forward);
  if (served == nullptr) return;
  const auto wanted = throttles_.find(forward);
  const auto rate = wanted == throttles_.end() ? 0 : wanted->second;
  set_byte_rate(served->life->throttle, rate);
  kernel_->throttle(forward, rate);
}

bool Forwards::take_activity(const std::string& service) {
  if (!engine_) return false;
  bool open = false;
  std::uint64_t moved = 0;
  for (const auto& entry : entries_) {
    if (entry.settings.service != service) continue;
    const auto* const runtime = this->runtime(entry.settings.name);
    if (runtime == nullptr) continue;
    const bool keeps = entry.settings.idle_connections == IdleConnections::keep;
    open |= keeps && runtime->life->open_connections.load(std::memory_order_relaxed) > 0;
    const auto totals = accounting_->totals(entry.settings.name);
    moved += totals.upload + totals.download + totals.connections + totals.datagrams_up + totals.datagrams_down;
  }
  auto& before = moved_[service];
  return std::exchange(before, moved) != moved || open;
}

ForwardedTraffic Forwards::traffic(const std::string& service) const {
  constexpr std::size_t kMostClients = 100;
  ForwardedTraffic traffic;
  for (const auto& entry : entries_) {
    const auto* const served = entry.settings.service == service ? runtime(entry.settings.name) : nullptr;
    if (served == nullptr) continue;
    const auto carried = accounting_->carried(entry.settings.name);
    traffic.in += carried.upload;
    traffic.out += carried.download;
    for (const auto& client : served->life->clients.biggest(kMostClients)) {
      if (client.open > 0) traffic.clients.push_back(client);
    }
  }
  return traffic;
}

void Forwards::quota_dry(const std::string& key, std::uint64_t needed) {
  const auto share = accounting_->share(key);
  if (!share || !engine_) return;
  engine_->recall(share, [this, key, needed](const Engine::Recalled& recalled) {
    if (!closing_) accounting_->dry(key, needed, recalled, system_now().wall);
  });
}

// --- at run time

Result<Forwards::Entry> Forwards::read(const std::string& json) const {
  auto settings = parse_forward(json);
  if (!settings) return failure("{}", joined(settings.error()));
  // As if it stood in the file, at the end.
  Config whole = config_;
  whole.forwards.clear();
  for (const auto& entry : entries_) {
    if (entry.settings.name != settings->name) whole.forwards.push_back(entry.settings);
  }
  whole.forwards.push_back(*settings);
  const auto own = fmt::format("forwards[{}]", whole.forwards.size() - 1);
  auto errors = validate(whole);
  std::erase_if(errors, [&](const ConfigError& error) { return !error.path.starts_with(own); });
  for (auto& error : errors) error.path.erase(0, std::min(error.path.size(), own.size() + 1));
  if (!errors.empty()) return failure("{}", joined(errors));
  if (settings->engine == ForwardEngine::kernel && !settings->service.empty()) {
    return failure(
        "service: a forward of engine kernel that names one stands in the configuration file, where the "
        "service's sensor learns of its ports");
  }
  return Entry{.settings = std::move(whole.forwards.back()), .origin = Origin::api, .json = json};
}

const Forwards::Entry* Forwards::find(std::string_view name) const {
  const auto found = std::ranges::find_if(entries_, [&](const Entry& entry) { return entry.settings.name == name; });
  return found == entries_.end() ? nullptr : &*found;
}

const ForwardRuntime* Forwards::runtime(const std::string& name) const {
  const auto* found = engine_ ? engine_->find(name) : nullptr;
  if (found == nullptr && kernel_) found = kernel_->find(name);
  return found == nullptr ? nullptr : found->get();
}

Result<> Forwards::add(const std::string& json) {
  if (!engine_) return failure("forwards can be added only where the configuration has some, or an API");
  auto entry = read(json);
  if (!entry) return std::unexpected{std::move(entry.error())};
  const auto name = entry->settings.name;
  if (find(name) != nullptr) return failure("there is a forward \"{}\" already", name);
  auto entries = entries_;
  entries.push_back(std::move(*entry));
  if (auto served = serve(std::move(entries)); !served) return served;
  return accounting_->store().put_runtime_forward({name, json});
}

Result<> Forwards::change(std::string_view name, const std::string& json) {
  auto entry = read(json);
  if (!entry) return std::unexpected{std::move(entry.error())};
  if (entry->settings.name != name)
    return failure("name: \"{}\" is not the forward's, which cannot change", printable(entry->settings.name));
  const auto* const old = find(name);
  if (old == nullptr) return failure("there is no forward \"{}\"", printable(name));
  if (old->origin == Origin::file)
    return failure("forward \"{}\" stands in the configuration file: change it there, and reload", name);
  auto entries = entries_;
  *std::ranges::find_if(entries, [&](const Entry& e) { return e.settings.name == name; }) = std::move(*entry);
  if (auto served = serve(std::move(entries)); !served) return served;
  return accounting_->store().put_runtime_forward({std::string{name}, json});
}

Result<> Forwards::remove(std::string_view name) {
  const auto* const old = find(name);
  if (old == nullptr) return failure("there is no forward \"{}\"", printable(name));
  if (old->origin == Origin::file)
    return failure("forward \"{}\" stands in the configuration file: remove it there, and reload", name);
  auto entries = entries_;
  std::erase_if(entries, [&](const Entry& entry) { return entry.settings.name == name; });
  if (auto served = serve(std::move(entries)); !served) return served;
  return accounting_->store().remove_runtime_forward(name);
}

}  // namespace tidegate
