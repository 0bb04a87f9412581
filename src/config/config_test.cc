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
    sensor: pcap
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
      after: packet
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
      - nflog: {group: 7}
    capture_wakes: /var/lib/tidegate/wakes.pcap
  - name: wiki
    ports: 80
    process: [/srv/wiki/run, --fast]
    grace: 3s
    ready: {http: {url: "http://127.0.0.1/health", status: 200}}
  - name: vpn
    sensors: [{pcap: {interface: tap2}}]
    device: {name: tap2, mode: tap}
    script: /etc/toggle.sh
    ready: {command: test -e /run/vpn}
  - {name: late, ports: tcp/81, start: up, ready: {delay: 5s}}
  - {name: quick, ports: tcp/82, start: up, ready: {tcp: "[::1]:82"}}
store: /var/lib/tidegate/tidegate.db
data_threads: 2
manage_sysctl: true
api: {listen: ["127.0.0.1:8080", "unix:/run/api.sock"], token_file: /etc/tidegate/token, insecure: true}  # or token:
forwards:
  - name: everything
    listen: 192.0.2.10:10000-10009
    targets: [{host: a.example, port: 20000-20009, weight: 2}, "192.0.2.11:20000"]
    balance: least_connections
    check: {tcp: {every: 10s, timeout: 1s, fall: 5, rise: 4}}
    protocol: both
    service: palworld
    engine: user
    hold: {clients: 10, for: 30s, then: page, udp_bytes: 32KB, udp_datagrams: 8}
    idle_connections: traffic
    limit: 100GB
    limit_monthly: 10GB
    limit_action: throttle
    limit_throttle: 1Mbit/s
    quota:
      {bytes: 5GB, every: week, from: Wed, zone: Europe/Berlin, count: larger, action: throttle, to: 10MB/s,
       warn: [95%, 80%], group: family}
    rate: {all: 200Mbit/s, each_client: 20Mbit/s, each_connection: 8kbit/s}
    connections: {all: 10000, each_client: 50, new_all: 300/m, new_each_client: 20/s}
    allow: [10.0.0.0/8]
    deny: [10.0.0.53]
    timeouts: {connect: 1s, idle: 1h, half_close: 2m, udp: 30s, keepalive: 10s, user: 20s}
    proxy_protocol: {send: v2, accept_from: [10.0.0.0/8]}
    transparent: true
    udp_sessions: 1000
    udp_sessions_each_client: 10
  - {name: local, listen: "unix:/run/x.sock", targets: {unix: /run/app.sock}}
proxies:
  - {name: service1, listen_port: 9001, target_host: 198.51.100.1, target_port: 10000, limit: "", engine: kernel,
     masquerade: always}
quotas:
  - {group: family, bytes: 200GB, every: month, day: 15}
  - {group: once, bytes: 1TB, until: 2026-12-31}
tallies:
  - {name: knocks, interface: eth0, ports: [tcp/22, 8000], privacy: prefix, syn_packets: true, sources: 1000}
watches:
  - name: shop
    interface: eth0
    port: 80
    address: 192.0.2.10
    windows: [10s, 1m, 10m]
    alerts:
      - {name: busy, when: requests >= 20/s, over: 1m, clear: requests < 15/s, min_raised: 30s, min_clear: 10s,
         do: [{command: /usr/local/bin/page}, {webhook: "https://example.net/hook"}, {start: wiki},
              {throttle: {forward: local, to: 1Mbit/s}}]}
      - {name: broken, when: errors >= 5%}
  - {name: others, ports: [8080, 8443]}
privacy: {mode: hash, key_file: /etc/tidegate/privacy.key}
data_file: ./data/traffic_data.json
)";

Config everything() {
  const auto cidr = [](std::string_view text) { return Cidr::parse(text).value(); };
  Config config;
  config.control = "/run/tidegate/control.sock";
  config.manage_sysctl = true;
  config.log_level = log::Level::debug;
  config.log_format = log::Format::json;

  ServiceSettings palworld;
  palworld.name = "palworld";
  palworld.ports = {{Protocol::udp, 8211, 8211}, {Protocol::tcp, 8212, 8212}, {Protocol::tcp, 27000, 27015}};
  palworld.addresses = {IpAddress::parse("192.0.2.10").value(), IpAddress::parse("2001:db8::10").value()};
  palworld.interface = "eth0";
  palworld.sensor = PortSensor::pcap;
  palworld.sensors = {PcapSource{.interface = "tun0", .filter = "! host 1.2.3.4"},
                      PcapSource{.interface = "tun1", .filter = {}}, NflogSource{.group = 7}};
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
  vpn.sensors = {PcapSource{.interface = "tap2", .filter = {}}};
  vpn.device = {.name = "tap2", .mode = DeviceMode::tap};
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

  config.store = "/var/lib/tidegate/tidegate.db";
  config.data_threads = 2;
  config.api = {
      .enabled = true,
      .listen = {ListenAddress::parse("127.0.0.1:8080").value(), ListenAddress::parse("unix:/run/api.sock").value()},
      .token = {},
      .token_file = "/etc/tidegate/token",
      .insecure = true};
  config.data_file = "./data/traffic_data.json";

  ForwardSettings all;
  all.name = "everything";
  all.protocol = ForwardProtocol::both;
  all.listen = {{}, IpAddress::parse("192.0.2.10").value(), 10000, 10009};
  all.targets = {{.unix_path = {}, .host = "a.example", .port = 20000, .each_port = true, .last = 20009, .weight = 2},
                 {.unix_path = {}, .host = "192.0.2.11", .port = 20000}};
  all.balance = Balance::least_connections;
  all.check = HealthCheck{10s, 1s, 5, 4};
  all.service = "palworld";
  all.hold = {10, 30s, HoldAnswer::http_page, 32'768, 8};
  all.idle_connections = IdleConnections::traffic;
  all.limit = 100ULL << 30;
  all.limit_monthly = 10ULL << 30;
  all.limit_action = LimitAction::throttle;
  all.limit_throttle = 125'000;
  all.quota = QuotaSettings{.bytes = 5ULL << 30,
                            .every = QuotaPeriod::week,
                            .weekday = 2,
                            .zone = "Europe/Berlin",
                            .until = {},
                            .count = QuotaCount::larger,
                            .action = LimitAction::throttle,
                            .throttle = 10'485'760,
                            .warn = {80, 95},
                            .group = "family"};
  all.rate = {25'000'000, 2'500'000, 1000};
  all.connections = {10'000, 50, {300, 1min}, {20, 1s}};
  all.allow = {cidr("10.0.0.0/8")};
  all.deny = {cidr("10.0.0.53")};
  all.timeouts = {1s, 1h, 2min, 30s, 10s, 20s};
  all.proxy_protocol = {ProxyHeader::v2, {cidr("10.0.0.0/8")}};
  all.transparent = true;
  all.udp_sessions = 1000;
  all.udp_sessions_each_client = 10;

  ForwardSettings local;
  local.name = "local";
  local.listen.unix_path = "/run/x.sock";
  local.targets = {{.unix_path = "/run/app.sock", .host = {}}};

  ForwardSettings proxy;
  proxy.name = "service1";
  proxy.engine = ForwardEngine::kernel;
  proxy.masquerade = Masquerade::always;
  proxy.listen = {{}, {}, 9001, 9001};
  proxy.targets = {{.unix_path = {}, .host = "198.51.100.1", .port = 10000}};

  QuotaSettings family;
  family.group = "family";
  family.bytes = 200ULL << 30;
  family.every = QuotaPeriod::month;
  family.day = 15;
  QuotaSettings once;
  once.group = "once";
  once.bytes = 1ULL << 40;
  once.until = std::chrono::year_month_day{std::chrono::year{2026}, std::chrono::December, std::chrono::day{31}};

  TallySettings knocks;
  knocks.name = "knocks";
  knocks.interface = "eth0";
  knocks.ports = {{Protocol::tcp, 22, 22}, {Protocol::tcp, 8000, 8000}};
  knocks.privacy = Privacy::prefix;
  knocks.syn_packets = true;
  knocks.sources = 1000;

  AlertSettings busy;
  busy.name = "busy";
  busy.when = {.value = 20};
  busy.over = 1min;
  busy.clear = AlertLevel{.above = false, .or_equal = false, .value = 15};
  busy.min_raised = 30s;
  busy.min_clear = 10s;
  busy.actions = {AlertCommand{"/usr/local/bin/page"}, AlertWebhook{.url = "https://example.net/hook"},
                  AlertStart{"wiki"}, AlertThrottle{"local", 125'000}};
  AlertSettings broken;
  broken.name = "broken";
  broken.when = {.quantity = AlertQuantity::errors, .value = 0.05};
  WatchSettings shop;
  shop.name = "shop";
  shop.interface = "eth0";
  shop.ports = {80};
  shop.address = IpAddress::parse("192.0.2.10").value();
  shop.windows = {10s, 1min, 10min};
  shop.alerts = {busy, broken};
  WatchSettings others;
  others.name = "others";
  others.ports = {8080, 8443};

  config.tallies = {knocks};
  config.watches = {shop, others};
  config.privacy = {Privacy::hash, "/etc/tidegate/privacy.key"};
  config.forwards = {all, local, proxy};
  config.quotas = {family, once};
  return config;
}

TEST(Config, reads_a_file_that_says_everything) {
  const auto config = parse_config(kEverything, "tidegate.yaml");
  ASSERT_TRUE(config) << errors(kEverything);
  const Config expected = everything();
  EXPECT_EQ(config->control, expected.control);
  EXPECT_TRUE(config->manage_sysctl);
  EXPECT_EQ(config->log_level, expected.log_level);
  EXPECT_EQ(config->log_format, expected.log_format);
  ASSERT_EQ(config->services.size(), expected.services.size());
  for (std::size_t i = 0; i < expected.services.size(); ++i) {
    EXPECT_TRUE(config->services[i] == expected.services[i]) << expected.services[i].name;
  }
  ASSERT_EQ(config->forwards.size(), expected.forwards.size());
  for (std::size_t i = 0; i < expected.forwards.size(); ++i) {
    EXPECT_TRUE(config->forwards[i] == expected.forwards[i]) << expected.forwards[i].name;
  }
  EXPECT_EQ(config->quotas, expected.quotas);
  EXPECT_EQ(config->api, expected.api);
  EXPECT_EQ(config->tallies, expected.tallies);
  EXPECT_EQ(config->watches, expected.watches);
  EXPECT_EQ(config->privacy, expected.privacy);
  EXPECT_EQ(*config, expected);
}

TEST(Config, has_every_known_key_in_the_file_that_says_everything) {
  for (const std::string& key : known_keys()) {
    const std::string last = key.substr(key.rfind('.') + 1);
    EXPECT_TRUE(kEverything.contains(last + ":")) << key;
  }
}

TEST(Config, is_documented_key_by_key) {
  std::ifstream file{TIDEGATE_SOURCE_DIR "/docs/configuration.md"};
  std::stringstream document;
  document << file.rdbuf();
  const std::string text = document.str();
  ASSERT_FALSE(text.empty());
  // The keys of these lists stand without their prefix, in the part that is theirs.
  struct Part {
    std::string_view prefix;
    std::string_view begins;
    std::string_view ends;
  };
  constexpr Part kParts[] = {{"services.", "\n## A service", "\n## Forwards\n"},
                             {"forwards.", "\n## Forwards\n", "\n## Quotas\n"},
                             {"quotas.", "\n## Quotas\n", "\n## Tallies\n"},
                             {"tallies.", "\n## Tallies\n", "\n## Watches\n"},
                             {"watches.", "\n## Watches\n", "\n## Privacy\n"}};
  for (const std::string& key : known_keys()) {
    const auto* const part = std::ranges::find_if(kParts, [&](const Part& p) { return key.starts_with(p.prefix); });
    if (part == std::end(kParts)) {
      EXPECT_TRUE(text.contains(fmt::format("\n| `{}` |", key))) << key;
      continue;
    }
    const auto begin = text.find(part->begins);
    const auto end = text.find(part->ends);
    ASSERT_LT(begin, end) << part->begins;
    ASSERT_NE(end, std::string::npos) << part->ends;
    const std::string own = text.substr(begin, end - begin);
    const std::string row = fmt::format("\n| `{}` |", key.substr(part->prefix.size()));
    EXPECT_TRUE(own.contains(row)) << key;
  }
}

TEST(Config, tells_everything_wrong_at_once_in_the_order_of_the_file) {
  EXPECT_EQ(errors(R"(log: {level: loud}
stor: /var/lib/tidegate.db
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
tidegate.yaml:2:1: unknown key "stor" (did you mean "store"?)
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
    EXPECT_EQ(errors(text), "tidegate.yaml: is empty (services or forwards belong here)\n") << text;
  }
  EXPECT_EQ(errors("- a"), "tidegate.yaml:1:1: a map belongs here, not a list\n");
  EXPECT_EQ(errors("hello"), "tidegate.yaml:1:1: a map belongs here, not a single value\n");
  EXPECT_EQ(errors("log: {}"), "tidegate.yaml:1:1: has neither services nor forwards, so there is nothing to do\n");
  EXPECT_EQ(errors("services:"), "tidegate.yaml:1:1: services: a list of services belongs here\n");
  EXPECT_EQ(errors("services: []"), "tidegate.yaml:1:11: services: is an empty list\n");
  EXPECT_EQ(errors("services: {name: a}"), "tidegate.yaml:1:11: services: a list of services belongs here\n");
}

TEST(Config, needs_no_services_where_there_is_something_else_to_do) {
  EXPECT_EQ(errors("forwards: [{name: a, listen_port: 1, target_port: 2}]"), "");
  EXPECT_EQ(errors("proxies: [{name: a, listen_port: 1, target_port: 2}]"), "");
  EXPECT_EQ(errors("api: {port: 8080}"), "");
  EXPECT_EQ(errors("tallies: [{name: a}]"), "");
  EXPECT_EQ(errors("watches: [{name: a, port: 80}]"), "");
  EXPECT_EQ(errors("watches: []"), "tidegate.yaml:1:10: watches: is an empty list\n");
  EXPECT_EQ(errors("tallies: []"), "tidegate.yaml:1:10: tallies: is an empty list\n");
  EXPECT_EQ(errors("quotas: [{group: g, bytes: 1}]"),
            "tidegate.yaml:1:1: has neither services nor forwards, so there is nothing to do\n");
  EXPECT_EQ(errors("forwards: []"), "tidegate.yaml:1:11: forwards: is an empty list\n");
  EXPECT_EQ(errors("proxies: {name: a}"), "tidegate.yaml:1:10: proxies: a list of proxies belongs here\n");
}

TEST(Config, takes_data_threads_and_paths) {
  const auto config = parse_config("api: {}\ndata_threads: 256\nstore: /x.db\ndata_file: y.json\n", "f");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->data_threads, 256U);
  EXPECT_EQ(config->store, "/x.db");
  EXPECT_EQ(config->data_file, "y.json");
  for (const std::string_view wrong : {"0", "257", "all"}) {
    EXPECT_EQ(errors(fmt::format("api: {{}}\ndata_threads: {}", wrong)),
              fmt::format("tidegate.yaml:2:15: data_threads: \"{}\" is not a number from 1 to 256\n", wrong));
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
