#include "meter/tally.h"

#include <algorithm>

#include "base/check.h"

namespace tidegate {
namespace {

bool is_syn(std::uint8_t flags) { return (flags & (tcp_flag::kSyn | tcp_flag::kAck)) == tcp_flag::kSyn; }

}  // namespace

Tally::Tally(const TallySettings& settings, std::uint64_t seed)
    : ports_{settings.ports},
      syn_packets_{settings.syn_packets},
      sources_{settings.sources, seed},
      pairs_{std::max(kLeastPorts, settings.sources), seed},
      first_ports_(settings.sources) {
  TIDEGATE_CHECK(settings.sources <= TallySettings::kMostSources);
  if (syn_packets_) return;
  outcomes_by_source_.resize(settings.sources);
  handshakes_.emplace(kMostPending, seed);
}

bool Tally::add(const Sample& sample) {
  if (sample.flow.protocol != Protocol::tcp) return false;
  if (!syn_packets_) return add_handshake(sample);
  if (!is_syn(sample.tcp_flags) || sample.direction == Direction::out || !wants(sample.flow.destination.port))
    return false;
  count(sample.flow, sources_.hash(sample.flow.source.address));
  return true;
}

bool Tally::add_handshake(const Sample& sample) {
  const Handshakes::Connection from_initiator{sample.flow.source, sample.flow.destination};
  const auto place = handshakes_->hash(from_initiator);
  advance(sample.at.instant);
  if (is_syn(sample.tcp_flags)) {
    if (sample.direction == Direction::out || !wants(sample.flow.destination.port)) return false;
    const auto source = sources_.hash(sample.flow.source.address);
    const auto syn = handshakes_->syn(from_initiator, place, latest_);
    if (syn.gave_way) {
      note(*syn.gave_way, &TallyOutcomes::unanswered);
      ++given_up_;
    }
    if (syn.fresh) {
      syn.slot = count(sample.flow, source);
    } else {
      note({sample.flow.source.address, syn.slot}, &TallyOutcomes::retransmitted);
    }
    return syn.fresh;
  }
  const bool reset = (sample.tcp_flags & tcp_flag::kRst) != 0;
  if (const auto origin = handshakes_->end(from_initiator, place)) {
    note(*origin, reset ? &TallyOutcomes::refused : &TallyOutcomes::established);
  } else if (reset) {
    if (const auto refused = handshakes_->end({sample.flow.destination, sample.flow.source}))
      note(*refused, &TallyOutcomes::refused);
  }
  return false;
}

void Tally::advance(Instant now) {
  latest_ = std::max(latest_, now);
  if (!handshakes_) return;
  while (const auto origin = handshakes_->take_oldest(latest_ - kPatience)) note(*origin, &TallyOutcomes::unanswered);
}

void Tally::finish() {
  if (!handshakes_) return;
  while (const auto origin = handshakes_->take_oldest()) note(*origin, &TallyOutcomes::unanswered);
}

bool Tally::wants(std::uint16_t port) const {
  return ports_.empty() ||
         std::ranges::any_of(ports_, [port](const PortRange& range) { return range.contains(Protocol::tcp, port); });
}

Top<IpAddress>::Slot Tally::count(const FlowKey& flow, Top<IpAddress>::Hash hash) {
  const auto& source = flow.source.address;
  const auto port = flow.destination.port;
  const auto added = sources_.add(source, hash);
  auto& first = first_ports_[added.slot];
  if (added.fresh) {
    first = {1, port};
    if (!outcomes_by_source_.empty()) outcomes_by_source_[added.slot] = {};
  } else if (first.port == port) {
    ++first.count;
  } else {
    pairs_.add({source, port});
  }
  return added.slot;
}

void Tally::note(const Handshakes::Origin& origin, Outcome outcome) {
  ++(outcomes_.*outcome);
  if (sources_.key(origin.slot) == origin.address) ++(outcomes_by_source_[origin.slot].*outcome);
}

void TallyReport::shorten(std::size_t most_sources, std::size_t most_ports) {
  if (sources.size() > most_sources) {
    sources_floor = std::max(sources_floor, sources[most_sources].count);
    sources.resize(most_sources);
  }
  for (auto& source : sources) {
    if (source.ports.size() <= most_ports) continue;
    ports_floor = std::max(ports_floor, source.ports[most_ports].count);
    source.ports.resize(most_ports);
  }
}

TallyReport Tally::report() const {
  TallyReport report{.connections = connections(),
                     .outcomes = outcomes_,
                     .pending = handshakes_ ? handshakes_->size() : 0,
                     .given_up = given_up_,
                     .sources_floor = sources_.floor(),
                     .ports_floor = pairs_.floor()};
  using Port = TallyReport::Port;
  using Source = TallyReport::Source;
  report.sources.reserve(sources_.size());
  for (Top<IpAddress>::Slot slot = 0; slot < sources_.size(); ++slot) {
    report.sources.push_back({.address = sources_.key(slot),
                              .count = sources_.count(slot),
                              .error = sources_.error(slot),
                              .outcomes = outcomes_by_source_.empty() ? TallyOutcomes{} : outcomes_by_source_[slot],
                              .ports = {{first_ports_[slot].port, first_ports_[slot].count, 0}}});
  }
  for (Top<SourcePort, SourcePortTraits>::Slot slot = 0; slot < pairs_.size(); ++slot) {
    const auto& [address, port] = pairs_.key(slot);
    const auto source = sources_.find(address);
    if (!source) continue;
    auto& ports = report.sources[*source].ports;
    if (ports.front().port == port) {  // counted as a pair when the source was kept before
      ports.front().count += pairs_.count(slot);
      ports.front().error += pairs_.error(slot);
    } else {
      ports.push_back({port, pairs_.count(slot), pairs_.error(slot)});
    }
  }
  for (auto& source : report.sources) {
    // What came before the source was kept may have gone to any of its ports, but no port has more than its source.
    for (auto& port : source.ports) {
      const auto least = port.count - port.error;
      port.count = std::min(port.count + source.error, source.count);
      port.error = port.count - least;
    }
    std::ranges::sort(source.ports, [](const Port& a, const Port& b) {
      return a.count != b.count ? a.count > b.count : a.port < b.port;
    });
  }
  std::ranges::sort(report.sources, [](const Source& a, const Source& b) {
    return a.count != b.count ? a.count > b.count : a.address < b.address;
  });
  return report;
}

}  // namespace tidegate
