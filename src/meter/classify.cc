#include "meter/classify.h"

#include <algorithm>

namespace tidegate {
namespace {

constexpr std::size_t kHandshakes = 1024;  // under way at one service; past it the oldest is forgotten
constexpr Duration kHandshakePatience = std::chrono::seconds{60};

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
  if (wake_.handshake) handshakes_.emplace(kHandshakes);
}

bool Classifier::taken_by_wake(const Sample& sample) {
  return takes(wake_, sample) && (!rate_ || rate_->add(client_of(sample).address, sample.at.instant));
}

bool Classifier::wakes(const Sample& sample) {
  return handshakes_ && sample.flow.protocol == Protocol::tcp ? completes_handshake(sample) : taken_by_wake(sample);
}

// The client's packets alone tell: who only scans sends no acknowledgement behind his SYN, or a RST.
bool Classifier::completes_handshake(const Sample& sample) {
  const auto now = sample.at.instant;
  while (handshakes_->take_oldest(now - kHandshakePatience)) continue;
  const Handshakes::Connection connection{.initiator = sample.flow.source, .responder = sample.flow.destination};
  constexpr unsigned kAsked = tcp_flag::kSyn | tcp_flag::kAck;
  if ((sample.tcp_flags & tcp_flag::kRst) != 0) {
    handshakes_->end(connection);
  } else if ((sample.tcp_flags & kAsked) == tcp_flag::kAck) {
    return handshakes_->end(connection).has_value();
  } else if ((sample.tcp_flags & kAsked) == tcp_flag::kSyn && taken_by_wake(sample)) {
    handshakes_->syn(connection, now);
  }
  return false;
}

Class Classifier::classify(const Sample& sample, bool awake) { return class_of(sample, wakes(sample), awake); }

Class Classifier::classify_accepted(const Sample& sample, bool awake) {
  return class_of(sample, taken_by_wake(sample), awake);
}

Class Classifier::class_of(const Sample& sample, bool wakes, bool awake) const {
  if (wakes && !(awake && keep_.ack_only)) return Class::wake;
  if (takes(keep_, sample)) return wakes ? Class::wake : Class::keep;
  return Class::ignore;
}

}  // namespace tidegate
