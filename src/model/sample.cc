#include "model/sample.h"

namespace tidegate {

std::string describe(const Sample& sample) {
  const auto& [source, destination, protocol] = sample.flow;
  if (protocol == Protocol::tcp || protocol == Protocol::udp) {
    return fmt::format("{} {} → {}, {} bytes", protocol == Protocol::tcp ? "TCP" : "UDP", source.to_string(),
                       destination.to_string(), sample.bytes);
  }
  const auto name = protocol == Protocol::icmp    ? "ICMP"
                    : protocol == Protocol::icmp6 ? "ICMPv6"
                    : protocol == Protocol::arp   ? "ARP"
                                                  : "packet";
  return fmt::format("{} {} → {}, {} bytes", name, source.address.to_string(), destination.address.to_string(),
                     sample.bytes);
}

}  // namespace tidegate
