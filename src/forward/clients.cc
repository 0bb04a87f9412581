#include "forward/clients.h"

#include <algorithm>

namespace tidegate {

namespace {

std::uint64_t moved(const ForwardClient& client) {
  return client.upload.load(std::memory_order_relaxed) + client.download.load(std::memory_order_relaxed);
}

}  // namespace

ForwardClient* ForwardClients::find_or_make(const IpAddress& address) {
  if (const auto found = clients_.find(address); found != clients_.end()) return found->second.get();
  if (clients_.size() >= kMost) {
    // An eighth leaves at once, so that a flood of new addresses does not look at all of them for each.
    std::vector<std::pair<std::uint64_t, IpAddress>> idle;
    idle.reserve(clients_.size());
    for (const auto& [key, client] : clients_) {
      // Acquires what its last user released: nobody has it any more.
      if (client->open.load(std::memory_order_acquire) == 0) idle.emplace_back(moved(*client), key);
    }
    if (idle.empty()) return nullptr;
    const auto leaving = std::min(idle.size(), kMost / 8);
    std::ranges::nth_element(idle, idle.begin() + static_cast<std::ptrdiff_t>(leaving - 1));
    for (std::size_t i = 0; i < leaving; ++i) clients_.erase(idle[i].second);
  }
  auto& client = clients_[address];
  client = std::make_unique<ForwardClient>();
  client->address = address;
  return client.get();
}

std::vector<ForwardClients::Line> ForwardClients::biggest(std::size_t most) const {
  std::vector<Line> lines;
  {
    const std::lock_guard lock{mutex_};
    lines.reserve(clients_.size());
    for (const auto& [address, client] : clients_) {
      lines.push_back({.address = address,
                       .upload = client->upload.load(std::memory_order_relaxed),
                       .download = client->download.load(std::memory_order_relaxed),
                       .connections = client->connections.load(std::memory_order_relaxed),
                       .open = client->open.load(std::memory_order_relaxed)});
    }
  }
  const auto count = static_cast<std::ptrdiff_t>(std::min(most, lines.size()));
  std::ranges::partial_sort(lines, lines.begin() + count, [](const Line& one, const Line& other) {
    const auto weight = [](const Line& line) { return std::pair{line.upload + line.download, line.connections}; };
    return weight(one) != weight(other) ? weight(one) > weight(other) : one.address < other.address;
  });
  lines.resize(static_cast<std::size_t>(count));
  return lines;
}

}  // namespace tidegate
