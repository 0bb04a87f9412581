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
    for (const auto& capture : service.captures) {
      entries.push_back({.service = service.name,
                         .interface = capture.interface,
                         .filter = capture.filter,
                         .name = "pcap on " + capture.interface,
                         .services = {service.name},
                         .whole = !service.capture_wakes.empty()});
    }
  }
  return entries;
}

Result<> Sensors::apply(const Config& config) {
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
}

std::vector<SensorStatus> Sensors::status() const {
  std::vector<SensorStatus> all;
  all.reserve(entries_.size());
  for (const auto& entry : entries_) all.push_back(entry->sensor->status());
  return all;
}

}  // namespace tidegate
