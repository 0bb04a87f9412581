#include "config/config.h"

#include <fstream>
#include <sstream>

#include "config/keys.h"

namespace tidegate {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

std::string errors(std::string_view text) {
  const auto config = parse_config(text, "tidegate.yaml");
  std::string all;
  if (!config) {
    for (const ConfigError& error : config.error()) all += error.to_string() + "\n";
  }
  return all;
}

// Every key, at least once.
constexpr std::string_view kEverything = R"(# everything that can be said
log: {level: debug, format: json}
control: /run/tidegate/control.sock
services:
  - name: palworld
    ports: [udp/8211, tcp/8212, tcp/27000-27015]
    address: [192.0.2.10, "2001:db8::10"]
    interface: eth0
    hold: none
    start: systemctl start palworld
    stop: [systemctl, stop, palworld]
    start_timeout: 90s
    ready:
      udp: {port: 8211, host: 192.0.2.10, send: '\xff\xff\xff\xffping\n'}
    idle: 20m
    min_up: 2m
    max_up: 12h
    veto: /usr/local/bin/no-players
    schedule: {awake: ["Mon-Fri 18:00-23:00", "Sat-Sun 10:00-24:00"]}
    wake:
      from: [10.0.0.0/8, "2001:db8::/32"]
      not_from: [10.0.0.53]
      ports: [udp/8211]
      direction: both
      flags: syn
      min_bytes: 8
      packets: 3/10s
      also: [icmp, broadcast]
    keep:
      from: [any]
      not_from: 10.0.0.53
      ports: tcp/27000-27007
      direction: out
      flags: psh
      min_bytes: 1
      ack_only: true
      also: rst
    retry: {first: 1s, most: 2m}
    found: ignore
    on_exit: stop
    sensors:
      - pcap: {interface: tun0, filter: "! host 1.2.3.4"}
      - pcap: {interface: tun1}
    capture_wakes: /var/lib/tidegate/wakes.pcap
  - name: wiki
    ports: 80
    process: [/srv/wiki/run, --fast]
    grace: 3s
    ready: {http: {url: "http://127.0.0.1/health", status: 200}}
  - name: vpn
    sensors: [{pcap: {interface: tun2}}]
    script: /etc/toggle.sh
    ready: {command: test -e /run/vpn}
  - {name: late, ports: tcp/81, start: up, ready: {delay: 5s}}
  - {name: quick, ports: tcp/82, start: up, ready: {tcp: "[::1]:82"}}
)";

Config everything() {
  const auto cidr = [](std::string_view text) { return Cidr::parse(text).value(); };
  Config config;
  config.control = "/run/tidegate/control.sock";
  config.log_level = log::Level::debug;
  config.log_format = log::Format::json;

  ServiceSettings palworld;
  palworld.name = "palworld";
  palworld.ports = {{Protocol::udp, 8211, 8211}, {Protocol::tcp, 8212, 8212}, {Protocol::tcp, 27000, 27015}};
  palworld.addresses = {IpAddress::parse("192.0.2.10").value(), IpAddress::parse("2001:db8::10").value()};
  palworld.interface = "eth0";
  palworld.captures = {{.interface = "tun0", .filter = "! host 1.2.3.4"}, {.interface = "tun1", .filter = {}}};
  palworld.wake.from = {cidr("10.0.0.0/8"), cidr("2001:db8::/32")};
  palworld.wake.not_from = {cidr("10.0.0.53")};
  palworld.wake.ports = {{Protocol::udp, 8211, 8211}};
  palworld.wake.direction = std::nullopt;
  palworld.wake.flags = {tcp_flag::kSyn, 0};
  palworld.wake.min_bytes = 8;
  palworld.wake.packets = PacketRate{3, 10s};
  palworld.wake.also = 9;
  palworld.keep.not_from = {cidr("10.0.0.53")};
  palworld.keep.ports = {{Protocol::tcp, 27000, 27007}};
  palworld.keep.direction = Direction::out;
  palworld.keep.flags = {tcp_flag::kPsh, 0};
  palworld.keep.min_bytes = 1;
  palworld.keep.ack_only = true;
  palworld.keep.also = 16;
  palworld.gate.idle = 20min;
  palworld.gate.start_timeout = 90s;
  palworld.gate.min_up = 2min;
  palworld.gate.max_up = 12h;
  palworld.gate.veto = true;
  palworld.gate.awake = {{0b0011111, 18h, 23h}, {0b1100000, 10h, 24h}};
  palworld.gate.retry_first = 1s;
  palworld.gate.retry_most = 2min;
  palworld.gate.found = GateSettings::Found::ignore;
  palworld.action = CommandAction{.start = Command::shell("systemctl start palworld"),
                                  .stop = Command{{"systemctl", "stop", "palworld"}}};
  palworld.ready = ReadyUdp{"192.0.2.10", 8211, "\xff\xff\xff\xffping\n"};
  palworld.veto = Command::shell("/usr/local/bin/no-players");
  palworld.capture_wakes = "/var/lib/tidegate/wakes.pcap";
  palworld.on_exit = ServiceSettings::OnExit::stop;

  const TcpFlags opens{tcp_flag::kSyn, tcp_flag::kAck};
  ServiceSettings wiki;
  wiki.name = "wiki";
  wiki.ports = {{Protocol::tcp, 80, 80}, {Protocol::udp, 80, 80}};
  wiki.wake.flags = opens;
  wiki.action = ProcessAction{.run = {{"/srv/wiki/run", "--fast"}}, .grace = 3s};
  wiki.ready = ReadyHttp{"127.0.0.1", 80, "/health", "http://127.0.0.1/health", 200};

  ServiceSettings vpn;
  vpn.name = "vpn";
  vpn.captures = {{.interface = "tun2", .filter = {}}};
  vpn.wake.direction = std::nullopt;
  vpn.keep.direction = std::nullopt;
  vpn.action = CommandAction{.start = {{"/etc/toggle.sh", "start"}}, .stop = Command{{"/etc/toggle.sh", "stop"}}};
  vpn.ready = ReadyCommand{Command::shell("test -e /run/vpn")};

  ServiceSettings late;
  late.name = "late";
  late.ports = {{Protocol::tcp, 81, 81}};
  late.wake.flags = opens;
  late.action = CommandAction{.start = Command::shell("up"), .stop = {}};
  late.ready = ReadyDelay{5s};

  ServiceSettings quick = late;
  quick.name = "quick";
  quick.ports = {{Protocol::tcp, 82, 82}};
  quick.ready = ReadyTcp{"::1", 82};

  config.services = {palworld, wiki, vpn, late, quick};
  return config;
}

TEST(Config, reads_a_file_that_says_everything) {
  const auto config = parse_config(kEverything, "tidegate.yaml");
  ASSERT_TRUE(config) << errors(kEverything);
  const Config expected = everything();
  EXPECT_EQ(config->control, expected.control);
  EXPECT_EQ(config->log_level, expected.log_level);
  EXPECT_EQ(config->log_format, expected.log_format);
  ASSERT_EQ(config->services.size(), expected.services.size());
  for (std::size_t i = 0; i < expected.services.size(); ++i) {
    EXPECT_TRUE(config->services[i] == expected.services[i]) << expected.services[i].name;
  }
  EXPECT_EQ(*config, expected);
}

TEST(Config, has_every_known_key_in_the_file_that_says_everything) {
  for (const std::string& key : known_keys()) {
    const std::string last = key.substr(key.rfind('.') + 1);
    EXPECT_THAT(kEverything, HasSubstr(last + ":")) << key;
  }
}

TEST(Config, is_documented_key_by_key) {
  std::ifstream file{TIDEGATE_SOURCE_DIR "/docs/configuration.md"};
  std::stringstream document;
  document << file.rdbuf();
  ASSERT_FALSE(document.str().empty());
  constexpr std::string_view kOfServices = "services.";
  for (const std::string& key : known_keys()) {
    const bool of_services = key.starts_with(kOfServices);
    const std::string written = of_services ? key.substr(kOfServices.size()) : key;
    EXPECT_THAT(document.str(), HasSubstr(fmt::format("\n| `{}` |", written))) << key;
  }
}

TEST(Config, tells_everything_wrong_at_once_in_the_order_of_the_file) {
  EXPECT_EQ(errors(R"(log: {level: loud}
store: /var/lib/tidegate.db
services:
  - name: a
    ports: [tcp/80, tcp/443]
    idle: 15 mins
    start: up
    prots: tcp/81
  - name: b
    ports:
      - udp/80
      - tcp/443
    start: up
  - name: a
    ports: tcp/81
)"),
            R"(tidegate.yaml:1:14: log.level: "loud" is not a log level (allowed: debug, info, warn or error)
tidegate.yaml:2:1: unknown key "store" (allowed: log, control or services)
tidegate.yaml:6:11: services[0].idle: "15 mins" is not a duration (try 15m, 90s, 1h30m)
tidegate.yaml:8:5: services[0]: unknown key "prots" (did you mean "ports"?)
tidegate.yaml:12:9: services[1].ports[1]: services "a" and "b" share tcp/443: which of them should wake? (give them different ports, addresses or interfaces)
tidegate.yaml:14:5: services[2]: does not say how it starts (one of start, script or process)
tidegate.yaml:14:11: services[2].name: "a" is the name of services[0] already
)");
}

TEST(Config, places_a_shared_port_rightly_behind_bare_and_bad_ones) {
  const std::string found =
      errors("services:\n- {name: a, ports: udp/9, start: up}\n- {name: b, ports: [x, 8, 7, udp/9], start: up}\n");
  EXPECT_THAT(found, HasSubstr("tidegate.yaml:3:21: services[1].ports[0]: \"x\" is not a port"));
  EXPECT_THAT(found, HasSubstr("tidegate.yaml:3:30: services[1].ports[3]: services \"a\" and \"b\" share udp/9"));
}

TEST(Config, tells_syntax_errors_with_their_place) {
  EXPECT_THAT(errors("services:\n  - name: a\n   ports: 1\n"), ::testing::StartsWith("tidegate.yaml:3:"));
  EXPECT_THAT(errors("a: \"x"), HasSubstr("illegal EOF in scalar"));
}

TEST(Config, wants_a_map_with_services_in_it) {
  for (const std::string_view text : {"", "# nothing\n", "~"}) {
    EXPECT_EQ(errors(text), "tidegate.yaml: is empty (a list of services belongs here)\n") << text;
  }
  EXPECT_EQ(errors("- a"), "tidegate.yaml:1:1: a map belongs here, not a list\n");
  EXPECT_EQ(errors("hello"), "tidegate.yaml:1:1: a map belongs here, not a single value\n");
  EXPECT_EQ(errors("log: {}"), "tidegate.yaml:1:1: has no services, so there is nothing to watch\n");
  EXPECT_EQ(errors("services:"), "tidegate.yaml:1:1: services: a list of services belongs here\n");
  EXPECT_EQ(errors("services: []"), "tidegate.yaml:1:11: services: is an empty list\n");
  EXPECT_EQ(errors("services: {name: a}"), "tidegate.yaml:1:11: services: a list of services belongs here\n");
}

TEST(Config, names_what_is_not_built_yet_an_unknown_key) {
  for (const std::string_view key :
       {"store", "data_threads", "api", "forwards", "proxies", "quotas", "tallies", "watches", "privacy"}) {
    EXPECT_THAT(errors(fmt::format("{}: 1\nservices: [{{name: a, ports: 1, start: up}}]", key)),
                HasSubstr(fmt::format("tidegate.yaml:1:1: unknown key \"{}\"", key)));
  }
}

TEST(Config, lets_services_share_values_by_aliases) {
  const auto config = parse_config(
      "services:\n- {name: a, ports: 1, start: up, wake: &rule {from: 10.0.0.0/8}}\n"
      "- {name: b, ports: 2, start: up, wake: *rule}\n",
      "f");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->services[0].wake, config->services[1].wake);
}

TEST(Config, makes_what_it_quotes_fit_to_print) {
  const std::string found =
      errors("\"a\\e[31mb\\nc\": 1\nservices: []\n" + std::string{"\""} + std::string(500, 'x') + "\": 1\n");
  EXPECT_THAT(found, HasSubstr("unknown key \"a\\x1b[31mb\\x0ac\""));
  EXPECT_LT(found.size(), 1000U);
}

TEST(Config, bounds_the_number_of_errors) {
  std::string text = "services: [{name: a, ports: 1, start: up}]\n";
  for (int i = 0; i < 3000; ++i) text += fmt::format("k{}: 1\n", i);
  const auto config = parse_config(text, "f");
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().size(), 1001U);
  EXPECT_EQ(config.error().back().to_string(), "f: 2000 more errors are not shown");
}

TEST(Config, reads_two_hundred_services_in_well_under_a_second) {
  std::string text = "services:\n";
  for (int i = 0; i < 200; ++i) {
    text += fmt::format(
        "  - name: s{0}\n    ports: [tcp/{1}-{2}, udp/{1}]\n    start: up {0}\n    stop: down {0}\n    wake: "
        "{{packets: 3/10s, not_from: 10.0.0.0/8}}\n",
        i, 10000 + i * 10, 10000 + i * 10 + 9);
  }
  const auto before = std::chrono::steady_clock::now();
  const auto config = parse_config(text, "f");
  const auto took = std::chrono::steady_clock::now() - before;
  ASSERT_TRUE(config);
  EXPECT_EQ(config->services.size(), 200U);
  EXPECT_LT(took, 1s);
}

TEST(Config, tells_of_a_filter_that_does_not_compile_beside_everything_else) {
  const auto check = [](const std::string& filter) -> Result<> {
    if (filter == "wrong") return failure("filter \"{}\": syntax error", filter);
    return {};
  };
  const auto config = parse_config(
      "services:\n- name: a\n  idle: x\n  start: y\n  sensors:\n  - pcap: {filter: right}\n  - pcap: {filter: wrong}\n",
      "t.yaml", check);
  ASSERT_FALSE(config);
  ASSERT_EQ(config.error().size(), 2U);
  EXPECT_EQ(config.error()[1].to_string(),
            "t.yaml:7:20: services[0].sensors[1].pcap.filter: filter \"wrong\": syntax error");
}

}  // namespace
}  // namespace tidegate
