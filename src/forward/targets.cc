#include "forward/targets.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

namespace tidegate {

namespace {

bool was_tried(std::uint64_t tried, std::size_t index) { return (tried & tried_bit(index)) != 0; }

// The finalizer of SplitMix64: every bit of the input changes about half of the output.
std::uint64_t mixed(std::uint64_t value) {
  value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ULL;
  value = (value ^ value >> 27) * 0x94d049bb133111ebULL;
  return value ^ value >> 31;
}

// FNV-1a: the same in every process, so that a restart moves no client to another target.
template <class Bytes>
std::uint64_t stable_hash(const Bytes& bytes) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const auto byte : bytes) hash = (hash ^ static_cast<std::uint8_t>(byte)) * 0x100000001b3ULL;
  return hash;
}

}  // namespace

std::uint16_t target_port(const Target& target, std::uint16_t port, std::uint16_t nth) {
  if (target.port == 0) return port;
  return target.each_port ? static_cast<std::uint16_t>(target.port + nth) : target.port;
}

SocketAddress target_address(const Target& target, const IpAddress& ip, std::uint16_t port, std::uint16_t nth) {
  if (target.is_unix()) return SocketAddress::unix_path(target.unix_path);
  return SocketAddress{Endpoint{ip, target_port(target, port, nth)}};
}

Targets::Targets(const std::vector<Target>& settings, Balance balance) : balance_{balance} {
  targets_.reserve(settings.size());
  choosing_.reserve(settings.size());
  candidates_.reserve(settings.size());
  for (const auto& target : settings) {
    targets_.push_back(std::make_unique<TargetState>(target));
    Choosing& own = choosing_.emplace_back();
    own.hash = stable_hash(target.to_string());
    if (target.is_unix()) {
      own.addresses.emplace_back();
    } else if (const auto literal = IpAddress::parse(target.host)) {
      own.addresses.push_back({.ip = *literal});
    } else {
      own.named = true;
    }
  }
}

bool Targets::marked(std::size_t index, Instant now) const {
  return now.time_since_epoch().count() < targets_[index]->down_until.load(std::memory_order_relaxed);
}

bool Targets::is_up(std::size_t index, Instant now) const {
  return !targets_[index]->checked_down.load(std::memory_order_relaxed) && !marked(index, now);
}

// Some of its addresses have failed since it last answered, and some have not.
bool Targets::has_another(const Choosing& target) {
  return std::ranges::any_of(target.addresses, &Address::failed) &&
         !std::ranges::all_of(target.addresses, &Address::failed);
}

// Those that may be chosen: all that are up, or else the one whose last failure is longest ago.
void Targets::find_candidates(std::uint64_t tried, Instant now) {
  candidates_.clear();
  std::optional<std::size_t> down;
  for (std::size_t i = 0; i < choosing_.size(); ++i) {
    const auto& own = choosing_[i];
    if (own.addresses.empty()) continue;
    if (was_tried(tried, i) && (marked(i, now) || !has_another(own))) continue;
    if (is_up(i, now)) {
      candidates_.push_back(i);
    } else if (!down || own.failed_at < choosing_[*down].failed_at) {
      down = i;
    }
  }
  if (candidates_.empty() && down) candidates_.push_back(*down);
}

void Targets::keep_least_loaded() {
  // Compared by multiplication, so that none is rounded: open is below 2^32, a weight at most 256.
  struct Load {
    std::uint64_t open;
    std::uint64_t weight;
    bool less(const Load& other) const { return open * other.weight < other.open * weight; }
  };
  const auto load = [&](std::size_t index) {
    return Load{targets_[index]->open.load(std::memory_order_relaxed), targets_[index]->settings.weight};
  };
  Load least = load(candidates_.front());
  std::size_t kept = 0;
  for (const auto index : candidates_) {
    const Load own = load(index);  // read once: other threads change it
    if (least.less(own)) continue;
    if (own.less(least)) {
      least = own;
      kept = 0;
    }
    candidates_[kept++] = index;
  }
  candidates_.resize(std::max<std::size_t>(kept, 1));
}

std::size_t Targets::next_in_turn() {
  std::int64_t sum = 0;
  std::size_t best = candidates_.front();
  for (const auto index : candidates_) {
    const std::int64_t weight = targets_[index]->settings.weight;
    sum += weight;
    choosing_[index].current += weight;
    if (choosing_[index].current > choosing_[best].current) best = index;
  }
  choosing_[best].current -= sum;
  return best;
}

// Each candidate draws a number from the client and its own text, and the greatest wins: -weight ÷ ln(uniform) is
// greatest with a probability in proportion to the weight.
std::size_t Targets::nearest_to(const IpAddress& client) const {
  const auto hash = stable_hash(client.bytes());
  std::size_t best = candidates_.front();
  double most = 0;
  for (const auto index : candidates_) {
    const auto drawn = mixed(hash ^ mixed(choosing_[index].hash)) >> 11;
    const double uniform = (static_cast<double>(drawn) + 0.5) * 0x1p-53;  // above 0 and below 1
    const double score = -static_cast<double>(targets_[index]->settings.weight) / std::log(uniform);
    if (score > most) {
      most = score;
      best = index;
    }
  }
  return best;
}

std::optional<TargetChoice> Targets::choose(const IpAddress& client, std::uint16_t port, std::uint16_t nth,
                                            std::uint64_t tried, Instant now) {
  const std::lock_guard lock{mutex_};
  find_candidates(tried, now);
  if (candidates_.empty()) return std::nullopt;
  if (balance_ == Balance::least_connections) keep_least_loaded();
  const std::size_t index = balance_ == Balance::source && client ? nearest_to(client) : next_in_turn();

  auto& state = *targets_[index];
  auto& addresses = choosing_[index].addresses;
  // Who comes to it anew may try each of its addresses again.
  if (!was_tried(tried, index) && std::ranges::all_of(addresses, &Address::failed)) {
    for (auto& address : addresses) address.failed = false;
  }
  const auto& address = addresses[state.next_address.load(std::memory_order_relaxed) % addresses.size()];
  return TargetChoice{
      .index = index, .target = &state, .address = target_address(state.settings, address.ip, port, nth)};
}

void Targets::connected(std::size_t index) {
  const std::lock_guard lock{mutex_};
  auto& own = choosing_[index];
  for (auto& address : own.addresses) address.failed = false;
  own.marks = 0;
  targets_[index]->down_until.store(0, std::memory_order_relaxed);
}

void Targets::failed(std::size_t index, Instant now) {
  const std::lock_guard lock{mutex_};
  auto& state = *targets_[index];
  auto& own = choosing_[index];
  own.failed_at = now;
  if (own.named) stale_.store(true, std::memory_order_relaxed);
  if (own.addresses.empty()) return;

  const std::size_t count = own.addresses.size();
  const std::size_t at = state.next_address.load(std::memory_order_relaxed) % count;
  own.addresses[at].failed = true;
  std::size_t next = (at + 1) % count;
  while (next != at && own.addresses[next].failed) next = (next + 1) % count;
  if (next == at) next = (at + 1) % count;  // all have
  state.next_address.store(static_cast<std::uint32_t>(next), std::memory_order_relaxed);

  // Many clients fail at the same time; together they mark it once.
  if (!std::ranges::all_of(own.addresses, &Address::failed) || marked(index, now)) return;
  Duration down = kFirstDown;
  for (std::uint32_t i = 0; i < own.marks && down < kLongestDown; ++i) down *= 2;
  if (down < kLongestDown) ++own.marks;
  state.down_until.store((now + std::min(down, kLongestDown)).time_since_epoch().count(), std::memory_order_relaxed);
}

void Targets::set_addresses(std::size_t index, std::vector<IpAddress> addresses) {
  if (addresses.empty()) return;
  const std::lock_guard lock{mutex_};
  auto& state = *targets_[index];
  auto& own = choosing_[index];
  if (!own.named) return;
  if (addresses.size() > kMostAddresses) addresses.resize(kMostAddresses);

  // The one in use stays in use, and what has failed stays so, where it is still among them.
  std::uint32_t next = 0;
  std::vector<Address> fresh;
  fresh.reserve(addresses.size());
  for (const auto& ip : addresses) {
    const auto old = std::ranges::find(own.addresses, ip, &Address::ip);
    const bool known = old != own.addresses.end();
    if (known &&
        state.next_address.load(std::memory_order_relaxed) == static_cast<std::size_t>(old - own.addresses.begin())) {
      next = static_cast<std::uint32_t>(fresh.size());
    }
    fresh.push_back({.ip = ip, .failed = known && old->failed});
  }
  // A mark was for the old addresses.
  const bool has_hope = !std::ranges::all_of(fresh, &Address::failed);
  if (has_hope) state.down_until.store(0, std::memory_order_relaxed);
  if (fresh[next].failed && has_hope) {
    next = static_cast<std::uint32_t>(std::ranges::find(fresh, false, &Address::failed) - fresh.begin());
  }
  own.addresses = std::move(fresh);
  state.next_address.store(next, std::memory_order_relaxed);
}

std::vector<IpAddress> Targets::addresses(std::size_t index) const {
  const std::lock_guard lock{mutex_};
  const auto& own = choosing_[index];
  std::vector<IpAddress> addresses;
  if (targets_[index]->settings.is_unix()) return addresses;
  addresses.reserve(own.addresses.size());
  for (const auto& address : own.addresses) addresses.push_back(address.ip);
  return addresses;
}

}  // namespace tidegate
