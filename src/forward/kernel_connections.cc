// How connections of engine kernel end, one by one and all at once; see kernel_engine.h.
#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>

#include "base/log.h"
#include "forward/kernel_served.h"
#include "netfilter/conntrack.h"
#include "netfilter/listing.h"
#include "netfilter/nft.h"
#include "netfilter/tcp_probe.h"

namespace tidegate {

namespace asio = boost::asio;

namespace {

// How long a TCP connection that is to end is kept, so that both its sides may be told when they next speak.
constexpr Duration kFarewell = std::chrono::seconds{15};
constexpr Duration kAsked = std::chrono::seconds{3};            // for which also one is kept that has ended on one side
constexpr Duration kLastWord = std::chrono::milliseconds{200};  // the same, when this process ends

}  // namespace

// From now on its connections have other numbers, and those that are open end.
void KernelEngine::end(Served& served) {
  for (auto* const number : {&served.forward.tcp, &served.forward.udp}) {
    if (*number == 0) continue;
    ended_.try_emplace(*number, std::chrono::steady_clock::now());
    *number = new_number();
  }
}

void KernelEngine::look_at_connections() {
  if (!claim_ || (served_.empty() && ended_.empty())) return;
  auto connections = tracked_connections(kMark, kMarkMask);
  if (!connections) return tell_trouble(connections.error().what);
  const auto now = std::chrono::steady_clock::now();
  std::map<std::uint16_t, std::int64_t> open;
  std::vector<TrackedConnection> gone;
  std::vector<TcpProbe> probes;
  std::set<std::uint16_t> ending;
  for (const auto& connection : *connections) {
    const auto number = static_cast<std::uint16_t>(connection.mark & kMostNumber);
    open[number] += connection.open ? 1 : 0;
    const bool is_served = std::ranges::any_of(served_, [&](const auto& entry) {
      return entry.second->forward.tcp == number || entry.second->forward.udp == number;
    });
    if (is_served) continue;
    const auto ended = ended_.try_emplace(number, now).first;  // or one of an earlier life
    // One side may have been told, by which the connection is over for the kernel, before the other is asked.
    const Duration kept = connection.open ? kFarewell : kAsked;
    if (connection.protocol == Protocol::tcp && now < ended->second + kept) {
      ending.insert(number);
      // Both sides, whichever is silent: what they answer is reset.
      probes.push_back({.from = connection.listen, .to = connection.client});
      probes.push_back({.from = connection.source, .to = connection.target});
    } else {
      gone.push_back(connection);
    }
  }
  if (auto forgotten = forget_connections(gone); !forgotten) tell_trouble(forgotten.error().what);
  if (const auto asked = send_probes(probes, kProbeMark); !asked) log::debug("{}", asked.error().what);
  for (const auto& [name, served] : served_) {
    served->runtime->life->open_connections = open[served->forward.tcp];
    served->runtime->life->open_sessions = open[served->forward.udp];
  }
  std::erase_if(ended_,
                [&](const auto& entry) { return !ending.contains(entry.first) && now >= entry.second + kFarewell; });
  update();
}

asio::awaitable<void> KernelEngine::close() {
  for (const auto& [name, served] : served_) {
    if (served->watch) co_await served->watch->close();
  }
  if (!claim_) co_return;
  renewed_.clear();
  for (auto& [name, served] : served_) {
    served->forward.closed = true;
    end(*served);
  }
  if (!served_.empty()) write();  // from here on nothing passes
  count();
  hooks_.count();
  served_.clear();
  // Both sides are told; what they say when asked takes no longer than this on most ways.
  look_at_connections();
  if (!ended_.empty()) {
    asio::steady_timer pause{executor_, kLastWord};
    co_await pause.async_wait(asio::use_awaitable);
  }
  if (const auto removed = nft::run(removal(kForwardTable)); !removed) log::warn("{}", removed.error().what);
  current_ = {};
  if (const auto connections = tracked_connections(kMark, kMarkMask); connections) {
    if (const auto forgotten = forget_connections(*connections); !forgotten) log::warn("{}", forgotten.error().what);
  }
  undo_host_settings();
  claim_.reset();
}

void KernelEngine::undo_host_settings() {
  for (const HostSetting& setting : set_here_) {
    if (!setting.is_guarded()) continue;  // others may count on it by now
    if (const auto done = setting.set(false); !done) log::warn("{}", done.error().what);
  }
  set_here_.clear();
}

void KernelEngine::remove_leftovers() {
  const auto claimed = claim_kernel_forwards();
  if (!claimed) return;  // they are another tidegate's
  const auto found = list_rules(kForwardTable);
  if (!found || !*found) return;
  const auto removed = nft::run(removal(kForwardTable));
  const auto connections = tracked_connections(kMark, kMarkMask);
  const auto forgotten = connections ? forget_connections(*connections) : Result<>{};
  for (const auto& done : {removed, forgotten}) {
    if (!done) log::warn("what is left of kernel forwards of an earlier life: {}", done.error().what);
  }
}

}  // namespace tidegate
