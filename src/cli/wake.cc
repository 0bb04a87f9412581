// tidegate wake: one service from flags alone. Each flag has the name and the words of the configuration's key.
#include <array>

#include "base/units.h"
#include "cli/command.h"
#include "sensor/pcap.h"

namespace tidegate::cli {

namespace {

// What the flags say before they are put together.
struct Wish {
  ServiceSettings service;
  std::optional<std::string> interface;
  std::optional<std::string> filter;
  std::vector<ActionSettings> actions;
  std::optional<Command> stop;
  bool ready = false;  // it says when it counts as ready
};

Result<> add_ports(Wish& wish, const std::string& text, std::initializer_list<std::string_view> protocols) {
  for (const auto protocol : protocols) {
    auto range = PortRange::parse(fmt::format("{}/{}", protocol, text));
    if (!range) return std::unexpected{range.error()};
    wish.service.ports.push_back(*range);
  }
  return {};
}

// Puts what `parsed` holds where `into` says.
template <class T, class Into>
Result<> put(Result<T> parsed, Into&& into) {
  if (!parsed) return std::unexpected{std::move(parsed.error())};
  into(std::move(*parsed));
  return {};
}

Result<> put_duration(const std::string& text, Duration& into) {
  return put(parse_duration(text), [&](Duration duration) { into = duration; });
}

Result<> put_networks(const std::string& text, std::vector<Cidr>& wake, std::vector<Cidr>& keep) {
  return put(Cidr::parse(text), [&](const Cidr& network) {
    wake.push_back(network);
    keep.push_back(network);
  });
}

enum class Kind : std::uint8_t { single, repeated, port };  // a port flag may be repeated, too

struct Flag {
  const char* name;
  const char* type;
  const char* help;
  Result<> (*set)(Wish& wish, const std::string& text);
  Kind kind = Kind::single;
};

constexpr std::array kFlags = {
    Flag{"--name", "NAME", "its name in the log and the environment of its commands",
         [](Wish& w, const std::string& t) -> Result<> {
           w.service.name = t;
           return {};
         }},
    Flag{"-p,--port", "PORT",
         "a port or range that wakes it: 8211 (TCP and UDP), tcp/80, udp/27000-27015; may be repeated",
         [](Wish& w, const std::string& t) {
           return t.find('/') == std::string::npos
                      ? add_ports(w, t, {"tcp", "udp"})
                      : put(PortRange::parse(t), [&](PortRange range) { w.service.ports.push_back(range); });
         },
         Kind::port},
    Flag{"-t,--tcp", "PORT", "a TCP port or range; may be repeated",
         [](Wish& w, const std::string& t) { return add_ports(w, t, {"tcp"}); }, Kind::port},
    Flag{"-u,--udp", "PORT", "a UDP port or range; may be repeated",
         [](Wish& w, const std::string& t) { return add_ports(w, t, {"udp"}); }, Kind::port},
    Flag{"-a,--address", "ADDRESS", "only packets to this address; default: any of this host's; may be repeated",
         [](Wish& w, const std::string& t) {
           return put(IpAddress::parse(t), [&](const IpAddress& a) { w.service.addresses.push_back(a); });
         },
         Kind::repeated},
    Flag{"-i,--interface", "NAME", "where to listen; default: any",
         [](Wish& w, const std::string& t) -> Result<> {
           w.interface = t;
           return {};
         }},
    Flag{"-f,--filter", "FILTER",
         "in tcpdump syntax: every packet that passes wakes it; instead of ports, or beside them",
         [](Wish& w, const std::string& t) -> Result<> {
           w.filter = t;
           return {};
         }},
    Flag{"-s,--start", "COMMAND", "starts it, by sh -c",
         [](Wish& w, const std::string& t) -> Result<> {
           w.actions.emplace_back(CommandAction{.start = Command::shell(t), .stop = {}});
           return {};
         }},
    Flag{"-S,--stop", "COMMAND", "stops it, by sh -c; default: it stops by itself",
         [](Wish& w, const std::string& t) -> Result<> {
           w.stop = Command::shell(t);
           return {};
         }},
    Flag{"--script", "PATH", "run as PATH start and PATH stop",
         [](Wish& w, const std::string& t) -> Result<> {
           w.actions.emplace_back(CommandAction{.start = {{t, "start"}}, .stop = Command{{t, "stop"}}});
           return {};
         }},
    Flag{"--process", "COMMAND", "a long-running program that tidegate starts, watches and stops",
         [](Wish& w, const std::string& t) -> Result<> {
           w.actions.emplace_back(ProcessAction{.run = Command::shell("exec " + t)});
           return {};
         }},
    Flag{"--start-timeout", "TIME", "for its start until it is ready; default 1m",
         [](Wish& w, const std::string& t) { return put_duration(t, w.service.gate.start_timeout); }},
    Flag{"--ready", "PROBE",
         "tcp:PORT, udp:PORT, http:URL, command:COMMAND, delay:TIME or none; default: tcp on its first TCP port",
         [](Wish& w, const std::string& t) {
           const auto colon = t.find(':');
           return put(parse_ready(t.substr(0, colon), colon == std::string::npos ? "" : t.substr(colon + 1)),
                      [&](Ready ready) {
                        w.service.ready = std::move(ready);
                        w.ready = true;
                      });
         }},
    Flag{"--idle", "TIME", "without a wanted packet, before it is stopped; default 15m",
         [](Wish& w, const std::string& t) { return put_duration(t, w.service.gate.idle); }},
    Flag{"--min-up", "TIME", "that it stays up at the least; default 0",
         [](Wish& w, const std::string& t) { return put_duration(t, w.service.gate.min_up); }},
    Flag{"--max-up", "TIME", "that it stays up at the most; default: no limit",
         [](Wish& w, const std::string& t) {
           return put(parse_duration(t), [&](Duration d) { w.service.gate.max_up = d; });
         }},
    Flag{"--veto", "COMMAND", "must agree (exit 0) before it is stopped",
         [](Wish& w, const std::string& t) -> Result<> {
           w.service.veto = Command::shell(t);
           return {};
         }},
    Flag{"--awake", "WINDOW", "keep it awake then: \"Mon-Fri 18:00-23:00\"; may be repeated",
         [](Wish& w, const std::string& t) {
           return put(parse_schedule_window(t), [&](ScheduleWindow window) { w.service.gate.awake.push_back(window); });
         },
         Kind::repeated},
    Flag{"--from", "NETWORK", "only sources of this network count; may be repeated",
         [](Wish& w, const std::string& t) { return put_networks(t, w.service.wake.from, w.service.keep.from); },
         Kind::repeated},
    Flag{
        "--not-from", "NETWORK", "sources of this network do not count; may be repeated",
        [](Wish& w, const std::string& t) { return put_networks(t, w.service.wake.not_from, w.service.keep.not_from); },
        Kind::repeated},
    Flag{"--packets", "N/TIME", "wake after N packets within TIME from one source: 3/10s",
         [](Wish& w, const std::string& t) {
           return put(parse_packet_rate(t), [&](PacketRate rate) { w.service.wake.packets = rate; });
         }},
    Flag{"--flags", "FLAGS",
         "TCP flags that wake: syn,!ack or any; default: with ports syn,!ack (a new connection), else any",
         [](Wish& w, const std::string& t) {
           return put(parse_tcp_flags(t), [&](TcpFlags flags) { w.service.wake.flags = flags; });
         }},
    Flag{"--also", "KIND", "count this too: broadcast, multicast, neighbour, icmp, rst or arp; may be repeated",
         [](Wish& w, const std::string& t) {
           return put(parse_noise(t), [&](std::uint8_t kind) {
             w.service.wake.also |= kind;
             w.service.keep.also |= kind;
           });
         },
         Kind::repeated},
    Flag{"--min-bytes", "SIZE", "packets with less payload do not renew its idle time; default 0",
         [](Wish& w, const std::string& t) {
           return put(parse_bytes(t), [&](std::uint64_t bytes) {
             w.service.keep.min_bytes = static_cast<std::uint32_t>(std::min<std::uint64_t>(bytes, 65535));
           });
         }},
    Flag{"--retry-first", "TIME", "after a start that failed; doubles; default 5s",
         [](Wish& w, const std::string& t) { return put_duration(t, w.service.gate.retry_first); }},
    Flag{"--retry-most", "TIME", "between two tries; default 5m",
         [](Wish& w, const std::string& t) { return put_duration(t, w.service.gate.retry_most); }},
    Flag{"--capture-wakes", "SAVEFILE", "append the packet that woke it, for tcpdump and tshark",
         [](Wish& w, const std::string& t) -> Result<> {
           w.service.capture_wakes = t;
           return {};
         }},
    Flag{"--on-exit", "WHAT", "when tidegate ends: leave it running, or stop it; default leave",
         [](Wish& w, const std::string& t) -> Result<> {
           if (t != "leave" && t != "stop") return failure("\"{}\" is not known (allowed: leave or stop)", t);
           w.service.on_exit = t == "stop" ? ServiceSettings::OnExit::stop : ServiceSettings::OnExit::leave;
           return {};
         }},
    Flag{"--found", "WHAT", "already running when tidegate comes: adopt, stop or ignore; default adopt",
         [](Wish& w, const std::string& t) -> Result<> {
           using Found = GateSettings::Found;
           if (t != "adopt" && t != "stop" && t != "ignore")
             return failure("\"{}\" is not known (allowed: adopt, stop or ignore)", t);
           w.service.gate.found = t == "adopt" ? Found::adopt : t == "stop" ? Found::stop : Found::ignore;
           return {};
         }},
};

// The flags put together as the one service of a configuration.
Result<Config> assemble(Wish wish) {
  auto& service = wish.service;
  if (wish.actions.size() != 1)
    return failure("give exactly one of --start, --script and --process ({} are given)", wish.actions.size());
  service.action = wish.actions.front();
  if (wish.stop) {
    auto* pair = std::get_if<CommandAction>(&service.action);
    if (pair == nullptr || pair->stop) return failure("--stop goes with --start only");
    pair->stop = wish.stop;
  }
  if (wish.filter) {
    if (const auto checked = check_filter(*wish.filter); !checked)
      return failure("-f,--filter: {}", checked.error().what);
  }
  if (wish.filter || service.ports.empty()) {
    if (!wish.filter && !wish.interface)
      return failure("nothing wakes it: give --port, --tcp, --udp, --filter or --interface");
    service.captures.push_back({.interface = wish.interface.value_or("any"), .filter = wish.filter.value_or("")});
  }
  if (wish.interface) service.interface = *wish.interface;
  if (!wish.ready) service.ready = default_ready(service);
  Config config;
  config.services.push_back(std::move(service));
  if (const auto faults = validate(config); !faults.empty()) return failure("{}", faults.front().what);
  return config;
}

struct WakeFlags {
  std::array<std::vector<std::string>, kFlags.size()> values;  // of kFlags, in its order
  bool ack_only = false;
  DaemonFlags daemon;
};

Result<Config> read_flags(const WakeFlags& flags) {
  Wish wish;
  bool has_ports = false;
  for (std::size_t i = 0; i < kFlags.size(); ++i) has_ports |= kFlags[i].kind == Kind::port && !flags.values[i].empty();
  wish.service.name = "service";
  wish.service.wake = default_wake(has_ports);
  wish.service.keep = default_keep(has_ports);
  wish.service.keep.ack_only = flags.ack_only;
  for (std::size_t i = 0; i < kFlags.size(); ++i) {
    if (kFlags[i].kind == Kind::single && flags.values[i].size() > 1) {
      return failure("{}: is given {} times (once is allowed)", kFlags[i].name, flags.values[i].size());
    }
    for (const auto& value : flags.values[i]) {
      if (const auto set = kFlags[i].set(wish, value); !set) return failure("{}: {}", kFlags[i].name, set.error().what);
    }
  }
  return assemble(std::move(wish));
}

int wake(const WakeFlags& flags) {
  auto config = read_flags(flags);
  if (!config) return complain("wake: " + config.error().what, kUsage);
  return flags.daemon.run(std::move(*config), {});
}

}  // namespace

void add_wake(CLI::App& app, int& status) {
  auto flags = std::make_shared<WakeFlags>();  // shared with the callback, which outlives this function
  auto* command =
      app.add_subcommand("wake", "One service from flags alone: start it when traffic comes, stop it when it has gone");
  for (std::size_t i = 0; i < kFlags.size(); ++i) {
    command->add_option(kFlags[i].name, flags->values[i], kFlags[i].help)
        ->type_name(kFlags[i].type)
        ->allow_extra_args(false);
  }
  command->add_flag("--ack-only", flags->ack_only, "only TCP packets with ACK set renew its idle time");
  flags->daemon.add_to(*command, "none");
  command->footer(
      "Examples:\n"
      "  tidegate wake --udp 8211 --start 'systemctl start palworld' --stop 'systemctl stop palworld' --idle 15m\n"
      "  tidegate wake --interface tun0 --filter '! host 1.2.3.4' --script /etc/toggle.sh --dry-run");
  command->callback([flags, &status] { status = wake(*flags); });
}

}  // namespace tidegate::cli
