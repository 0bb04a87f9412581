// See waiting_room.h.
#include "hold/waiting_room.h"

#include <utility>

namespace tidegate {

WaitingRoom::Admission WaitingRoom::admit(const std::string& service, const WaitingPacket& packet) {
  auto& room = rooms_[service];
  Admission admission;
  const bool tcp = packet.flow.protocol == Protocol::tcp;
  if (tcp) {
    if (const auto earlier = room.asked.find(packet.flow); earlier != room.asked.end()) {
      admission.instead_of = earlier->second->number;
      remove(room, earlier->second);
      ++room.counts.repeated;
    }
  }
  const auto client = room.clients.find(packet.flow.source.address);
  const Load load = client == room.clients.end() ? Load{} : client->second;
  if (packets_ >= bounds_.packets || room.packets.size() >= bounds_.service_packets ||
      room.bytes + packet.bytes > bounds_.service_bytes || load.packets >= bounds_.client_packets ||
      load.bytes + packet.bytes > bounds_.client_bytes) {
    ++room.counts.dropped_full;
    return admission;
  }
  const auto place = room.packets.insert(room.packets.end(), packet);
  if (tcp) room.asked[packet.flow] = place;
  auto& own = room.clients[packet.flow.source.address];
  ++own.packets;
  own.bytes += packet.bytes;
  room.bytes += packet.bytes;
  ++packets_;
  if (!admission.instead_of) ++room.counts.held;
  admission.waits = true;
  return admission;
}

void WaitingRoom::remove(Room& room, std::list<WaitingPacket>::iterator packet) {
  const auto client = room.clients.find(packet->flow.source.address);
  client->second.bytes -= packet->bytes;
  if (--client->second.packets == 0) room.clients.erase(client);
  room.bytes -= packet->bytes;
  if (packet->flow.protocol == Protocol::tcp) room.asked.erase(packet->flow);
  room.packets.erase(packet);
  --packets_;
}

std::vector<std::uint32_t> WaitingRoom::take(const std::string& service, const Which& which) {
  std::vector<std::uint32_t> taken;
  const auto found = rooms_.find(service);
  if (found == rooms_.end()) return taken;
  auto& room = found->second;
  taken.reserve(room.packets.size());
  for (auto next = room.packets.begin(); next != room.packets.end();) {
    const auto packet = next++;
    if (which && !which(*packet)) continue;
    taken.push_back(packet->number);
    remove(room, packet);
  }
  return taken;
}

void WaitingRoom::forget(const std::string& service) {
  const auto found = rooms_.find(service);
  if (found != rooms_.end() && found->second.packets.empty()) rooms_.erase(found);
}

const std::list<WaitingPacket>& WaitingRoom::waiting(const std::string& service) const {
  static const std::list<WaitingPacket> nobody;
  const auto found = rooms_.find(service);
  return found == rooms_.end() ? nobody : found->second.packets;
}

std::size_t WaitingRoom::clients(const std::string& service) const {
  const auto found = rooms_.find(service);
  return found == rooms_.end() ? 0 : found->second.clients.size();
}

WaitingCounts WaitingRoom::counts(const std::string& service) const {
  const auto found = rooms_.find(service);
  return found == rooms_.end() ? WaitingCounts{} : found->second.counts;
}

}  // namespace tidegate
