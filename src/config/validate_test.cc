// What holds without a file: settings as flags make them.
#include "config/config.h"

namespace tidegate {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

ServiceSettings service(std::string name, std::vector<PortRange> ports) {
  ServiceSettings s;
  s.name = std::move(name);
  s.ports = std::move(ports);
  s.action = CommandAction{.start = Command::shell("up"), .stop = {}};
  return s;
}

std::vector<std::string> problems(Config config) {
  std::vector<std::string> texts;
  for (const ConfigError& error : validate(config)) texts.push_back(error.to_string());
  return texts;
}

std::vector<std::string> problems(ServiceSettings a, ServiceSettings b) {
  Config config;
  config.services = {std::move(a), std::move(b)};
  return problems(config);
}

std::vector<std::string> problems(const ServiceSettings& s) {
  Config config;
  config.services = {s};
  return problems(config);
}

const PortRange kTcp80{Protocol::tcp, 80, 80};
const PortRange kTcpMany{Protocol::tcp, 70, 90};
const PortRange kUdp80{Protocol::udp, 80, 80};

TEST(Validate, accepts_a_service_from_flags_and_fills_in_what_follows) {
  Config config;
  config.services = {service("a", {kTcp80})};
  config.services[0].veto = Command::shell("no");
  config.services[0].ready = default_ready(config.services[0]);
  EXPECT_THAT(validate(config), IsEmpty());
  EXPECT_TRUE(config.services[0].gate.veto);
  EXPECT_EQ(config.services[0].ready, (Ready{ReadyTcp{"127.0.0.1", 80}}));
}

TEST(Validate, holds_in_the_queue_only_what_can_wait_there) {
  auto s = service("a", {kTcp80, kUdp80});
  s.hold = ServiceSettings::Hold::queue;
  EXPECT_THAT(problems(s), IsEmpty());
  s.wake = {.min_bytes = 8, .handshake = true};
  s.wake.direction = Direction::out;
  s.wake.flags = {.set = tcp_flag::kAck};
  EXPECT_THAT(
      problems(s),
      ElementsAre(HasSubstr("services[0].wake.after: nobody answers a client whose packets wait in the queue"),
                  HasSubstr("services[0].wake.direction: what waits in the queue comes in"),
                  HasSubstr("services[0].wake.flags: only packets with SYN and without ACK wait"),
                  HasSubstr("services[0].wake.min_bytes: a packet that asks for a TCP connection has no payload"),
                  HasSubstr("services[0].wake.after: nothing can match: a handshake begins with SYN")));
  s.wake = {.ports = {kUdp80}, .flags = {.clear = tcp_flag::kSyn}, .min_bytes = 8};
  EXPECT_THAT(problems(s), IsEmpty()) << "none of it is TCP";
  s.ports.clear();
  s.wake = {};
  s.sensors = {PcapSource{}};
  EXPECT_THAT(problems(s), ElementsAre(HasSubstr("services[0].hold: \"queue\" holds packets by their port")));
}

TEST(Validate, leaves_holding_to_a_forward_that_names_the_service) {
  Config config;
  config.services = {service("a", {kTcp80})};
  config.services[0].hold = ServiceSettings::Hold::queue;
  config.forwards.push_back({.name = "web", .listen = {.first = 8080, .last = 8080}, .service = "a"});
  config.forwards[0].targets = {Target::parse("127.0.0.1:80").value()};
  EXPECT_THAT(problems(config),
              ElementsAre(HasSubstr("services[0].hold: a forward of engine user names this service and holds its")));
}

TEST(Validate, gives_a_device_to_one_service) {
  auto a = service("a", {kTcp80});
  auto b = service("b", {kUdp80});
  a.device = {.name = "tun0"};
  b.device = {.name = "tun1"};
  EXPECT_THAT(problems(a, b), IsEmpty());
  b.device = {.name = "tun0", .mode = DeviceMode::tap};
  EXPECT_THAT(problems(a, b),
              ElementsAre("services[1].device.name: \"tun0\" is the device of service \"a\" already (one "
                          "process can have it)"));
}

TEST(Validate, leaves_a_probe_alone_that_is_none_or_names_its_host) {
  Config config;
  config.services = {service("a", {kTcp80}), service("b", {kUdp80})};
  config.services[1].ready = ReadyTcp{"192.0.2.1", 1};
  EXPECT_THAT(validate(config), IsEmpty());
  EXPECT_EQ(config.services[0].ready, Ready{ReadyNow{}});
  EXPECT_EQ(config.services[1].ready, (Ready{ReadyTcp{"192.0.2.1", 1}}));
}

TEST(Validate, names_both_services_that_share_a_port) {
  EXPECT_THAT(problems(service("a", {kTcpMany}), service("b", {kUdp80, kTcp80})),
              ElementsAre("services[1].ports[1]: services \"a\" and \"b\" share tcp/80: which of them should wake? "
                          "(give them different ports, addresses or interfaces)"));
  EXPECT_THAT(problems(service("a", {kTcp80}), service("b", {kUdp80})), IsEmpty());
}

TEST(Validate, lets_services_share_a_port_on_different_addresses) {
  ServiceSettings a = service("a", {kTcp80});
  ServiceSettings b = service("b", {kTcp80});
  a.addresses = {IpAddress::parse("192.0.2.1").value(), IpAddress::parse("192.0.2.2").value()};
  EXPECT_EQ(problems(a, b).size(), 1U);
  b.addresses = {IpAddress::parse("192.0.2.3").value()};
  EXPECT_THAT(problems(a, b), IsEmpty());
  b.addresses.push_back(IpAddress::parse("192.0.2.2").value());
  EXPECT_EQ(problems(a, b).size(), 1U);
}

TEST(Validate, lets_services_share_a_port_on_different_interfaces) {
  ServiceSettings a = service("a", {kTcp80});
  ServiceSettings b = service("b", {kTcp80});
  a.interface = "eth0";
  EXPECT_EQ(problems(a, b).size(), 1U);
  b.interface = "eth1";
  EXPECT_THAT(problems(a, b), IsEmpty());
  b.interface = "eth0";
  EXPECT_EQ(problems(a, b).size(), 1U);
}

TEST(Validate, wants_each_name_once) {
  EXPECT_THAT(problems(service("a", {kTcp80}), service("a", {kUdp80})),
              ElementsAre("services[1].name: \"a\" is the name of services[0] already"));
}

TEST(Validate, wants_an_action) {
  ServiceSettings s = service("a", {kTcp80});
  s.action = CommandAction{};
  EXPECT_THAT(problems(s), ElementsAre("services[0]: does not say how it starts"));
  s.action = ProcessAction{};
  EXPECT_THAT(problems(s), ElementsAre("services[0]: does not say how it starts"));
  s.action = CommandAction{.start = Command::shell("up"), .stop = Command{}};
  EXPECT_THAT(problems(s), ElementsAre("services[0].stop: is empty"));
}

TEST(Validate, refuses_settings_that_no_file_could_give) {
  ServiceSettings s = service("a", {kTcp80});
  s.ready = ReadyUdp{"h", 0, ""};
  s.veto = Command{};
  s.wake.packets = PacketRate{0, 1s};
  EXPECT_THAT(problems(s),
              ElementsAre("services[0].wake.packets: must be at least one packet in a time longer than nothing",
                          "services[0].veto: is empty", "services[0].ready: asks port 0"));
  s = service("a", {kTcp80});
  s.ready = ReadyCommand{};
  EXPECT_THAT(problems(s), ElementsAre("services[0].ready: is an empty command"));
}

TEST(Validate, bounds_the_control_path_and_the_number_of_services) {
  Config config;
  config.control = "/" + std::string(107, 'x');
  EXPECT_THAT(problems(config), ElementsAre(HasSubstr("control: is 108 bytes long")));
  config.control.pop_back();
  EXPECT_THAT(problems(config), IsEmpty());
  config.services.resize(1001);
  EXPECT_THAT(problems(config), ElementsAre("services: has 1001 services (at most 1000)"));
}

}  // namespace
}  // namespace tidegate
