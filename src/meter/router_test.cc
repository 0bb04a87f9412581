#include "meter/router.h"

#include <gtest/gtest.h>

#include "tests/support/samples.h"

namespace tidegate {
namespace {

using test::ip;
using test::tcp_sample;
using test::udp_sample;

constexpr const char* kClient = "203.0.113.7";
constexpr const char* kHost = "192.0.2.10";
constexpr const char* kOther = "192.0.2.11";

ServiceSettings service(std::initializer_list<const char*> ports, std::initializer_list<const char*> addresses = {}) {
  ServiceSettings settings;
  for (const auto* text : ports) settings.ports.push_back(PortRange::parse(text).value());
  for (const auto* text : addresses) settings.addresses.push_back(ip(text));
  return settings;
}

std::optional<std::size_t> index_of(const std::optional<Router::Match>& match) {
  return match ? std::optional{match->service} : std::nullopt;
}

TEST(Router, finds_the_service_of_a_port_and_the_way_the_packet_goes) {
  const std::vector services{service({"tcp/80"}), service({"udp/8211", "udp/27000-27015"})};
  const Router router{services};
  const auto in = router.route(udp_sample(kClient, 5, kHost, 27010));
  ASSERT_TRUE(in);
  EXPECT_EQ(in->service, 1U);
  EXPECT_EQ(in->direction, Direction::in);
  const auto out = router.route(tcp_sample(kHost, 80, kClient, 5, 0));
  ASSERT_TRUE(out);
  EXPECT_EQ(out->service, 0U);
  EXPECT_EQ(out->direction, Direction::out);
  EXPECT_FALSE(router.route(tcp_sample(kClient, 5, kHost, 8211, 0))) << "another protocol";
  EXPECT_FALSE(router.route(udp_sample(kClient, 5, kHost, 27016)));
  EXPECT_FALSE(router.route(udp_sample(kClient, 5, kHost, 26999)));
}

TEST(Router, takes_only_what_is_for_this_host) {
  const std::vector services{service({"udp/53"})};
  Router router{services};
  router.set_local({ip(kHost)});
  EXPECT_TRUE(router.route(udp_sample(kClient, 5, kHost, 53)));
  EXPECT_TRUE(router.route(udp_sample("127.0.0.1", 5, "127.0.0.2", 53)));
  EXPECT_FALSE(router.route(udp_sample(kHost, 5, "9.9.9.9", 53))) << "this host asks another's service";
  EXPECT_FALSE(router.route(udp_sample("9.9.9.9", 53, kHost, 5))) << "and is answered";
  router.set_local({});
  EXPECT_FALSE(router.route(udp_sample(kClient, 5, kHost, 53)));
}

TEST(Router, tells_services_apart_by_their_addresses) {
  const std::vector services{service({"tcp/80"}, {kHost}), service({"tcp/80"}, {kOther}),
                             service({"tcp/1-100"}, {"192.0.2.12"})};
  Router router{services};
  router.set_local({ip(kHost)});
  EXPECT_EQ(index_of(router.route(tcp_sample(kClient, 5, kHost, 80, 0))), 0U);
  EXPECT_EQ(index_of(router.route(tcp_sample(kClient, 5, kOther, 80, 0))), 1U)
      << "named, so it need not be this host's";
  EXPECT_EQ(index_of(router.route(tcp_sample(kClient, 5, "192.0.2.12", 80, 0))), 2U)
      << "a range that begins far before";
  EXPECT_FALSE(router.route(tcp_sample(kClient, 5, "192.0.2.13", 80, 0)));
}

TEST(Router, calls_a_packet_between_two_local_ends_one_towards_the_service) {
  const std::vector services{service({"tcp/80"}), service({"tcp/50000"})};
  const Router router{services};
  const auto both = router.route(tcp_sample(kHost, 50000, kHost, 80, 0));
  ASSERT_TRUE(both);
  EXPECT_EQ(both->service, 0U);
  EXPECT_EQ(both->direction, Direction::in);
}

TEST(Router, has_nothing_for_packets_without_ports) {
  const std::vector services{service({"tcp/1-65535", "udp/1-65535"})};
  Sample ping;
  ping.flow = {{ip(kClient), 0}, {ip(kHost), 0}, Protocol::icmp};
  EXPECT_FALSE(Router{services}.route(ping));
}

TEST(Router, finds_each_of_hundreds) {
  std::vector<ServiceSettings> services;
  services.reserve(500);
  for (int i = 0; i < 500; ++i) services.push_back(service({fmt::format("udp/{}", 10000 + 2 * i).c_str()}));
  const Router router{services};
  for (std::uint16_t i = 0; i < 500; ++i) {
    EXPECT_EQ(index_of(router.route(udp_sample(kClient, 5, kHost, static_cast<std::uint16_t>(10000 + 2 * i)))), i);
    EXPECT_FALSE(router.route(udp_sample(kClient, 5, kHost, static_cast<std::uint16_t>(10001 + 2 * i))));
  }
}

}  // namespace
}  // namespace tidegate
