#include "forward/runtime.h"

#include <algorithm>

namespace tidegate {

namespace {

void set_new_rate(RateLimit& limit, const NewRate& rate) {
  limit.set(rate.count, rate.within, std::max(rate.count, 1U));
}

}  // namespace

void set_byte_rate(RateLimit& limit, std::uint64_t bytes_per_second) {
  constexpr std::uint64_t kLeastBurst = 65'536;
  limit.set(bytes_per_second, std::chrono::seconds{1}, std::max(bytes_per_second / 10, kLeastBurst));
}

ForwardRuntime::ForwardRuntime(ForwardSettings s, std::shared_ptr<ForwardLife> l, std::vector<ForwardCounters*> c,
                               std::vector<std::shared_ptr<QuotaShare>> q)
    : settings{std::move(s)},
      life{std::move(l)},
      counters{std::move(c)},
      quotas{std::move(q)},
      targets{settings.targets, settings.balance} {
  set_byte_rate(rate, settings.rate.all);
  set_new_rate(fresh, settings.connections.new_all);
  if (!settings.service.empty()) phase = ServicePhase::coming;
}

ForwardClient* ForwardRuntime::acquire_client(const IpAddress& address) {
  return life->clients.acquire(address, [this](ForwardClient& client) {
    set_byte_rate(client.rate, settings.rate.each_client);
    set_new_rate(client.fresh, settings.connections.new_each_client);
  });
}

std::unique_ptr<RateLimit> ForwardRuntime::connection_rate() const {
  if (settings.rate.each_connection == 0) return nullptr;
  auto limit = std::make_unique<RateLimit>();
  set_byte_rate(*limit, settings.rate.each_connection);
  return limit;
}

bool ForwardRuntime::uses(const QuotaShare& quota) const {
  return std::ranges::any_of(quotas, [&](const auto& share) { return share.get() == &quota; });
}

bool ForwardRuntime::closed_by_quota() const {
  return std::ranges::any_of(quotas, [](const auto& quota) { return quota->closed(); });
}

bool allowed(const ForwardSettings& settings, const IpAddress& address) {
  const auto holds = [&](const Cidr& network) { return network.contains(address); };
  if (std::ranges::any_of(settings.deny, holds)) return false;
  return settings.allow.empty() || std::ranges::any_of(settings.allow, holds);
}

Refusal admit(ForwardRuntime& forward, ForwardClient& client, Instant now) {
  if (forward.closed_by_quota()) return Refusal::quota;
  const auto& limits = forward.settings.connections;
  const auto& life = *forward.life;
  const auto open =
      life.open_connections.load(std::memory_order_relaxed) + life.open_sessions.load(std::memory_order_relaxed);
  if (limits.all > 0 && open >= limits.all) return Refusal::too_many;
  if (limits.each_client > 0 && client.open.load(std::memory_order_relaxed) > limits.each_client) {
    return Refusal::too_many_of_client;
  }
  if (client.fresh.take(1, now) == 0) return Refusal::too_fast_of_client;
  if (forward.fresh.take(1, now) == 0) {
    client.fresh.give_back(1);
    return Refusal::too_fast;
  }
  return Refusal::none;
}

}  // namespace tidegate
