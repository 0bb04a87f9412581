#include "daemon/observers.h"

#include <algorithm>
#include <boost/asio.hpp>

#include "base/seed.h"
#include "observe/clock.h"
#include "observe/count.h"

namespace tidegate {

namespace asio = boost::asio;

namespace {

constexpr Duration kTick = std::chrono::seconds{1};

const WatchSettings& settings_of(const Observers::Watching& watching) { return watching.watch.settings(); }
const TallySettings& settings_of(const Observers::Tallying& tallying) { return tallying.settings; }

// For each of the settings, in their order, the place of the one that goes on, or of one that `begin` gives.
template <class Observer, class Settings, class Begin>
Result<std::vector<std::unique_ptr<Observer>>> begin_missing(const std::vector<std::unique_ptr<Observer>>& present,
                                                             const std::vector<Settings>& wanted, Begin begin) {
  std::vector<std::unique_ptr<Observer>> all;
  all.reserve(wanted.size());
  for (const auto& settings : wanted) {
    const bool goes_on =
        std::ranges::any_of(present, [&](const auto& observer) { return settings_of(*observer) == settings; });
    if (goes_on) {
      all.emplace_back();
      continue;
    }
    auto begun = begin(settings);
    if (!begun) return std::unexpected{std::move(begun.error())};
    all.push_back(std::move(*begun));
  }
  return all;
}

// Puts those that go on into their places, and gives the ones that are left over.
template <class Observer, class Settings>
std::vector<std::unique_ptr<Observer>> replace(std::vector<std::unique_ptr<Observer>>& present,
                                               std::vector<std::unique_ptr<Observer>> next,
                                               const std::vector<Settings>& wanted) {
  for (std::size_t i = 0; i < next.size(); ++i) {
    if (next[i]) continue;
    const auto same = std::ranges::find_if(
        present, [&](const auto& observer) { return observer && settings_of(*observer) == wanted[i]; });
    next[i] = std::move(*same);
  }
  auto left = std::exchange(present, std::move(next));
  std::erase(left, nullptr);
  return left;
}

template <class Observer>
Observer* named(const std::vector<std::unique_ptr<Observer>>& all, std::string_view name) {
  const auto found =
      std::ranges::find_if(all, [&](const auto& observer) { return settings_of(*observer).name == name; });
  return found == all.end() ? nullptr : found->get();
}

}  // namespace

Result<> Observers::apply(const Config& config, std::span<const std::uint8_t> key) {
  std::vector<std::optional<Pseudonyms>> names(config.tallies.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto& privacy = config.tallies[i].privacy;
    if (!privacy || *privacy == config.privacy.mode) continue;
    auto made = Pseudonyms::make(*privacy, key);
    if (!made) return failure("tallies[{}].privacy: {}", i, made.error().what);
    names[i] = std::move(*made);
  }
  const auto begin = [this](const auto& settings) { return this->begin(settings); };
  auto watches = begin_missing(watches_, config.watches, begin);
  if (!watches) return std::unexpected{std::move(watches.error())};
  auto tallies = begin_missing(tallies_, config.tallies, begin);
  if (!tallies) return std::unexpected{std::move(tallies.error())};
  if (auto applied = actions_.apply(config.watches); !applied) return applied;

  for (const auto& gone : replace(watches_, std::move(*watches), config.watches)) {
    actions_.forget(gone->watch.settings().name);
  }
  replace(tallies_, std::move(*tallies), config.tallies);
  for (std::size_t i = 0; i < names.size(); ++i) tallies_[i]->names = std::move(names[i]);
  return {};
}

Result<std::unique_ptr<Observers::Watching>> Observers::begin(const WatchSettings& settings) {
  auto watching = std::make_unique<Watching>(
      settings, random_seed(), [this, name = settings.name](const AlertSettings& alert, const AlertChange& change) {
        actions_.carry_out(name, alert, change);
      });
  auto& watch = watching->watch;
  auto sensor = PcapSensor::open(executor_, capture_of(settings),
                                 [&watch](const Sample& sample, const Frame& frame) { watch.see(sample, frame); });
  if (!sensor) return failure("watch {}: {}", settings.name, sensor.error().what);
  (*sensor)->set_immediate(false);
  watching->sensor = std::move(*sensor);
  watch.advance(system_now());
  return watching;
}

Result<std::unique_ptr<Observers::Tallying>> Observers::begin(const TallySettings& settings) {
  auto tallying = std::make_unique<Tallying>(settings, random_seed());
  auto& tally = tallying->tally;
  auto sensor = PcapSensor::open(
      executor_, {.interface = settings.interface, .filter = count_filter({.tally = settings}), .incoming_only = true},
      [&tally](const Sample& sample, const Frame&) { tally.add(sample); });
  if (!sensor) return failure("tally {}: {}", settings.name, sensor.error().what);
  (*sensor)->set_immediate(false);
  tallying->sensor = std::move(*sensor);
  return tallying;
}

asio::awaitable<void> Observers::run() {
  asio::steady_timer timer{executor_, system_now().instant};
  while (true) {
    timer.expires_at(std::max(timer.expiry() + kTick, system_now().instant));
    co_await timer.async_wait(asio::use_awaitable);
    tick();
  }
}

void Observers::tick() {
  const auto now = system_now();
  for (const auto& watching : watches_) {
    const auto status = watching->sensor->status();
    watching->watch.set_lost(status.dropped_kernel + status.dropped_interface, status.rejected);
    watching->watch.advance(now);
  }
  for (const auto& tallying : tallies_) tallying->tally.advance(now.instant);
}

asio::awaitable<void> Observers::close() {
  watches_.clear();
  tallies_.clear();
  co_await actions_.close();
}

Observers::Watching* Observers::watch(std::string_view name) const { return named(watches_, name); }
Observers::Tallying* Observers::tally(std::string_view name) const { return named(tallies_, name); }

std::vector<SensorStatus> Observers::sensors() const {
  std::vector<SensorStatus> all;
  all.reserve(watches_.size() + tallies_.size());
  for (const auto& watching : watches_) all.push_back(watching->sensor->status());
  for (const auto& tallying : tallies_) all.push_back(tallying->sensor->status());
  return all;
}

}  // namespace tidegate
