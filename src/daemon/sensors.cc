#include "daemon/sensors.h"

#include <algorithm>

#include "base/log.h"

namespace tidegate {

std::vector<Sensors::Entry> Sensors::wanted(const Config& config) {
  std::vector<Entry> entries;
  for (const auto& service : config.services) {
    if (!service.ports.empty()) {
      auto shared = std::ranges::find_if(
          entries, [&](const Entry& entry) { return entry.service.empty() && entry.interface == service.interface; });
      if (shared == entries.end()) {
        entries.push_back({.interface = service.interface, .name = "pcap on " + service.interface});
        shared = entries.end() - 1;
      }
      shared->ports.insert(shared->ports.end(), service.ports.begin(), service.ports.end());
      shared->services.push_back(service.name);
      shared->whole |= !service.capture_wakes.empty();
    }
    for (const auto& source : service.sensors) {
      const auto* const pcap = std::get_if<PcapSource>(&source);
      if (pcap == nullptr) continue;
      entries.push_back({.service = service.name,
                         .interface = pcap->interface,
                         .filter = pcap->filter,
                         .name = "pcap on " + pcap->interface,
                         .services = {service.name},
                         .whole = !service.capture_wakes.empty()});
    }
  }
  return entries;
}

std::vector<Sensors::Group> Sensors::wanted_groups(const Config& config) {
  std::vector<Group> groups;
  for (const auto& service : config.services) {
    for (const auto& source : service.sensors) {
      const auto* const nflog = std::get_if<NflogSource>(&source);
      if (nflog == nullptr) continue;
      auto shared = std::ranges::find(groups, nflog->group, &Group::number);
      if (shared == groups.end()) {
        groups.push_back({.number = nflog->group, .name = fmt::format("nflog group {}", nflog->group)});
        shared = groups.end() - 1;
      }
      shared->services.push_back(service.name);
      shared->whole |= !service.capture_wakes.empty();
    }
  }
  return groups;
}

Result<> Sensors::apply(const Config& config) {
  auto wanted = wanted_groups(config);
  auto fresh = open_groups(wanted);
  if (!fresh) return std::unexpected{std::move(fresh.error())};
  if (auto set = set_whole(wanted); !set) return set;
  if (auto applied = apply_captures(config); !applied) {
    std::vector<Group> before;
    for (const auto& group : groups_) before.push_back({.number = group->number, .whole = group->whole});
    if (const auto back = set_whole(before); !back) log::error("{}", back.error().what);
    return applied;
  }
  for (auto& wish : wanted) {
    auto* const kept = find_group(wish.number);
    if (kept == nullptr) continue;
    kept->services = std::move(wish.services);
    kept->whole = wish.whole;
  }
  std::erase_if(groups_, [&](const auto& group) {
    return std::ranges::find(wanted, group->number, &Group::number) == wanted.end();
  });
  std::ranges::move(*fresh, std::back_inserter(groups_));
  return {};
}

Sensors::Group* Sensors::find_group(std::uint16_t number) const {
  const auto found = std::ranges::find_if(groups_, [&](const auto& group) { return group->number == number; });
  return found == groups_.end() ? nullptr : found->get();
}

// Those that are not open yet.
Result<Sensors::Groups> Sensors::open_groups(const std::vector<Group>& wanted) {
  Groups fresh;
  for (const auto& wish : wanted) {
    if (find_group(wish.number) != nullptr) continue;
    auto group = std::make_unique<Group>(
        Group{.number = wish.number, .name = wish.name, .services = wish.services, .whole = wish.whole, .sensor = {}});
    auto sensor = NflogSensor::open(nflog_, {.group = wish.number, .whole_packets = wish.whole},
                                    [this, self = group.get()](const Sample& sample, const Frame& frame) {
                                      for (const auto& service : self->services) {
                                        sink_(service, self->name, sample, frame);
                                      }
                                    });
    if (!sensor) return std::unexpected{std::move(sensor.error())};
    group->sensor = std::move(*sensor);
    fresh.push_back(std::move(group));
  }
  return fresh;
}

// Of those that are open: whether they take packets whole.
Result<> Sensors::set_whole(const std::vector<Group>& wanted) {
  for (const auto& wish : wanted) {
    const auto* const group = find_group(wish.number);
    if (group == nullptr) continue;
    if (auto set = group->sensor->set_whole_packets(wish.whole); !set) return set;
  }
  return {};
}

Result<> Sensors::apply_captures(const Config& config) {
  std::vector<std::unique_ptr<Entry>> next;
  std::vector<std::pair<Entry*, Entry>> changed;  // kept ones whose ports or services are others now
  std::vector<Entry*> kept;
  for (auto& entry : wanted(config)) {
    const auto old = std::ranges::find_if(entries_, [&](const auto& open) {
      return open->service == entry.service && open->interface == entry.interface && open->filter == entry.filter &&
             open->whole == entry.whole && std::ranges::find(kept, open.get()) == kept.end();
    });
    if (old != entries_.end()) {
      kept.push_back(old->get());
      changed.emplace_back(old->get(), std::move(entry));
      continue;
    }
    auto fresh = std::make_unique<Entry>(std::move(entry));
    auto sensor = PcapSensor::open(
        executor_,
        {.interface = fresh->interface, .filter = fresh->filter, .ports = fresh->ports, .whole_packets = fresh->whole},
        [this, self = fresh.get()](const Sample& sample, const Frame& frame) {
          sink_(self->service, self->name, sample, frame);
        });
    if (!sensor) return std::unexpected{std::move(sensor.error())};
    fresh->sensor = std::move(*sensor);
    next.push_back(std::move(fresh));
  }
  for (auto place = changed.begin(); place != changed.end(); ++place) {
    auto& [entry, wish] = *place;
    if (entry->ports == wish.ports) continue;
    if (auto set = entry->sensor->set_ports(wish.ports); !set) {
      for (auto done = changed.begin(); done != place; ++done) {  // these took the old ones before, so they do again
        auto* const open = done->first;
        if (open->ports.empty()) continue;
        if (const auto back = open->sensor->set_ports(open->ports); !back) {
          log::error("{}: {}", open->name, back.error().what);
        }
      }
      return set;
    }
  }
  for (auto& [entry, wish] : changed) {
    entry->ports = std::move(wish.ports);
    entry->services = std::move(wish.services);
  }
  for (auto& entry : entries_) {
    if (std::ranges::find(kept, entry.get()) != kept.end()) next.push_back(std::move(entry));
  }
  entries_ = std::move(next);
  return {};
}

void Sensors::set_immediate(const std::function<bool(const std::string&)>& sleeps) {
  for (const auto& entry : entries_) entry->sensor->set_immediate(std::ranges::any_of(entry->services, sleeps));
  for (const auto& group : groups_) group->sensor->set_immediate(std::ranges::any_of(group->services, sleeps));
}

std::vector<SensorStatus> Sensors::status() const {
  std::vector<SensorStatus> all;
  all.reserve(entries_.size() + groups_.size());
  for (const auto& entry : entries_) all.push_back(entry->sensor->status());
  for (const auto& group : groups_) all.push_back(group->sensor->status());
  return all;
}

}  // namespace tidegate
