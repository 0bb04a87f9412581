#include "meter/classify.h"

#include <algorithm>

namespace tidegate {
namespace {

// RFC 4861: router and neighbour solicitation and advertisement, redirect.
bool is_neighbour_discovery(const Sample& sample) {
  return sample.flow.protocol == Protocol::icmp6 && sample.icmp_type >= 133 && sample.icmp_type <= 137;
}

// The kind of noise that a sample is, its most particular one; none: it is none.
std::optional<Noise> noise_of(const Sample& sample) {
  if (sample.flow.protocol == Protocol::arp) return Noise::arp;
  if (is_neighbour_discovery(sample)) return Noise::neighbour;
  if (sample.flow.protocol == Protocol::icmp || sample.flow.protocol == Protocol::icmp6) return Noise::icmp;
  if (sample.flow.protocol == Protocol::tcp && (sample.tcp_flags & tcp_flag::kRst) != 0) return Noise::rst;
  if (sample.cast == Cast::broadcast) return Noise::broadcast;
  if (sample.cast == Cast::multicast) return Noise::multicast;
  return std::nullopt;
}

bool in_any(const std::vector<Cidr>& networks, const IpAddress& address) {
  return std::ranges::any_of(networks, [&](const Cidr& network) { return network.contains(address); });
}

}  // namespace

bool takes(const SampleRule& rule, const Sample& sample) {
  if (const auto noise = noise_of(sample); noise && (rule.also & static_cast<unsigned>(*noise)) == 0) return false;
  if (rule.direction && sample.direction != Direction::unknown && sample.direction != *rule.direction) return false;
  if (sample.payload < rule.min_bytes) return false;
  const bool tcp = sample.flow.protocol == Protocol::tcp;
  if (rule.ack_only && (!tcp || (sample.tcp_flags & tcp_flag::kAck) == 0)) return false;
  if (tcp && ((sample.tcp_flags & rule.flags.set) != rule.flags.set || (sample.tcp_flags & rule.flags.clear) != 0))
    return false;
  const auto& client = client_of(sample).address;
  if (!rule.from.empty() && !in_any(rule.from, client)) return false;
  if (in_any(rule.not_from, client)) return false;
  return rule.ports.empty() || std::ranges::any_of(rule.ports, [&](const PortRange& ports) {
           return ports.contains(sample.flow.protocol, service_of(sample).port);
         });
}

Classifier::Classifier(SampleRule wake, SampleRule keep) : wake_{std::move(wake)}, keep_{std::move(keep)} {
  if (wake_.packets) rate_.emplace(*wake_.packets);
}

Class Classifier::classify(const Sample& sample, bool awake) {
  const bool wakes = takes(wake_, sample) && (!rate_ || rate_->add(client_of(sample).address, sample.at.instant));
  if (wakes && !(awake && keep_.ack_only)) return Class::wake;
  if (takes(keep_, sample)) return wakes ? Class::wake : Class::keep;
  return Class::ignore;
}

}  // namespace tidegate
