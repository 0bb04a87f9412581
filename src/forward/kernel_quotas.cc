// The quotas of engine kernel: what their objects in the kernel let through; see kernel_engine.h.
#include <algorithm>

#include "forward/kernel_served.h"

namespace tidegate {

namespace {

// Objects of the kernel that stand for what a quota has left; each with the allowance that says how much that is.
struct QuotaObject {
  std::string direction;
  const Allowance* allowance;
  std::optional<std::uint64_t> KernelQuota::* number;
};

std::vector<QuotaObject> objects_of(const QuotaShare& share) {
  std::vector<QuotaObject> objects;
  if (share.action == LimitAction::reject) return objects;  // open connections go on, and new ones are for `in`
  const auto add = [&](std::string_view direction, const std::shared_ptr<Allowance>& allowance,
                       std::optional<std::uint64_t> KernelQuota::* number) {
    if (allowance && allowance->left() < Allowance::kMost)
      objects.push_back({std::string{direction}, allowance.get(), number});
  };
  if (share.up == share.down) {
    add("", share.up, &KernelQuota::both);
  } else {
    add("up", share.up, &KernelQuota::up);
    add("down", share.down, &KernelQuota::down);
  }
  return objects;
}

// Whether a quota lets nothing more through; of what it has consumed the kernel tells no more than its number.
bool is_depleted(const std::map<std::string, QuotaValue>& quotas, const std::string& name) {
  const auto found = quotas.find(name);
  return found != quotas.end() && found->second.consumed >= found->second.bytes;
}

// Whether one that ends what is open is reached.
bool is_cut(const ForwardRuntime& forward) {
  return std::ranges::any_of(forward.quotas,
                             [](const auto& quota) { return quota->action == LimitAction::cut && quota->closed(); });
}

}  // namespace

void KernelEngine::follow_quotas(Served& served, const std::map<std::string, QuotaValue>& quotas) {
  served.forward.quotas.clear();
  for (const auto& share : served.runtime->quotas) {
    KernelQuota quota{.name = share->key, .action = share->action, .rate = share->throttle_rate};
    const auto objects = objects_of(*share);
    auto& held = held_[share->key];
    const auto name = [&](const QuotaObject& object) {
      return quota_name(share->key, object.direction, held.generation);
    };
    const bool renewed = renewed_.contains(share->key);
    if (renewed && std::ranges::any_of(objects, [&](const auto& o) { return is_depleted(quotas, name(o)); })) {
      ++held.generation;
      held.numbers.clear();
    }
    quota.generation = held.generation;
    for (const QuotaObject& object : objects) {
      const auto [number, is_new] = held.numbers.try_emplace(object.direction);
      if (is_new || renewed) {
        const auto consumed = quotas.find(name(object));
        number->second = object.allowance->left() + (consumed == quotas.end() ? 0 : consumed->second.consumed);
      }
      quota.*object.number = number->second;
    }
    served.forward.quotas.push_back(std::move(quota));
  }
  const bool was_closed = served.forward.closed;
  served.forward.closed = served.runtime->closed_by_quota();
  if (served.forward.closed && !was_closed && is_cut(*served.runtime)) end(served);
}

// What the quotas have left is read after what they have consumed: packets between the two make what is left smaller.
void KernelEngine::renew_quotas() {
  auto quotas = read_quotas(kForwardTable);
  if (!quotas) return tell_trouble(quotas.error().what);
  count();
  hooks_.count();
  for (auto& [name, served] : served_) follow_quotas(*served, *quotas);
  renewed_.clear();
}

void KernelEngine::quota_changed(const QuotaShare& quota) {
  const bool ours = std::ranges::any_of(served_, [&](const auto& entry) { return entry.second->runtime->uses(quota); });
  if (ours) renewed_.insert(quota.key);
}

void KernelEngine::find_overruns(const std::map<std::string, QuotaValue>& quotas) {
  for (const auto& [name, served] : served_) {
    for (const auto& share : served->runtime->quotas) {
      if (share->action != LimitAction::cut || share->reached) continue;
      const bool is_over = std::ranges::any_of(objects_of(*share), [&](const QuotaObject& object) {
        return is_depleted(quotas, quota_name(share->key, object.direction, held_[share->key].generation));
      });
      if (is_over) hooks_.over(share->key);
    }
  }
}

}  // namespace tidegate
