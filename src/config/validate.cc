// What must hold of a configuration wherever it comes from, the file or flags; and what follows from it. Here that of
// services; see validate.h for the rest.
#include "config/validate.h"

#include <algorithm>
#include <map>
#include <set>
#include <type_traits>

#include "base/text.h"
#include "base/units.h"
#include "config/config.h"
#include "config/kernel_forward.h"

namespace tidegate {
namespace {

constexpr std::size_t kMostServices = 1000;
constexpr std::size_t kMostInterface = 15;  // IFNAMSIZ, less its NUL
constexpr std::size_t kMostControl = 107;   // sun_path of unix(7), less its NUL

class Validator {
 public:
  explicit Validator(Config& config) : config_{config} {}

  std::vector<ConfigError> run() {
    if (config_.control.size() > kMostControl) {
      add("control",
          fmt::format("is {} bytes long (a UNIX socket's path has at most {})", config_.control.size(), kMostControl));
    }
    if (config_.services.size() > kMostServices) {
      add("services", fmt::format("has {} services (at most {})", config_.services.size(), kMostServices));
      return problems_.take();
    }
    for (std::size_t i = 0; i < config_.services.size(); ++i) {
      service(fmt::format("services[{}]", i), config_.services[i]);
    }
    names();
    shared_ports();
    shared_devices();
    validate_api(config_, problems_);
    validate_forwards(config_, problems_);
    validate_watches(config_, problems_);
    return problems_.take();
  }

 private:
  void add(std::string path, std::string what) { problems_.add(std::move(path), std::move(what)); }
  void positive(std::string path, Duration duration) { validate_positive(std::move(path), duration, problems_); }

  void service(const std::string& path, ServiceSettings& s) {
    if (s.name.empty()) add(path, "has no name");
    validate_name(path + ".name", s.name, problems_);
    bool has_forward = false;
    bool is_held = false;
    for (const ForwardSettings& forward : config_.forwards) {
      if (forward.service != s.name || s.name.empty()) continue;
      has_forward = true;
      if (forward.engine == ForwardEngine::user) {
        is_held = true;
      } else {
        watch_listening_ports(s.ports, forward);
      }
    }
    if (s.ports.empty() && s.sensors.empty() && !has_forward) {
      add(path, "nothing can wake it (give ports or sensors, or a forward that names it)");
    }
    if (s.hold == ServiceSettings::Hold::forward && !is_held) {
      add(path + ".hold", has_forward ? "only forwards of engine kernel name this service, and they hold nobody"
                                      : "no forward names this service, so nobody could be held");
    }
    if (s.hold == ServiceSettings::Hold::queue) queue(path, s, is_held);
    validate_interface(path + ".interface", s.interface, problems_);
    port_sensor(path + ".sensor", s);
    sensors(path + ".sensors", s.sensors);
    if (s.device) device(path + ".device", *s.device);
    for (const IpAddress& address : s.addresses) validate_host_address(path + ".address", address, problems_);
    action(path, s.action);
    gate(path, s.gate);
    rule(path + ".wake", s, s.wake);
    rule(path + ".keep", s, s.keep);
    if (s.veto && s.veto->argv.empty()) add(path + ".veto", "is empty");
    s.gate.veto = s.veto.has_value();
    const std::string host = s.addresses.empty() ? "127.0.0.1" : s.addresses.front().to_string();
    std::visit([&](auto& probe) { ready(path + ".ready", probe, host); }, s.ready);
  }

  // What only a packet that waits in the kernel, before anybody has answered it, can honour.
  void queue(const std::string& path, const ServiceSettings& s, bool is_held) {
    if (s.ports.empty()) add(path + ".hold", "\"queue\" holds packets by their port, and there are no ports");
    if (is_held) {
      add(path + ".hold",
          "a forward of engine user names this service and holds its clients by itself (allowed beside it: none or "
          "forward)");
    }
    const auto& wake = s.wake;
    if (wake.handshake) {
      add(path + ".wake.after",
          "nobody answers a client whose packets wait in the queue, so it cannot complete a handshake (hold: forward "
          "can; or let a client knock several times, packets: 2/10s)");
    }
    if (wake.direction == Direction::out) {
      add(path + ".wake.direction", "what waits in the queue comes in, so nothing that waits could wake it");
    }
    const auto is_tcp = [](const PortRange& ports) { return ports.protocol == Protocol::tcp; };
    if (std::ranges::none_of(wake.ports.empty() ? s.ports : wake.ports, is_tcp)) return;
    // All that waits of TCP is the packet that asks for a connection.
    if (!takes_syn(wake.flags)) {
      add(path + ".wake.flags", "only packets with SYN and without ACK wait in the queue, and these would not wake it");
    }
    if (wake.min_bytes > 0) {
      add(path + ".wake.min_bytes",
          "a packet that asks for a TCP connection has no payload, so it would not wait in the queue (give wake.ports "
          "without TCP)");
    }
  }

  void port_sensor(const std::string& path, const ServiceSettings& s) {
    if (s.sensor == PortSensor::automatic) return;
    if (s.ports.empty()) add(path, "goes only with \"ports\" (what it has in place of them stands in \"sensors\")");
    if (const auto key = needs_each_packet(s); s.sensor == PortSensor::kernel && !key.empty()) {
      add(path, fmt::format("\"kernel\" hands over no more than it must, and {} wants each packet (take pcap)", key));
    }
  }

  void sensors(const std::string& path, const std::vector<SensorSource>& sensors) {
    for (std::size_t i = 0; i < sensors.size(); ++i) {
      if (const auto* const pcap = std::get_if<PcapSource>(&sensors[i])) {
        validate_interface(fmt::format("{}[{}].pcap.interface", path, i), pcap->interface, problems_);
      } else if (const auto first = std::ranges::find(sensors, sensors[i]) - sensors.begin();
                 first != static_cast<std::ptrdiff_t>(i)) {
        add(fmt::format("{}[{}].nflog.group", path, i),
            fmt::format("{} is the group of sensors[{}] already", std::get<NflogSource>(sensors[i]).group, first));
      }
    }
  }

  static bool takes_syn(TcpFlags flags) {
    return (flags.set & ~tcp_flag::kSyn) == 0 && (flags.clear & tcp_flag::kSyn) == 0;
  }

  void device(const std::string& path, const DeviceSettings& device) {
    if (device.name.empty()) return add(path, "has no name");
    if (const auto good = check_device_name(device.name); !good) add(path + ".name", good.error().what);
  }

  void action(const std::string& path, const ActionSettings& action) {
    if (const auto* const process = std::get_if<ProcessAction>(&action)) {
      if (process->run.argv.empty()) add(path, "does not say how it starts");
    } else if (const auto& command = std::get<CommandAction>(action); command.start.argv.empty()) {
      add(path, "does not say how it starts");
    } else if (command.stop && command.stop->argv.empty()) {
      add(path + ".stop", "is empty");
    }
  }

  void gate(const std::string& path, const GateSettings& gate) {
    positive(path + ".idle", gate.idle);
    positive(path + ".start_timeout", gate.start_timeout);
    positive(path + ".retry.first", gate.retry_first);
    if (gate.retry_first > gate.retry_most) {
      add(path + ".retry", fmt::format("first ({}) is longer than most ({})", config_duration(gate.retry_first),
                                       config_duration(gate.retry_most)));
    }
    if (!gate.max_up) return;
    positive(path + ".max_up", *gate.max_up);
    if (*gate.max_up > Duration::zero() && *gate.max_up < gate.min_up) {
      add(path + ".max_up",
          fmt::format("{} is shorter than min_up ({})", config_duration(*gate.max_up), config_duration(gate.min_up)));
    }
  }

  void rule(const std::string& path, const ServiceSettings& s, const SampleRule& rule) {
    for (std::size_t i = 0; i < rule.ports.size() && s.sensors.empty(); ++i) {
      const PortRange& port = rule.ports[i];
      const auto covers = [&](const PortRange& own) {
        return own.contains(port.protocol, port.first) && own.contains(port.protocol, port.last);
      };
      if (!std::ranges::any_of(s.ports, covers)) {
        add(fmt::format("{}.ports[{}]", path, i), fmt::format("{} is not among the service's ports", port.to_string()));
      }
    }
    if (rule.ack_only && (rule.flags.clear & tcp_flag::kAck) != 0) {
      add(path + ".ack_only", "nothing can match: flags want ack clear");
    }
    if (rule.handshake && !takes_syn(rule.flags)) {
      add(path + ".after", "nothing can match: a handshake begins with SYN, which the flags leave out");
    }
    if (rule.packets && (rule.packets->packets == 0 || rule.packets->within <= Duration::zero())) {
      add(path + ".packets", "must be at least one packet in a time longer than nothing");
    }
  }

  template <class Probe>
  void ready(const std::string& path, Probe& probe, const std::string& host) {
    if constexpr (std::is_same_v<Probe, ReadyTcp> || std::is_same_v<Probe, ReadyUdp> ||
                  std::is_same_v<Probe, ReadyHttp>) {
      if (probe.port == 0) add(path, "asks port 0");
      if (probe.host.empty()) probe.host = host;
    } else if constexpr (std::is_same_v<Probe, ReadyCommand>) {
      if (probe.command.argv.empty()) add(path, "is an empty command");
    }
  }

  void names() {
    std::map<std::string_view, std::size_t> first;
    for (std::size_t i = 0; i < config_.services.size(); ++i) {
      const std::string& name = config_.services[i].name;
      if (name.empty()) continue;
      const auto [at, is_first] = first.try_emplace(name, i);
      if (!is_first)
        add(fmt::format("services[{}].name", i),
            fmt::format("\"{}\" is the name of services[{}] already", printable(name), at->second));
    }
  }

  // Whether one packet could be for both: not on different interfaces, nor to different addresses.
  static bool can_meet(const ServiceSettings& a, const ServiceSettings& b) {
    if (a.interface != b.interface && a.interface != "any" && b.interface != "any") return false;
    if (a.addresses.empty() || b.addresses.empty()) return true;
    const std::set<IpAddress> other(b.addresses.begin(), b.addresses.end());
    return std::ranges::any_of(a.addresses, [&](const IpAddress& address) { return other.contains(address); });
  }

  void shared_ports() {
    const auto& services = config_.services;
    for (std::size_t later = 1; later < services.size(); ++later) {
      for (std::size_t earlier = 0; earlier < later; ++earlier) {
        const ServiceSettings& a = services[earlier];
        const ServiceSettings& b = services[later];
        const auto taken = [&](const PortRange& port) {
          return std::ranges::any_of(a.ports, [&](const PortRange& other) { return port.overlaps(other); });
        };
        const auto shared = std::ranges::find_if(b.ports, taken);
        if (shared == b.ports.end() || !can_meet(a, b)) continue;
        add(fmt::format("services[{}].ports[{}]", later, shared - b.ports.begin()),
            fmt::format("services \"{}\" and \"{}\" share {}: which of them should wake? (give them different ports, "
                        "addresses or interfaces)",
                        printable(a.name), printable(b.name), shared->to_string()));
      }
    }
  }

  void shared_devices() {
    std::map<std::string_view, std::string_view> holders;
    for (std::size_t i = 0; i < config_.services.size(); ++i) {
      const ServiceSettings& s = config_.services[i];
      if (!s.device || s.device->name.empty()) continue;
      const auto [holder, is_first] = holders.try_emplace(s.device->name, s.name);
      if (!is_first)
        add(fmt::format("services[{}].device.name", i),
            fmt::format("\"{}\" is the device of service \"{}\" already (one process can have it)",
                        printable(s.device->name), printable(holder->second)));
    }
  }

  Config& config_;
  Problems problems_;
};

}  // namespace

std::string path_to(const std::string& path, std::string_view key) {
  return path.empty() ? std::string{key} : fmt::format("{}.{}", path, key);
}

void validate_name(std::string path, std::string_view name, Problems& problems) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
  constexpr std::size_t kMost = 64;
  if (name.size() <= kMost && name.find_first_not_of(kAllowed) == std::string_view::npos) return;
  problems.add(std::move(path),
               fmt::format("\"{}\" is not a name (1 to {} letters, digits, -, _ and .)", printable(name), kMost));
}

void validate_positive(std::string path, Duration duration, Problems& problems) {
  if (duration <= Duration::zero()) problems.add(std::move(path), "must be longer than nothing");
}

void validate_interface(std::string path, std::string_view name, Problems& problems) {
  const bool good =
      !name.empty() && name.size() <= kMostInterface && name.find_first_of("/ \t\r\n") == std::string_view::npos;
  if (good) return;
  problems.add(std::move(path),
               fmt::format("\"{}\" is not the name of an interface (any, or 1 to {} characters without / and spaces)",
                           printable(name), kMostInterface));
}

void validate_host_address(std::string path, const IpAddress& address, Problems& problems) {
  if (!std::ranges::all_of(address.bytes(), [](std::uint8_t byte) { return byte == 0; })) return;
  problems.add(std::move(path), fmt::format("{} is no address of a host (leave the key out for any of this host's)",
                                            address.to_string()));
}

void validate_reference(std::string path, std::string_view name, std::string_view noun,
                        std::span<const std::string_view> known, Problems& problems) {
  if (name.empty() || std::ranges::find(known, name) != known.end()) return;
  problems.add(std::move(path),
               fmt::format("there is no {} \"{}\"{}", noun, printable(name), did_you_mean(name, known)));
}

std::vector<ConfigError> validate(Config& config) { return Validator{config}.run(); }

Ready default_ready(const ServiceSettings& service, std::span<const ForwardSettings> forwards) {
  const auto tcp = std::ranges::find(service.ports, Protocol::tcp, &PortRange::protocol);
  if (tcp != service.ports.end()) return ReadyTcp{.host = {}, .port = tcp->first};
  const auto leads_here = [&](const ForwardSettings& forward) {
    return forward.service == service.name && carries_tcp(forward.protocol) && !forward.targets.empty() &&
           !forward.targets[0].is_unix();
  };
  const auto forward = std::ranges::find_if(forwards, leads_here);
  if (!service.ports.empty() || service.name.empty() || forward == forwards.end()) return ReadyNow{};
  const Target& target = forward->targets[0];
  return ReadyTcp{.host = target.host, .port = target.port != 0 ? target.port : forward->listen.first};
}

}  // namespace tidegate
