#include "forward/budget.h"

#include <algorithm>

namespace tidegate {

QuotaLease::QuotaLease(std::shared_ptr<QuotaShare> share) : share_{std::move(share)} {
  if (share_->up) up_ = leases_.emplace_back(std::make_unique<Lease>(*share_->up)).get();
  down_ = share_->down == share_->up ? up_
          : share_->down             ? leases_.emplace_back(std::make_unique<Lease>(*share_->down)).get()
                                     : nullptr;
}

LeasedBytes QuotaLease::give_up() {
  LeasedBytes bytes{.up = up_ == nullptr ? 0 : up_->held(), .down = down_ == nullptr ? 0 : down_->held()};
  for (const auto& lease : leases_) {
    bytes.reserved += lease->reserved();
    lease->give_up();
  }
  return bytes;
}

QuotaLease& QuotaLeases::of(const std::shared_ptr<QuotaShare>& share) {
  auto& lease = leases_[share.get()];
  if (!lease) lease = std::make_unique<QuotaLease>(share);
  return *lease;
}

void QuotaLeases::give_up_all() {
  for (const auto& [share, lease] : leases_) lease->give_up();
}

Budget::Budget(ForwardRuntime& forward, QuotaLeases& leases, ForwardCounters& counters)
    : forward_{forward}, counters_{counters} {
  for (const auto& quota : forward.quotas) {
    if (quota->action == LimitAction::cut) {
      cuts_.push_back(&leases.of(quota));
    } else {
      softs_.push_back(quota.get());
    }
  }
  const auto& rate = forward.settings.rate;
  unlimited_ = forward.quotas.empty() && rate.all == 0 && rate.each_client == 0 && rate.each_connection == 0;
}

Grant Budget::reserve(Flow flow, std::uint64_t want, std::uint64_t least, ForwardClient* client, RateLimit* connection,
                      Now now) {
  if (unlimited()) return {.bytes = want};
  // One limit after the other: each may give less than the one before, which then gets the rest back.
  constexpr std::size_t kMostRates = 16;
  std::array<RateLimit*, kMostRates> rates{};
  std::size_t count = 0;
  const auto consider = [&](RateLimit* limit) {
    if (limit != nullptr && limit->limits() && count < kMostRates) rates[count++] = limit;
  };
  consider(&forward_.rate);
  consider(&forward_.life->throttle);
  if (client != nullptr) consider(&client->rate);
  consider(connection);
  for (auto* const quota : softs_) {
    if (quota->action == LimitAction::throttle && quota->spent()) consider(&quota->throttle);
  }

  std::uint64_t granted = want;
  std::size_t asked = 0;
  Grant none;
  for (; asked < count; ++asked) {
    const auto got = rates[asked]->take(granted, now.instant);
    if (got < least || got == 0) {
      rates[asked]->give_back(got);
      none.again = rates[asked]->next(least, now.instant);
      break;
    }
    for (std::size_t i = 0; i < asked; ++i) rates[i]->give_back(granted - got);
    granted = got;
  }
  std::size_t leased = 0;
  if (asked == count) {
    for (; leased < cuts_.size(); ++leased) {
      Lease* const lease = cuts_[leased]->of(flow);
      if (lease == nullptr) continue;
      const auto got = lease->reserve(granted);
      if (got < least || got == 0) {
        lease->release(got);
        none.dry = &cuts_[leased]->share();
        break;
      }
      for (std::size_t i = 0; i < leased; ++i) {
        if (auto* const earlier = cuts_[i]->of(flow)) earlier->release(granted - got);
      }
      for (std::size_t i = 0; i < count; ++i) rates[i]->give_back(granted - got);
      granted = got;
    }
    if (leased == cuts_.size()) return {.bytes = granted};
  }
  for (std::size_t i = 0; i < leased; ++i) {
    if (auto* const earlier = cuts_[i]->of(flow)) earlier->release(granted);
  }
  for (std::size_t i = 0; i < asked; ++i) rates[i]->give_back(granted);
  return none;
}

void Budget::settle(Flow flow, std::uint64_t bytes, ForwardClient* client) {
  (flow == Flow::up ? counters_.upload : counters_.download).add(bytes);
  if (client != nullptr) {
    (flow == Flow::up ? client->upload : client->download).fetch_add(bytes, std::memory_order_relaxed);
  }
  if (unlimited_) return;
  for (auto* const quota : cuts_) {
    if (Lease* const lease = quota->of(flow)) lease->settle(bytes);
  }
  for (auto* const quota : softs_) {
    if (const auto& allowance = flow == Flow::up ? quota->up : quota->down) allowance->take(bytes);
  }
}

void Budget::release(Flow flow, std::uint64_t bytes, ForwardClient* client, RateLimit* connection) {
  if (unlimited() || bytes == 0) return;
  forward_.rate.give_back(bytes);
  forward_.life->throttle.give_back(bytes);
  if (client != nullptr) client->rate.give_back(bytes);
  if (connection != nullptr) connection->give_back(bytes);
  for (auto* const quota : cuts_) {
    if (Lease* const lease = quota->of(flow)) lease->release(bytes);
  }
}

}  // namespace tidegate
