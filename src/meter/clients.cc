#include "meter/clients.h"

#include <algorithm>

namespace tidegate {

void ClientTable::add(const Sample& sample) {
  const bool out = sample.direction == Direction::out;
  const Key key{out ? sample.flow.destination : sample.flow.source, sample.flow.protocol};
  const auto at = sample.at.instant;
  auto known = by_key_.find(key);
  if (known == by_key_.end()) {
    if (entries_.size() == kMost) {
      const auto& oldest = entries_.back().client;
      by_key_.erase({oldest.endpoint, oldest.protocol});
      entries_.pop_back();
    }
    entries_.push_front({{.endpoint = key.endpoint, .protocol = key.protocol, .first = at, .last = at}, {}});
    known = by_key_.emplace(key, entries_.begin()).first;
  }
  auto& path = known->second->paths[out ? 1 : 0];
  if (path.last && path.interface != sample.interface && at - *path.last <= kSameInterface) return;
  path = {.interface = sample.interface, .last = at};
  entries_.splice(entries_.begin(), entries_, known->second);
  auto& client = entries_.front().client;
  client.last = std::max(client.last, at);
  ++client.packets;
  if (out) {
    client.bytes_out += sample.bytes;
    bytes_out_ += sample.bytes;
  } else {
    client.bytes_in += sample.bytes;
    bytes_in_ += sample.bytes;
    ++packets_in_;
  }
}

std::vector<Client> ClientTable::since(Instant since) const {
  std::vector<Client> found;
  for (const auto& entry : entries_) {
    if (entry.client.last < since) break;
    found.push_back(entry.client);
  }
  return found;
}

std::size_t ClientTable::count_since(Instant since) const {
  const auto older = std::ranges::find_if(entries_, [&](const Entry& entry) { return entry.client.last < since; });
  return static_cast<std::size_t>(std::ranges::distance(entries_.begin(), older));
}

}  // namespace tidegate
