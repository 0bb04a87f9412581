// tidegate wake: one service from flags alone. Each flag has the name and the words of the configuration's key.
#include <algorithm>
#include <array>

#include "cli/command.h"
#include "cli/flag_table.h"
#include "cli/service_flags.h"
#include "sensor/pcap.h"

namespace tidegate::cli {

namespace {

// What the flags say before they are put together.
struct Wish : ServiceWish {
  std::optional<std::string> interface;
  std::optional<std::string> filter;
};

Result<> add_ports(Wish& wish, const std::string& text, std::initializer_list<std::string_view> protocols) {
  for (const auto protocol : protocols) {
    auto range = PortRange::parse(fmt::format("{}/{}", protocol, text));
    if (!range) return std::unexpected{range.error()};
    wish.service.ports.push_back(*range);
  }
  return {};
}

Result<> put_networks(const std::string& text, std::vector<Cidr>& wake, std::vector<Cidr>& keep) {
  return put(Cidr::parse(text), [&](const Cidr& network) {
    wake.push_back(network);
    keep.push_back(network);
  });
}

constexpr std::array kPortFlags = {"-p,--port", "-t,--tcp", "-u,--udp"};

constexpr std::array kWakeFlags = {
    Flag<Wish>{"--name", "NAME", "its name in the log and the environment of its commands",
               [](Wish& w, const std::string& t) { return put_text(t, w.service.name); }},
    Flag<Wish>{"-p,--port", "PORT",
               "a port or range that wakes it: 8211 (TCP and UDP), tcp/80, udp/27000-27015; may be repeated",
               [](Wish& w, const std::string& t) {
                 return t.find('/') == std::string::npos
                            ? add_ports(w, t, {"tcp", "udp"})
                            : put(PortRange::parse(t), [&](PortRange range) { w.service.ports.push_back(range); });
               },
               Occurs::repeatedly},
    Flag<Wish>{"-t,--tcp", "PORT", "a TCP port or range; may be repeated",
               [](Wish& w, const std::string& t) { return add_ports(w, t, {"tcp"}); }, Occurs::repeatedly},
    Flag<Wish>{"-u,--udp", "PORT", "a UDP port or range; may be repeated",
               [](Wish& w, const std::string& t) { return add_ports(w, t, {"udp"}); }, Occurs::repeatedly},
    Flag<Wish>{"-a,--address", "ADDRESS", "only packets to this address; default: any of this host's; may be repeated",
               [](Wish& w, const std::string& t) {
                 return put(IpAddress::parse(t), [&](const IpAddress& a) { w.service.addresses.push_back(a); });
               },
               Occurs::repeatedly},
    Flag<Wish>{"-i,--interface", "NAME", "where to listen; default: any",
               [](Wish& w, const std::string& t) -> Result<> {
                 w.interface = t;
                 return {};
               }},
    Flag<Wish>{"-f,--filter", "FILTER",
               "in tcpdump syntax: every packet that passes wakes it; instead of ports, or beside them",
               [](Wish& w, const std::string& t) -> Result<> {
                 w.filter = t;
                 return {};
               }},
    Flag<Wish>{"--sensor", "SENSOR",
               "what watches the ports: kernel or pcap; default: kernel where the kernel allows it, else pcap",
               [](Wish& w, const std::string& t) { return put_in(parse_port_sensor(t), w.service.sensor); }},
    Flag<Wish>{"--nflog", "GROUP",
               "every packet that rules of iptables or nftables log to this group wakes it; may be repeated",
               [](Wish& w, const std::string& t) {
                 return put(parse_nflog_group(t), [&](NflogSource nflog) { w.service.sensors.emplace_back(nflog); });
               },
               Occurs::repeatedly},
    Flag<Wish>{"--from", "NETWORK", "only sources of this network count; may be repeated",
               [](Wish& w, const std::string& t) { return put_networks(t, w.service.wake.from, w.service.keep.from); },
               Occurs::repeatedly},
    Flag<Wish>{
        "--not-from", "NETWORK", "sources of this network do not count; may be repeated",
        [](Wish& w, const std::string& t) { return put_networks(t, w.service.wake.not_from, w.service.keep.not_from); },
        Occurs::repeatedly},
    Flag<Wish>{"--packets", "N/TIME", "wake after N packets within TIME from one source: 3/10s",
               [](Wish& w, const std::string& t) {
                 return put(parse_packet_rate(t), [&](PacketRate rate) { w.service.wake.packets = rate; });
               }},
    Flag<Wish>{"--flags", "FLAGS",
               "TCP flags that wake: syn,!ack or any; default: with ports syn,!ack (a new connection), else any",
               [](Wish& w, const std::string& t) {
                 return put(parse_tcp_flags(t), [&](TcpFlags flags) { w.service.wake.flags = flags; });
               }},
    Flag<Wish>{"--also", "KIND", "count this too: broadcast, multicast, neighbour, icmp, rst or arp; may be repeated",
               [](Wish& w, const std::string& t) {
                 return put(parse_noise(t), [&](std::uint8_t kind) {
                   w.service.wake.also |= kind;
                   w.service.keep.also |= kind;
                 });
               },
               Occurs::repeatedly},
    Flag<Wish>{"--min-bytes", "SIZE", "packets with less payload do not renew its idle time; default 0",
               [](Wish& w, const std::string& t) {
                 return put(parse_bytes(t), [&](std::uint64_t bytes) {
                   w.service.keep.min_bytes = static_cast<std::uint32_t>(std::min<std::uint64_t>(bytes, 65535));
                 });
               }},
    Flag<Wish>{"--capture-wakes", "SAVEFILE", "append the packet that woke it, for tcpdump and tshark",
               [](Wish& w, const std::string& t) -> Result<> {
                 w.service.capture_wakes = t;
                 return {};
               }},
    Flag<Wish>{"--found", "WHAT", "already running when tidegate comes: adopt, stop or ignore; default adopt",
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
  if (const auto assembled = assemble_service(wish); !assembled) return std::unexpected{assembled.error()};
  auto& service = wish.service;
  if (wish.filter) {
    if (const auto checked = check_filter(*wish.filter); !checked)
      return failure("-f,--filter: {}", checked.error().what);
  }
  if (wish.filter || (wish.interface && service.ports.empty())) {
    service.sensors.emplace_back(
        PcapSource{.interface = wish.interface.value_or("any"), .filter = wish.filter.value_or("")});
  }
  if (service.ports.empty() && service.sensors.empty())
    return failure("nothing wakes it: give --port, --tcp, --udp, --filter, --interface or --nflog");
  if (wish.interface) service.interface = *wish.interface;
  if (!wish.ready) service.ready = default_ready(service);
  Config config;
  config.services.push_back(std::move(service));
  if (const auto faults = validate(config); !faults.empty()) return failure("{}", faults.front().what);
  return config;
}

struct WakeFlags {
  FlagValues<Wish> traffic{kWakeFlags};
  FlagValues<ServiceWish> service{service_flags()};
  bool ack_only = false;
  DaemonFlags daemon;
};

Result<Config> read_flags(const WakeFlags& flags) {
  Wish wish;
  const bool has_ports = std::ranges::any_of(kPortFlags, [&](const char* name) { return flags.traffic.gives(name); });
  wish.service.name = "service";
  wish.service.wake = default_wake(has_ports);
  wish.service.keep = default_keep(has_ports);
  wish.service.keep.ack_only = flags.ack_only;
  if (const auto read = flags.traffic.read(wish); !read) return std::unexpected{read.error()};
  if (const auto read = flags.service.read(wish); !read) return std::unexpected{read.error()};
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
  flags->traffic.add_to(*command);
  flags->service.add_to(*command);
  command->add_flag("--ack-only", flags->ack_only, "only TCP packets with ACK set renew its idle time");
  flags->daemon.add_to(*command, "none");
  command->footer(
      "Examples:\n"
      "  tidegate wake --udp 8211 --start 'systemctl start palworld' --stop 'systemctl stop palworld' --idle 15m\n"
      "  tidegate wake --interface tun0 --filter '! host 1.2.3.4' --script /etc/toggle.sh --dry-run\n"
      "  tidegate wake --nflog 1 --script /etc/toggle.sh");
  command->callback([flags, &status] { status = wake(*flags); });
}

}  // namespace tidegate::cli
