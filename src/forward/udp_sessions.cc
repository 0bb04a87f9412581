#include "forward/udp_sessions.h"

#include <algorithm>

#include "base/seed.h"
#include "model/key_hash.h"

namespace tidegate {

namespace {

// How many leave at once when the table of clients is full: it is searched from end to end for each time it was.
constexpr int kLeaveTogether = 512;

}  // namespace

std::size_t UdpSessions::KeyHash::operator()(const UdpKey& key) const noexcept {
  return hash_endpoints(key.client, {key.local, key.listener->port}, process_seed());
}

UdpSessions::UdpSessions(WorkerContext& context, std::shared_ptr<ForwardRuntime> forward) : context_{context} {
  replace(std::move(forward));
}

UdpSessions::~UdpSessions() {
  for_each([this](UdpSession& session) { end(session); });
}

void UdpSessions::replace(std::shared_ptr<ForwardRuntime> forward) {
  std::erase_if(plans_, [](const auto& plan) { return plan->empty(); });
  plans_.push_back(std::make_unique<UdpPlan>(context_, std::move(forward)));
}

UdpSession* UdpSessions::find(const UdpKey& key) {
  const auto found = sessions_.find(key);
  return found == sessions_.end() ? nullptr : found->second.get();
}

// Acquires the client; where their table is full of busy ones, some leave first.
ForwardClient* UdpSessions::acquire(const IpAddress& address) {
  auto* const client = plan().forward->acquire_client(address);
  if (client != nullptr) return client;
  int left = 0;
  while (left < kLeaveTogether && evict(UdpStanding::fresh)) ++left;
  if (left == 0 && !evict(UdpStanding::proven)) return nullptr;
  return plan().forward->acquire_client(address);
}

UdpSession* UdpSessions::open(const UdpKey& key, std::uint32_t interface) {
  auto& forward = *plan().forward;
  ForwardClient* const client = allowed(forward.settings, key.client.address) ? acquire(key.client.address) : nullptr;
  if (client == nullptr || admit(forward, *client, context_.loop.now().instant) != Refusal::none ||
      !make_room(*client)) {
    if (client != nullptr) forward.life->clients.release(*client);
    plan().counters.refused.add(1);
    return nullptr;
  }
  UdpClient& own = clients_.try_emplace(client, *client).first->second;
  auto session = std::make_unique<UdpSession>(context_, plan(), own, key, interface);
  return sessions_.emplace(key, std::move(session)).first->second.get();
}

// Within the bounds of the settings, for one more session of this client.
bool UdpSessions::make_room(const ForwardClient& client) {
  const auto& forward = *plan().forward;
  if (client.sessions.load(std::memory_order_relaxed) >= forward.settings.udp_sessions_each_client) {
    const auto own = clients_.find(&client);
    if (own == clients_.end()) return false;  // other threads have them
    end(own->second.sessions.front());
  }
  return forward.life->open_sessions.load(std::memory_order_relaxed) < forward.settings.udp_sessions ||
         evict(UdpStanding::proven);
}

// Ends the session that has shown least, and no more than `most`. False: there is none.
bool UdpSessions::evict(UdpStanding most, const UdpSession* but) {
  for (std::size_t standing = 0; standing <= static_cast<std::size_t>(most); ++standing) {
    UdpSession* oldest = nullptr;
    for (const auto& plan : plans_) {
      auto& list = plan->sessions[standing];
      if (list.empty() || &list.front() == but) continue;
      if (oldest == nullptr || list.front().last() < oldest->last()) oldest = &list.front();
    }
    if (oldest == nullptr) continue;
    end(*oldest);
    return true;
  }
  return false;
}

bool UdpSessions::connect(UdpSession& session) {
  auto reach = session.connect();
  if (reach == UdpSession::Reach::no_room && evict(UdpStanding::fresh, &session)) reach = session.connect();
  if (reach == UdpSession::Reach::reached) return true;
  if (!session.waits()) session.plan().counters.errors.add(1);
  context_.tell_trouble(plan().forward->settings.name, reach == UdpSession::Reach::no_room
                                                           ? "no socket is left for a UDP session"
                                                           : "no target can be reached by UDP");
  return false;
}

void UdpSessions::end(UdpSession& session) {
  auto node = sessions_.extract(session.key());
  UdpClient& client = session.client();
  session.close();
  if (client.sessions.empty()) clients_.erase(&client.client);
  context_.loop.dispose(std::move(node.mapped()));  // events of this turn may be for it
}

std::optional<Instant> UdpSessions::expire() {
  const Instant now = context_.loop.now().instant;
  std::optional<Instant> next;
  for (const auto& plan : plans_) {
    for (auto& list : plan->sessions) {
      while (!list.empty() && list.front().expires() <= now) {
        if (list.front().waits()) plan->counters.refused.add(1);
        end(list.front());
      }
      if (!list.empty() && (!next || list.front().expires() < *next)) next = list.front().expires();
    }
  }
  return next;
}

UdpSession* UdpSessions::any_waiting() {
  for (const auto& plan : plans_) {
    auto& waiting = plan->sessions[static_cast<std::size_t>(UdpStanding::waiting)];
    if (!waiting.empty()) return &waiting.front();
  }
  return nullptr;
}

}  // namespace tidegate
