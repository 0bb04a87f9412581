#include "model/service.h"

#include <fmt/ranges.h>

namespace tidegate {

std::string Command::to_string() const {
  if (argv.size() == 3 && argv[0] == "/bin/sh" && argv[1] == "-c") return argv[2];
  return fmt::format("{}", fmt::join(argv, " "));
}

SampleRule default_keep(bool has_ports) {
  SampleRule rule;
  if (!has_ports) rule.direction = std::nullopt;
  return rule;
}

SampleRule default_wake(bool has_ports) {
  auto rule = default_keep(has_ports);
  if (has_ports) rule.flags = {.set = tcp_flag::kSyn, .clear = tcp_flag::kAck};
  return rule;
}

std::string_view needs_each_packet(const ServiceSettings& service) {
  if (service.wake.packets) return "wake.packets";
  if (service.wake.handshake) return "wake.after";
  return service.capture_wakes.empty() ? "" : "capture_wakes";
}

}  // namespace tidegate
