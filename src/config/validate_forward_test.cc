// What holds of forwards without a file: settings as flags and the API make them.
#include "config/config.h"

namespace tidegate {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

ForwardSettings forward(std::string name, std::string_view listen, std::string_view target,
                        ForwardProtocol protocol = ForwardProtocol::tcp) {
  ForwardSettings f;
  f.name = std::move(name);
  f.listen = ListenAddress::parse(listen).value();
  f.targets = {Target::parse(target).value()};
  f.protocol = protocol;
  return f;
}

std::vector<std::string> problems(Config config) {
  std::vector<std::string> texts;
  for (const ConfigError& error : validate(config)) texts.push_back(error.to_string());
  return texts;
}

std::vector<std::string> problems(std::vector<ForwardSettings> forwards) {
  Config config;
  config.forwards = std::move(forwards);
  return problems(config);
}

bool share(std::string_view a, std::string_view b, ForwardProtocol first = ForwardProtocol::tcp,
           ForwardProtocol second = ForwardProtocol::tcp) {
  const std::string_view target = "198.51.100.1:9";
  const bool one_way = !problems({forward("a", a, target, first), forward("b", b, target, second)}).empty();
  const bool other_way = !problems({forward("a", b, target, second), forward("b", a, target, first)}).empty();
  EXPECT_EQ(one_way, other_way) << a << ' ' << b;
  return one_way;
}

TEST(ValidateForward, lets_no_two_listen_in_one_place) {
  EXPECT_TRUE(share("80", "80"));
  EXPECT_TRUE(share("80", "192.0.2.1:80"));
  EXPECT_TRUE(share("80", "[::1]:80"));
  EXPECT_TRUE(share("0.0.0.0:80", "192.0.2.1:80"));
  EXPECT_TRUE(share("[::]:80", "[::1]:80"));
  EXPECT_TRUE(share("10-20", "20-30"));
  EXPECT_TRUE(share("unix:/a", "unix:/a"));
  EXPECT_FALSE(share("80", "81"));
  EXPECT_FALSE(share("10-20", "21-30"));
  EXPECT_FALSE(share("192.0.2.1:80", "192.0.2.2:80"));
  EXPECT_FALSE(share("0.0.0.0:80", "[::]:80"));
  EXPECT_FALSE(share("unix:/a", "unix:/b"));
  EXPECT_FALSE(share("unix:/a", "80"));
}

TEST(ValidateForward, lets_tcp_and_udp_listen_side_by_side) {
  EXPECT_FALSE(share("80", "80", ForwardProtocol::tcp, ForwardProtocol::udp));
  EXPECT_TRUE(share("80", "80", ForwardProtocol::both, ForwardProtocol::udp));
  EXPECT_TRUE(share("80", "80", ForwardProtocol::both, ForwardProtocol::tcp));
  EXPECT_TRUE(share("80", "80", ForwardProtocol::udp, ForwardProtocol::udp));
}

TEST(ValidateForward, names_what_is_taken_and_by_whom) {
  EXPECT_THAT(problems({forward("a", "10-20", "h:1"), forward("b", "192.0.2.1:20", "h:1")}),
              ElementsAre("forwards[1].listen: 192.0.2.1:20 is where \"a\" listens already (*:10-20)"));
}

TEST(ValidateForward, bounds_the_ports_and_the_forwards) {
  EXPECT_THAT(problems({forward("a", "10001-30000", "h:1")}), IsEmpty());
  EXPECT_THAT(problems({forward("a", "10001-30000", "h:1"), forward("b", "9", "h:1")}),
              ElementsAre("forwards[1].listen: the forwards listen on 20001 ports with this one (at most 20000)"));
  Config config;
  config.forwards.resize(2001);
  EXPECT_THAT(problems(config), ElementsAre("forwards: has 2001 forwards (at most 2000)"));
  config.forwards.clear();
  config.quotas.resize(1001);
  EXPECT_THAT(problems(config), ElementsAre("quotas: has 1001 quotas (at most 1000)"));
}

TEST(ValidateForward, wants_names_that_are_ones) {
  EXPECT_THAT(problems({forward("a b", "80", "h:1")}),
              ElementsAre("forwards[0].name: \"a b\" is not a name (1 to 64 letters, digits, -, _ and .)"));
  EXPECT_THAT(problems({forward("", "80", "h:1")}), ElementsAre("forwards[0]: has no name"));
}

TEST(ValidateForward, takes_targets_that_follow_the_listening_ports) {
  ForwardSettings f = forward("a", "100-199", "h:1");
  f.targets[0] = {.unix_path = {}, .host = "h"};  // the same port
  EXPECT_THAT(problems({f}), IsEmpty());
  f.targets[0].port = 65436;
  f.targets[0].each_port = true;
  EXPECT_THAT(problems({f}), IsEmpty());
  f.targets[0].port = 65437;
  EXPECT_THAT(problems({f}), ElementsAre("forwards[0].targets[0]: 100 ports from 65437 on would end above 65535"));
  f.targets[0] = {.unix_path = {}, .host = "127.0.0.1"};
  EXPECT_THAT(problems({f}), ElementsAre(HasSubstr("127.0.0.1 is where this forward listens itself (*:100-199)")));
  f.listen = ListenAddress::parse("unix:/a").value();
  EXPECT_THAT(problems({f}), ElementsAre("forwards[0].targets[0]: 127.0.0.1 has no port"));
}

TEST(ValidateForward, refuses_settings_that_no_file_could_give) {
  ForwardSettings f = forward("a", "80", "h:1");
  f.listen.last = 79;
  f.targets[0].weight = 0;
  f.targets[0].host = "a b";
  f.check = HealthCheck{.fall = 0, .rise = 0};
  f.connections.new_all = {5, 0s};
  f.udp_sessions = 0;
  f.udp_sessions_each_client = 0;
  EXPECT_THAT(problems({f}), ElementsAre("forwards[0].listen: its last port is below its first",
                                         "forwards[0].targets[0].weight: 0 is not from 1 to 256",
                                         "forwards[0].targets[0]: \"a b\" is not a host",
                                         "forwards[0].check.tcp.fall: must be at least 1",
                                         "forwards[0].check.tcp.rise: must be at least 1",
                                         "forwards[0].connections.new_all: must be longer than nothing",
                                         "forwards[0].udp_sessions: must be at least 1",
                                         "forwards[0].udp_sessions_each_client: must be at least 1"));
  f = forward("a", "80", "h:1");
  f.targets.resize(257, f.targets[0]);
  EXPECT_THAT(problems({f}), ElementsAre("forwards[0].targets: has 257 targets (at most 256)"));
}

TEST(ValidateForward, asks_for_a_service_that_is_there) {
  Config config;
  config.forwards = {forward("f", "80", "h:1")};
  config.forwards[0].service = "wiki";
  EXPECT_THAT(problems(config), ElementsAre("forwards[0].service: there is no service \"wiki\""));
  ServiceSettings service;
  service.name = "wiki";
  service.action = CommandAction{.start = Command::shell("up"), .stop = {}};
  config.services = {service};
  EXPECT_THAT(problems(config), IsEmpty());
  config.forwards.clear();
  config.services[0].hold = ServiceSettings::Hold::forward;
  EXPECT_THAT(problems(config),
              ElementsAre("services[0]: nothing can wake it (give ports or sensors, or a forward that names it)",
                          "services[0].hold: no forward names this service, so nobody could be held"));
}

TEST(ValidateForward, bounds_data_threads) {
  Config config;
  config.data_threads = 0;
  EXPECT_THAT(problems(config), ElementsAre("data_threads: 0 is not from 1 to 256"));
  config.data_threads = 256;
  EXPECT_THAT(problems(config), IsEmpty());
}

}  // namespace
}  // namespace tidegate
