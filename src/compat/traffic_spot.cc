// traffic-spot-rs: starts a service when packets for its ports come, and finishes it after a time without.
#include <CLI/CLI.hpp>
#include <boost/asio.hpp>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <unordered_set>

#include "compat/compat.h"
#include "compat/front_end.h"
#include "daemon/daemon.h"
#include "host/addresses.h"

namespace tidegate::compat {

namespace asio = boost::asio;

namespace {

// The name of the default route's interface, from /proc/net/route (proc_net(5)); empty: there is none.
std::string default_interface() {
  std::ifstream routes{"/proc/net/route"};
  std::string line;
  while (std::getline(routes, line)) {
    std::istringstream fields{line};
    std::string interface;
    std::string destination;
    if (fields >> interface >> destination && destination == "00000000") return interface;
  }
  return {};
}

std::vector<IpAddress> addresses_of(const std::string& interface) {
  std::vector<IpAddress> addresses;
  for (const auto& entry : host_addresses().value_or(std::vector<HostAddress>{})) {
    if (entry.interface == interface) addresses.push_back(entry.address);
  }
  return addresses;
}

// Every `rate`: how many packets came, and how many clients they came from.
class Tally {
 public:
  static constexpr std::size_t kMostClients = 65'536;

  Tally(const asio::any_io_executor& executor, std::chrono::milliseconds rate, bool debug)
      : timer_{executor}, rate_{rate}, debug_{debug} {
    wait();
  }

  void add(const Sample& sample) {
    if (sample.direction == Direction::out) return;
    ++packets_;
    if (clients_.size() < kMostClients) clients_.insert(sample.flow.source);
  }

 private:
  void wait() {
    timer_.expires_after(rate_);
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      take();
      wait();
    });
  }

  void take() {
    if (debug_) std::printf("Packets: %zu\n", packets_);
    if (clients_.size() != last_clients_) std::printf("Connected Clients: %zu\n", clients_.size());
    std::fflush(stdout);
    last_clients_ = clients_.size();
    packets_ = 0;
    clients_.clear();
  }

  asio::steady_timer timer_;
  std::chrono::milliseconds rate_;
  bool debug_;
  std::size_t packets_ = 0;
  std::size_t last_clients_ = 0;
  std::unordered_set<Endpoint> clients_;
};

struct SpotFlags {
  std::vector<std::uint16_t> both;
  std::vector<std::uint16_t> tcp;
  std::vector<std::uint16_t> udp;
  std::string address;
  std::string start;
  std::string finish;
  std::uint32_t timeout = 900;
  std::uint32_t rate = 1000;
  bool debug = false;
};

void add_port(std::vector<PortRange>& ports, Protocol protocol, std::uint16_t port) {
  const PortRange range{protocol, port, port};
  if (std::ranges::find(ports, range) == ports.end()) ports.push_back(range);
}

Result<Config> translate(const SpotFlags& flags) {
  ServiceSettings service = every_packet_service("traffic-spot-rs");
  service.keep.direction = service.wake.direction = Direction::in;
  for (const auto port : flags.both) {
    add_port(service.ports, Protocol::tcp, port);
    add_port(service.ports, Protocol::udp, port);
  }
  for (const auto port : flags.tcp) add_port(service.ports, Protocol::tcp, port);
  for (const auto port : flags.udp) add_port(service.ports, Protocol::udp, port);
  if (!flags.address.empty()) {
    const auto address = IpAddress::parse(flags.address);
    if (!address) return failure("--address: {}", address.error().what);
    service.addresses = {*address};
  } else {
    service.addresses = addresses_of(default_interface());  // none found: any of this host's
  }
  // The start command may exit when it has started the service, or be the service and stay.
  service.action =
      ProcessAction{.run = Command::shell(flags.start),
                    .may_exit = true,
                    .finish = flags.finish.empty() ? std::nullopt : std::optional{Command::shell(flags.finish)}};
  service.gate.idle = std::chrono::seconds{flags.timeout};
  Config config;
  service.sensor = PortSensor::pcap;  // each packet is counted and told of
  config.services.push_back(std::move(service));
  return config;
}

}  // namespace

int traffic_spot(int argc, char** argv) {
  SpotFlags flags;
  CLI::App app{"Automatically start and stop services based on monitored network traffic", "traffic-spot-rs"};
  app.set_version_flag("-V,--version", "traffic-spot-rs (tidegate " TIDEGATE_VERSION ")");
  app.set_help_flag("-h,--help", "Print help");
  const CLI::Range port{1, 65535};
  auto* ports = app.add_option_group("ports")->require_option(1, 0);
  ports->add_option("-p,--port", flags.both, "Specify both TCP/UDP port to listen on")
      ->check(port)
      ->allow_extra_args(false)
      ->type_name("<PORT>");
  ports->add_option("-t,--tcp", flags.tcp, "Listen on specific TCP port")
      ->check(port)
      ->allow_extra_args(false)
      ->type_name("<TCP PORT>");
  ports->add_option("-u,--udp", flags.udp, "Listen on specific UDP port")
      ->check(port)
      ->allow_extra_args(false)
      ->type_name("<UDP PORT>");
  app.add_option(
         "-a,--address", flags.address,
         "Local IP to listen on; default: the addresses of the default route's interface, else any of this host's")
      ->type_name("<LOCAL IP ADDRESS>");
  app.add_option("-s,--start-command", flags.start, "Command to start the service")
      ->required()
      ->type_name("<START_COMMAND>");
  app.add_option("-f,--finish-command", flags.finish,
                 "Command to stop the service; without it, the timeout only re-arms the next start")
      ->type_name("<FINISH_COMMAND>");
  app.add_option("--timeout", flags.timeout, "Seconds without a packet before the finish command [default: 900]")
      ->check(CLI::Range(1U, 315'360'000U))
      ->type_name("<TIMEOUT in Seconds>");
  app.add_flag("-d,--debug", flags.debug, "Add extra output, shows packet counts per RATE");
  app.add_option("-r,--rate", flags.rate, "Time in ms to tally all received packets [default: 1000]")
      ->check(CLI::Range(1U, 86'400'000U))
      ->type_name("<RATE>");
  if (const auto status = parse(app, argc, argv)) return *status;

  auto config = translate(flags);
  if (!config) return complain("traffic-spot-rs", config.error().what, kUsage);
  Tally* tally = nullptr;  // made when the daemon is, and told of each packet from then on
  Daemon daemon{std::move(*config), {.on_sample = [&tally](const Sample& sample) {
                  if (tally != nullptr) tally->add(sample);
                }}};
  if (const auto opened = daemon.open(); !opened) return complain("traffic-spot-rs", opened.error().what, kFailed);
  Tally counting{daemon.executor(), std::chrono::milliseconds{flags.rate}, flags.debug};
  tally = &counting;
  daemon.run();
  return kDone;
}

}  // namespace tidegate::compat
