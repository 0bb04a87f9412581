#include "daemon/sensors.h"

#include <algorithm>

#include "base/log.h"
#include "daemon/kernel_choice.h"

namespace tidegate {

std::vector<Sensors::Entry> Sensors::wanted(const Config& config) const {
  std::vector<Entry> entries;
  for (const auto& service : config.services) {
    if (!service.ports.empty() && !in_kernel(service.name)) {
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
  const auto watched_before = kernel_services_;
  auto applied = apply_kernel(config);
  if (applied) {
    applied = apply_captures(config);
    if (!applied) {
      if (const auto back = watch_in_kernel(watched_before); !back) log::error("{}", back.error().what);
    }
  }
  if (!applied) {
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

// The services whose ports the kernel can watch, all or none of them; the others are left to pcap. The error: one
// insists.
Result<> Sensors::apply_kernel(const Config& config) {
  KernelSensor::forget_hooks();
  const auto choice = kernel_choice(config);
  const auto insisting = [](const ServiceSettings& service) { return service.sensor == PortSensor::kernel; };
  for (const auto& service : config.services) {
    if (insisting(service) && std::ranges::find(choice, service.name, &ServiceSettings::name) == choice.end())
      return failure("{}: sensor kernel: it shares a port with an earlier service on another interface", service.name);
  }
  const auto watched = watch_in_kernel(choice);
  if (watched) {
    kernel_refusal_.clear();
    return {};
  }
  if (const auto insists = std::ranges::find_if(choice, insisting); insists != choice.end())
    return failure("{}: sensor kernel: {}", insists->name, watched.error().what);
  if (std::exchange(kernel_refusal_, watched.error().what) != kernel_refusal_)
    log::info("sensor kernel: {}; pcap watches the ports", kernel_refusal_);
  return {};
}

Result<> Sensors::watch_in_kernel(const std::vector<ServiceSettings>& services) {
  kernel_services_.clear();
  if (services.empty()) {
    kernel_.reset();
    return {};
  }
  if (!kernel_) {
    auto opened = KernelSensor::open(executor_, {}, sink_);
    if (!opened) return std::unexpected{std::move(opened.error())};
    kernel_ = std::move(*opened);
    kernel_->set_local(local_);
  }
  if (auto watched = kernel_->watch(services); !watched) {
    kernel_.reset();
    return watched;
  }
  kernel_services_ = services;
  return {};
}

bool Sensors::in_kernel(const std::string& service) const {
  return std::ranges::find(kernel_services_, service, &ServiceSettings::name) != kernel_services_.end();
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
  for (const auto& service : kernel_services_) kernel_->set_listening(service.name, sleeps(service.name));
}

std::vector<SensorStatus> Sensors::status() const {
  std::vector<SensorStatus> all;
  all.reserve(entries_.size() + groups_.size() + 1);
  if (kernel_) all.push_back(kernel_->status());
  for (const auto& entry : entries_) all.push_back(entry->sensor->status());
  for (const auto& group : groups_) all.push_back(group->sensor->status());
  return all;
}

void Sensors::set_local(const std::vector<IpAddress>& addresses) {
  local_ = addresses;
  if (kernel_) kernel_->set_local(local_);
}

void Sensors::set_own(Protocol protocol, const Endpoint& endpoint, Instant until) {
  if (kernel_) kernel_->set_own(protocol, endpoint, until);
}

void Sensors::set_listening(const std::string& service, bool listening) {
  if (kernel_) kernel_->set_listening(service, listening);
}

std::optional<Instant> Sensors::renewed(const std::string& service) const {
  return kernel_ ? kernel_->renewed(service) : std::nullopt;
}

std::optional<CountedTraffic> Sensors::counted(const std::string& service) const {
  return kernel_ ? kernel_->counted(service) : std::nullopt;
}

}  // namespace tidegate
