#include "forward/kernel_engine.h"

#include <algorithm>
#include <chrono>
#include <ranges>

#include "base/log.h"
#include "forward/kernel_served.h"
#include "netfilter/listing.h"
#include "netfilter/nft.h"

namespace tidegate {

namespace asio = boost::asio;

namespace {

// What the kernel's counters say of a forward.
ForwardTotals kernel_totals(const std::string& forward, const std::map<std::string, CounterValue>& counters) {
  const auto value = [&](std::string_view counter) {
    const auto found = counters.find(counter_name(forward, counter));
    return found == counters.end() ? CounterValue{} : found->second;
  };
  return {.upload = value("tcp_up").bytes + value("udp_up").bytes,
          .download = value("tcp_down").bytes + value("udp_down").bytes,
          .connections = value("connections").packets,
          .sessions = value("sessions").packets,
          .refused = value("refused").packets,
          .datagrams_up = value("udp_up").packets,
          .datagrams_down = value("udp_down").packets,
          .dropped = value("dropped").packets};
}

bool has_counters(const std::string& forward, const std::map<std::string, CounterValue>& counters) {
  return std::ranges::all_of(
      kForwardCounters, [&](std::string_view counter) { return counters.contains(counter_name(forward, counter)); });
}

struct CountedField {
  std::uint64_t ForwardTotals::* total;
  Counter ForwardCounters::* cell;
};
constexpr CountedField kCounted[] = {
    {&ForwardTotals::upload, &ForwardCounters::upload},
    {&ForwardTotals::download, &ForwardCounters::download},
    {&ForwardTotals::connections, &ForwardCounters::connections},
    {&ForwardTotals::sessions, &ForwardCounters::sessions},
    {&ForwardTotals::refused, &ForwardCounters::refused},
    {&ForwardTotals::datagrams_up, &ForwardCounters::datagrams_up},
    {&ForwardTotals::datagrams_down, &ForwardCounters::datagrams_down},
    {&ForwardTotals::dropped, &ForwardCounters::dropped},
};

ForwardTotals smaller(ForwardTotals a, const ForwardTotals& b) {
  for (const CountedField& field : kCounted) a.*field.total = std::min(a.*field.total, b.*field.total);
  return a;
}

}  // namespace

KernelEngine::KernelEngine(const asio::any_io_executor& executor, KernelEngineHooks hooks)
    : executor_{executor}, hooks_{std::move(hooks)} {}

KernelEngine::~KernelEngine() = default;

const std::shared_ptr<ForwardRuntime>* KernelEngine::find(const std::string& name) const {
  const auto found = served_.find(name);
  return found == served_.end() ? nullptr : &found->second->runtime;
}

// --- plans

// The right to the table, and what an earlier life has left in it.
Result<> KernelEngine::claim() {
  if (claim_) return {};
  auto claimed = claim_kernel_forwards();
  if (!claimed) return std::unexpected{std::move(claimed.error())};
  auto found = list_rules(kForwardTable);
  if (!found) return std::unexpected{std::move(found.error())};
  claim_ = std::move(*claimed);
  if (!*found) return {};
  current_ = std::move((*found)->names);
  forgets_ = std::move((*found)->forgets);
  for (const auto& [name, chain] : current_.chains) {
    if (const auto leg = parse_leg_name(name)) found_[leg->settings] = leg->number;
  }
  log::info("the kernel forwards of an earlier life are taken up: {} of them", found_.size());
  return {};
}

std::uint16_t KernelEngine::new_number() {
  const auto taken = [&](std::uint16_t number) {
    if (ended_.contains(number) || std::ranges::any_of(found_, [&](const auto& f) { return f.second == number; }))
      return true;
    return std::ranges::any_of(served_, [&](const auto& entry) {
      return entry.second->forward.tcp == number || entry.second->forward.udp == number;
    });
  };
  do {
    last_number_ = last_number_ >= kMostNumber ? std::uint16_t{1} : static_cast<std::uint16_t>(last_number_ + 1);
  } while (taken(last_number_));
  return last_number_;
}

// The number that connections made under the same settings have, here or from an earlier life; else a new one.
std::uint16_t KernelEngine::number_for(const ForwardSettings& settings, bool udp, const Served* old) {
  if (!carries(settings.protocol, udp)) return 0;
  if (old != nullptr && same_way(old->forward.settings, settings)) {
    const auto number = udp ? old->forward.udp : old->forward.tcp;
    if (number != 0) return number;
  }
  const auto name = parse_leg_name(leg_name(settings, 1, udp));
  const auto found = old == nullptr && name ? found_.find(name->settings) : found_.end();
  return found == found_.end() ? new_number() : found->second;
}

std::unique_ptr<KernelEngine::Served> KernelEngine::draft(ForwardPlan plan) {
  const auto there = served_.find(plan.settings.name);
  const auto* const old = there == served_.end() ? nullptr : there->second.get();
  auto served = std::make_unique<Served>();
  auto& forward = served->forward;
  forward.settings = plan.settings;
  forward.tcp = number_for(plan.settings, false, old);
  forward.udp = number_for(plan.settings, true, old);
  forward.begin = hooks_.totals(plan.settings.name);
  if (old != nullptr) {
    forward.slowed = old->forward.slowed;
    served->booked = old->booked;
    if (old->runtime->settings == plan.settings && old->runtime->quotas == plan.quotas) served->runtime = old->runtime;
  }
  if (!served->runtime) {
    const auto life = old != nullptr ? old->runtime->life : std::make_shared<ForwardLife>();
    served->runtime = std::make_shared<ForwardRuntime>(std::move(plan.settings), life, std::move(plan.counters),
                                                       std::move(plan.quotas));
    if (old != nullptr) {
      served->runtime->phase = old->runtime->phase.load();
      // A name that stays need not be looked up anew first.
      const auto before = old->runtime->targets.all();
      const auto now = served->runtime->targets.all();
      for (std::size_t i = 0; i < std::min(before.size(), now.size()); ++i) {
        if (before[i]->settings.host == now[i]->settings.host)
          served->runtime->targets.set_addresses(i, old->runtime->targets.addresses(i));
      }
    }
  }
  follow_targets(*served);
  return served;
}

Result<> KernelEngine::allow(const KernelForward& forward, bool manage_sysctl) {
  for (const HostSetting& setting : settings_needed(forward)) {
    if (setting.is_set()) continue;
    if (!manage_sysctl) {
      return failure("{} is 0, and is needed {} (set it: sysctl -w {}=1, or let tidegate: manage_sysctl: true)",
                     setting.name, setting.why, setting.name);
    }
    if (auto done = setting.set(true); !done) return done;
    set_here_.insert(setting);
    log::info("forward \"{}\": {} is 1 now, {}", forward.settings.name, setting.name, setting.why);
  }
  return {};
}

Result<> KernelEngine::prepare(std::vector<ForwardPlan> plans, bool manage_sysctl) {
  next_.reset();
  manage_sysctl_ = manage_sysctl;
  if (auto claimed = claim(); !claimed) {
    if (plans.empty()) return {};  // nothing is wanted, and what is there belongs to somebody else
    return failure("forward \"{}\": engine kernel: {}", plans.front().settings.name, claimed.error().what);
  }
  if (plans.empty() && served_.empty() && ended_.empty() && current_ == RuleSet{}) {
    claim_.reset();
    return {};
  }
  Next next;
  for (auto& plan : plans) {
    const std::string name = plan.settings.name;
    auto served = draft(std::move(plan));
    if (auto allowed = allow(served->forward, manage_sysctl); !allowed) {
      return failure("forward \"{}\": {}", name, allowed.error().what);
    }
    next.served.emplace(name, std::move(served));
  }
  const auto leaves = [&](std::uint16_t number) {
    const bool stays = std::ranges::any_of(next.served, [&](const auto& entry) {
      return entry.second->forward.tcp == number || entry.second->forward.udp == number;
    });
    if (number != 0 && !stays) next.ending.insert(number);
  };
  for (const auto& [name, served] : served_) {
    leaves(served->forward.tcp);
    leaves(served->forward.udp);
  }
  for (const auto& [settings, number] : found_) leaves(number);
  auto text = difference(kForwardTable, current_, rules(next.served, next.ending));
  auto checked = text.empty() ? Result<>{} : nft::check(forgets_ + text);
  if (!checked && nft::is_missing(checked.error())) {
    restore();  // somebody has removed what this is a difference to
    checked = nft::check(difference(kForwardTable, current_, rules(next.served, next.ending)));
  }
  if (!checked) return failure("engine kernel: {}", checked.error().what);
  next_ = std::move(next);
  return {};
}

void KernelEngine::commit(const std::function<void()>& books) {
  if (!next_) return books();
  auto next = std::move(*next_);
  next_.reset();
  for (const auto number : next.ending) ended_.try_emplace(number, std::chrono::steady_clock::now());
  if (!served_.empty()) write();  // nothing of those that leave passes any more
  count();
  hooks_.count();
  books();

  const auto counters = read_counters(kForwardTable);
  if (!counters) tell_trouble(counters.error().what);
  for (auto& [name, served] : next.served) {
    const auto old = served_.find(name);
    if (old != served_.end()) {
      served->booked = old->second->booked;
      if (old->second->runtime == served->runtime) served->watch = std::move(old->second->watch);
    } else {
      served->forward.begin = served->booked = hooks_.totals(name);
      // One of an earlier life has counted on from what the books say.
      if (counters && has_counters(name, *counters)) {
        served->booked = smaller(served->booked, kernel_totals(name, *counters));
        book(*served, *counters);
      }
    }
    if (!served->watch) watch_targets(name, *served);
    follow_targets(*served);  // with the host's settings as they are now
    for (const auto& quota : served->runtime->quotas) renewed_.insert(quota->key);
  }
  served_ = std::move(next.served);
  found_.clear();
  hooks_.count();
  update();
  if (!ended_.empty()) look_at_connections();
}

void KernelEngine::watch_targets(const std::string& name, Served& served) {
  served.watch = std::make_unique<TargetWatch>(
      executor_, served.runtime,
      [this, name](const std::string& target, bool up, const std::string& why) {
        hooks_.target_changed(name, target, up, why);
      },
      [this](const Endpoint& from) {
        if (hooks_.check_speaks) hooks_.check_speaks(from);
      });
}

void KernelEngine::throttle(const std::string& forward, std::uint64_t bytes_per_second) {
  const auto found = served_.find(forward);
  if (found == served_.end() || std::exchange(found->second->forward.slowed, bytes_per_second) == bytes_per_second)
    return;
  update();
}

void KernelEngine::set_phase(const std::string& forward, ServicePhase phase) {
  if (const auto found = served_.find(forward); found != served_.end()) found->second->runtime->phase = phase;
}

// --- rules

// `ending` beside those that end already.
RuleSet KernelEngine::rules(const All& served, const std::set<std::uint16_t>& ending) const {
  std::vector<KernelForward> forwards;
  forwards.reserve(served.size());
  for (const auto& [name, each] : served) forwards.push_back(each->forward);
  auto ended = ending;
  for (const auto& [number, since] : ended_) ended.insert(number);
  return kernel_rules(forwards, ended);
}

// The first address of each family; which of several answers, nobody here would see.
void KernelEngine::follow_targets(Served& served) {
  const auto& targets = served.runtime->targets;
  std::vector<KernelTarget> now(targets.all().size());
  for (std::size_t i = 0; i < now.size(); ++i) {
    now[i].up = !targets.all()[i]->checked_down.load(std::memory_order_relaxed);
    for (const IpAddress& address : targets.addresses(i)) {
      auto& place = address.is_v4() ? now[i].v4 : now[i].v6;
      if (!place) place = address;
    }
  }
  served.forward.targets = std::move(now);
  served.forward.localnet = HostSetting{.name = std::string{kRouteLocalnet}, .why = {}}.is_set();
}

void KernelEngine::write() {
  RuleSet wanted = rules(served_);
  const auto text = difference(kForwardTable, current_, wanted);
  if (text.empty()) return;
  if (const auto written = nft::run(forgets_ + text); !written) {
    return nft::is_missing(written.error()) ? restore() : tell_trouble(written.error().what);
  }
  told_.clear();
  forgets_.clear();
  current_ = std::move(wanted);
}

void KernelEngine::update() {
  if (!claim_) return;
  if (!renewed_.empty()) renew_quotas();
  if (!served_.empty() || !ended_.empty()) return write();
  if (current_ == RuleSet{}) return;
  if (const auto removed = nft::run(removal(kForwardTable)); !removed) return tell_trouble(removed.error().what);
  current_ = {};
  forgets_.clear();
  undo_host_settings();
}

// Somebody has removed the table, or part of it: what it counted since the last look is lost, the rest is in the books.
void KernelEngine::restore() {
  current_ = {};
  forgets_.clear();
  held_.clear();
  for (auto& [name, served] : served_) {
    served->forward.begin = served->booked = hooks_.totals(name);
    follow_quotas(*served, {});
  }
  RuleSet wanted = rules(served_);
  const auto written = nft::run(removal(kForwardTable) + difference(kForwardTable, {}, wanted));
  if (!written) return tell_trouble(written.error().what);
  current_ = std::move(wanted);
  hooks_.trouble({}, "the rules of the kernel forwards were gone, and are back");
}

void KernelEngine::tell_trouble(const std::string& what) {
  if (told_.insert(what).second) hooks_.trouble({}, what);
}

// --- counting

void KernelEngine::book(Served& served, const std::map<std::string, CounterValue>& counters) {
  const ForwardTotals now = kernel_totals(served.forward.settings.name, counters);
  auto& cell = *served.runtime->counters.back();
  for (const CountedField& field : kCounted) {
    const auto value = now.*field.total;
    auto& before = served.booked.*field.total;
    // Smaller: somebody has reset it, and it began anew.
    (cell.*field.cell).add(value >= before ? value - before : value);
    before = value;
  }
}

void KernelEngine::count() {
  if (served_.empty() || current_ == RuleSet{}) return;
  const auto counters = read_counters(kForwardTable);
  if (!counters) return tell_trouble(counters.error().what);
  bool is_whole = true;
  for (auto& [name, served] : served_) {
    if (has_counters(name, *counters)) {
      book(*served, *counters);
    } else {
      is_whole = false;
    }
  }
  if (!is_whole) {
    hooks_.count();
    restore();
  }
}

void KernelEngine::settle() {
  if (served_.empty()) return;
  const bool holds_any = !current_.quotas.empty();
  if (holds_any) {
    const auto quotas = read_quotas(kForwardTable);
    if (quotas) find_overruns(*quotas);
  }
  bool changed = !renewed_.empty();
  for (auto& [name, served] : served_) {
    const auto before = served->forward.targets;
    const auto localnet = served->forward.localnet;
    follow_targets(*served);
    changed |= localnet != served->forward.localnet;
    if (before != served->forward.targets) {
      changed = true;
      if (const auto allowed = allow(served->forward, manage_sysctl_); !allowed)
        hooks_.trouble(name, "engine kernel: " + allowed.error().what);
    }
    if (served->runtime->closed_by_quota() == served->forward.closed) continue;
    changed = true;
    for (const auto& quota : served->runtime->quotas) renewed_.insert(quota->key);
  }
  if (!changed) return;
  const auto ended_before = ended_.size();
  update();
  if (ended_.size() != ended_before) look_at_connections();
}

}  // namespace tidegate
