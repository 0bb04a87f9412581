#include "daemon/kernel_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tidegate {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

ServiceSettings service(std::string name, std::uint16_t port) {
  ServiceSettings settings;
  settings.name = std::move(name);
  settings.ports = {{Protocol::tcp, port, port}};
  return settings;
}

std::vector<std::string> chosen(std::vector<ServiceSettings> services) {
  Config config;
  config.services = std::move(services);
  std::vector<std::string> names;
  for (const auto& each : kernel_choice(config)) names.push_back(each.name);
  return names;
}

TEST(KernelChoice, takes_services_with_ports_whatever_their_other_sensors) {
  auto both = service("both", 1);
  both.sensors = {PcapSource{}};
  auto none = service("none", 2);
  none.ports.clear();
  none.sensors = {NflogSource{}};
  EXPECT_THAT(chosen({both, none, service("plain", 3)}), ElementsAre("both", "plain"));
}

TEST(KernelChoice, leaves_to_pcap_what_is_to_be_its_or_needs_each_packet) {
  auto told = service("told", 1);
  told.sensor = PortSensor::pcap;
  auto rate = service("rate", 2);
  rate.wake.packets = PacketRate{.packets = 3, .within = std::chrono::seconds{10}};
  auto kept = service("kept", 3);
  kept.capture_wakes = "/tmp/wakes.pcap";
  auto handshake = service("handshake", 4);
  handshake.wake.handshake = true;
  EXPECT_THAT(chosen({told, rate, kept, handshake}), IsEmpty());
}

TEST(KernelChoice, leaves_to_pcap_the_later_of_two_that_share_a_port_on_different_interfaces) {
  auto one = service("one", 1);
  one.interface = "eth0";
  auto two = service("two", 1);
  two.interface = "eth1";
  EXPECT_THAT(chosen({one, two, service("three", 3)}), ElementsAre("one", "three"));
}

TEST(KernelChoice, takes_two_that_share_a_port_at_different_addresses) {
  auto one = service("one", 1);
  one.addresses = {IpAddress::parse("192.0.2.1").value()};
  auto two = service("two", 1);
  two.addresses = {IpAddress::parse("192.0.2.2").value()};
  EXPECT_THAT(chosen({one, two}), ElementsAre("one", "two"));
}

}  // namespace
}  // namespace tidegate
