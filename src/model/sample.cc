#include "model/sample.h"

namespace tidegate {

std::string describe(const Sample& sample) {
  const auto& [source, destination, protocol] = sample.flow;
  if (has_ports(protocol)) return describe(sample, source.to_string(), destination.to_string());
  return describe(sample, source.address.to_string(), destination.address.to_string());
}

std::string describe(const Sample& sample, std::string_view source, std::string_view destination) {
  const auto protocol = sample.flow.protocol;
  const auto name = protocol == Protocol::tcp     ? "TCP"
                    : protocol == Protocol::udp   ? "UDP"
                    : protocol == Protocol::icmp  ? "ICMP"
                    : protocol == Protocol::icmp6 ? "ICMPv6"
                    : protocol == Protocol::arp   ? "ARP"
                                                  : "packet";
  return fmt::format("{} {} → {}, {} bytes", name, source, destination, sample.bytes);
}

}  // namespace tidegate
