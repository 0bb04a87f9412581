// Each key of a forward, with values that are right and values that are wrong.
#include "config/forward.h"

#include "config/config.h"

namespace tidegate {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using F = ForwardSettings;

std::string text_of(const std::vector<ConfigError>& found) {
  std::string all;
  for (const ConfigError& error : found) all += error.to_string() + "\n";
  return all;
}

// A forward that is right, with `lines` of further keys in line 5.
std::string file_with(std::string_view lines, std::string_view listen = "listen_port: 10001",
                      std::string_view target = "target_port: 10000") {
  return fmt::format("forwards:\n  - name: f\n    {}\n    {}\n    {}\n", listen, target, lines);
}

F read(const std::string& text) {
  const auto config = parse_config(text, "t.yaml");
  if (config) return config->forwards.at(0);
  ADD_FAILURE() << text_of(config.error()) << text;
  return {};
}

std::string errors(const std::string& text) {
  const auto config = parse_config(text, "t.yaml");
  return config ? "" : text_of(config.error());
}

Cidr cidr(std::string_view text) { return Cidr::parse(text).value(); }

TEST(Forward, has_the_documented_defaults) {
  F expected;
  expected.name = "f";
  expected.listen = {{}, {}, 10001, 10001};
  expected.targets = {{.unix_path = {}, .host = "127.0.0.1", .port = 10000}};
  EXPECT_EQ(read(file_with("")), expected);
  EXPECT_EQ(expected.protocol, ForwardProtocol::tcp);
  EXPECT_EQ(expected.limit_action, LimitAction::cut);
}

TEST(Forward, takes_each_key_as_documented) {
  struct Case {
    std::string_view lines;
    std::function<bool(const F&)> holds;
  };
  const Case cases[] = {
      {"target_host: db.example.net", [](const F& f) { return f.targets[0].host == "db.example.net"; }},
      {"target_host: \"::1\"", [](const F& f) { return f.targets[0].to_string() == "[::1]:10000"; }},
      {"check: tcp", [](const F& f) { return f.check == HealthCheck{}; }},
      {"check: none", [](const F& f) { return !f.check; }},
      {"check: {tcp: {}}", [](const F& f) { return f.check == HealthCheck{}; }},
      {"check: {tcp: {every: 1s}}", [](const F& f) { return f.check && f.check->every == 1s; }},
      {"protocol: tcp", [](const F& f) { return f.protocol == ForwardProtocol::tcp; }},
      {"protocol: both", [](const F& f) { return f.protocol == ForwardProtocol::both; }},
      {"engine: user", [](const F& f) { return f.engine == ForwardEngine::user; }},
      {"engine: kernel", [](const F& f) { return f.engine == ForwardEngine::kernel; }},
      {"engine: kernel\n    masquerade: always", [](const F& f) { return f.masquerade == Masquerade::always; }},
      {"limit: 1.5TB", [](const F& f) { return f.limit == 1649267441664; }},
      {"limit: 500 mb", [](const F& f) { return f.limit == 524288000; }},
      {"limit: 1234567", [](const F& f) { return f.limit == 1234567; }},
      {"limit: \"\"", [](const F& f) { return f.limit == 0; }},
      {"limit: \"0\"", [](const F& f) { return f.limit == 0; }},
      {"limit: none", [](const F& f) { return f.limit == 0; }},
      {"limit_monthly: 10GB", [](const F& f) { return f.limit_monthly == 10ULL << 30; }},
      {"limit_action: reject", [](const F& f) { return f.limit_action == LimitAction::reject; }},
      {"limit_action: throttle\n    limit_throttle: 1Mbit/s",
       [](const F& f) { return f.limit_action == LimitAction::throttle && f.limit_throttle == 125'000; }},
      {"rate: {all: none, each_client: 10MB/s}",
       [](const F& f) { return f.rate.all == 0 && f.rate.each_client == 10'485'760; }},
      {"connections: {all: none, each_client: 50, new_all: none, new_each_client: 5/10s}",
       [](const F& f) { return f.connections == ConnectionSettings{0, 50, {}, {5, 10s}}; }},
      {"allow: any", [](const F& f) { return f.allow.empty(); }},
      {"allow: [10.0.0.0/8, \"::1\"]", [](const F& f) { return f.allow.size() == 2; }},
      {"deny: 203.0.113.0/24", [](const F& f) { return f.deny == std::vector{cidr("203.0.113.0/24")}; }},
      {"deny: []", [](const F& f) { return f.deny.empty(); }},
      {"deny: [any]", [](const F& f) { return f.deny == std::vector{cidr("0.0.0.0/0"), cidr("::/0")}; }},
      {"timeouts: {idle: none}", [](const F& f) { return !f.timeouts.idle; }},
      {"timeouts: {idle: 5m, udp: 30}", [](const F& f) { return f.timeouts.idle == 5min && f.timeouts.udp == 30s; }},
      {"proxy_protocol: {send: v1}", [](const F& f) { return f.proxy_protocol.send == ProxyHeader::v1; }},
      {"proxy_protocol: {send: none, accept_from: any}",
       [](const F& f) { return f.proxy_protocol.accept_from.size() == 2; }},
      {"transparent: true", [](const F& f) { return f.transparent; }},
      {"udp_sessions: 7", [](const F& f) { return f.udp_sessions == 7; }},
      {"quota: {bytes: 5GB}", [](const F& f) { return f.quota && f.quota->bytes == 5ULL << 30; }},
  };
  for (const Case& c : cases) EXPECT_TRUE(c.holds(read(file_with(c.lines)))) << c.lines;
}

TEST(Forward, listens_and_leads_in_every_documented_way) {
  const auto listen = [](std::string_view line) {
    return read(file_with("", line, "targets: \"192.0.2.1:1\"")).listen.to_string();
  };
  EXPECT_EQ(listen("listen_port: 10001"), "*:10001");
  EXPECT_EQ(listen("listen_port: 10000-19999"), "*:10000-19999");
  EXPECT_EQ(listen("listen: 192.0.2.10:10001"), "192.0.2.10:10001");
  EXPECT_EQ(listen("listen: \"[::]:10001\""), "[::]:10001");
  EXPECT_EQ(listen("listen: unix:/run/x.sock"), "unix:/run/x.sock");
  EXPECT_EQ(listen("listen: \"*:10000-19999\""), "*:10000-19999");
  const auto targets = [](std::string_view line) {
    std::string all;
    for (const Target& target : read(file_with("", "listen_port: 100-199", line)).targets) {
      all += fmt::format("{}*{} ", target.to_string(), target.weight);
    }
    return all;
  };
  EXPECT_EQ(targets("target_port: 20000-20099"), "127.0.0.1:20000-20099*1 ");
  EXPECT_EQ(targets("targets: [{host: a, port: 1, weight: 2}, {host: b, port: 1}]"), "a:1*2 b:1*1 ");
  EXPECT_EQ(targets("targets: [{port: 1}, \"h:100-199\", {host: \"::1\", port: 300-399}]"),
            "127.0.0.1:1*1 h:100-199*1 [::1]:300-399*1 ");
  EXPECT_EQ(targets("targets: [unix:/a, {unix: /b, weight: 256}]"), "unix:/a*1 unix:/b*256 ");
  EXPECT_EQ(read(file_with("balance: source", "listen_port: 1", "targets: [\"a:1\", \"b:1\"]")).balance,
            Balance::source);
}

TEST(Forward, refuses_wrong_values_with_their_place_and_what_is_allowed) {
  struct Case {
    std::string_view lines;  // in line 5
    std::string_view error;
  };
  const Case cases[] = {
      {"limt: 1GB", "t.yaml:5:5: forwards[0]: unknown key \"limt\" (did you mean \"limit\"?)"},
      {"limit: 1XB", "t.yaml:5:12: forwards[0].limit: \"1XB\" is not a size (try 64KB, 1.5GB, 1048576)"},
      {"limit_monthly: -1", "t.yaml:5:20: forwards[0].limit_monthly: \"-1\" is not a size"},
      {"limit_action: stop",
       "t.yaml:5:19: forwards[0].limit_action: \"stop\" is not known here (allowed: cut, reject or throttle)"},
      {"limit_action: throttle",
       "t.yaml:5:19: forwards[0].limit_action: \"throttle\" needs a rate (limit_throttle: 1Mbit/s)"},
      {"limit_throttle: 1Mbit/s", "t.yaml:5:21: forwards[0].limit_throttle: goes only with \"limit_action: throttle\""},
      {"listen: \"*:1\"", "t.yaml:5:13: forwards[0].listen: goes only without \"listen_port\""},
      {"targets: [\"a:1\"]", "t.yaml:4:18: forwards[0].target_port: goes only without \"targets\""},
      {"target_host: a b", "t.yaml:5:18: forwards[0].target_host: \"a b\" is not a host"},
      {"balance: source", "t.yaml:5:14: forwards[0].balance: goes only with \"targets\""},
      {"check: http", "t.yaml:5:12: forwards[0].check: \"http\" is not known here (allowed: tcp or none)"},
      {"check: {}", "forwards[0].check: names no check (allowed: tcp)"},
      {"check: {tcp: {every: 1ms}}", "t.yaml:5:26: forwards[0].check.tcp.every: 1ms is too often (at least 100ms)"},
      {"check: {tcp: {timeout: 0}}", "t.yaml:5:28: forwards[0].check.tcp.timeout: must be longer than nothing"},
      {"check: {tcp: {fall: 0}}", "forwards[0].check.tcp.fall: \"0\" is not a number from 1 to 100"},
      {"protocol: sctp", "t.yaml:5:15: forwards[0].protocol: \"sctp\" is not known here (allowed: tcp, udp or both)"},
      {"service: palwrld", "t.yaml:5:14: forwards[0].service: there is no service \"palwrld\""},
      {"engine: warp", "forwards[0].engine: \"warp\" is not known here (allowed: user or kernel)"},
      {"hold: {clients: 1}", "t.yaml:5:11: forwards[0].hold: goes only with \"service\""},
      {"idle_connections: keep", "t.yaml:5:23: forwards[0].idle_connections: goes only with \"service\""},
      {"rate: {all: 20M}",
       "t.yaml:5:17: forwards[0].rate.all: \"20M\" is not a rate (try 20Mbit/s, 500kbit/s, 10MB/s)"},
      {"rate: {all: 0bit/s}", "forwards[0].rate.all: \"0bit/s\" lets nothing through (none: no limit)"},
      {"rate: 20Mbit/s", "forwards[0].rate: a map belongs here, not a single value"},
      {"connections: {all: 0}", "t.yaml:5:24: forwards[0].connections.all: \"0\" is not a number from 1 to 10000000"},
      {"connections: {new_all: 20}", "forwards[0].connections.new_all: \"20\" is not a number in a time (try 20/s"},
      {"connections: {new_all: 0/s}", "forwards[0].connections.new_all: \"0/s\": the number must be from 1"},
      {"allow: []", "t.yaml:5:12: forwards[0].allow: is an empty list"},
      {"allow: [any, 10.0.0.1]", "forwards[0].allow[0]: \"any\" stands alone"},
      {"deny: [10.0.0.1/8]", "t.yaml:5:12: forwards[0].deny[0]: "},
      {"timeouts: {connect: 0}", "t.yaml:5:25: forwards[0].timeouts.connect: must be longer than nothing"},
      {"timeouts: {idle: 0}", "forwards[0].timeouts.idle: must be longer than nothing"},
      {"timeouts: {connect: none}", "forwards[0].timeouts.connect: \"none\" is not a duration"},
      {"timeouts: {keepalive: 10h}", "forwards[0].timeouts.keepalive: 10h is not from 1s to 9h6m7s"},
      {"timeouts: {user: 25d}", "forwards[0].timeouts.user: 25d is not from 1ms to 24d"},
      {"proxy_protocol: {send: v3}",
       "forwards[0].proxy_protocol.send: \"v3\" is not known here (allowed: none, v1 or v2)"},
      {"protocol: udp\n    proxy_protocol: {send: v2}",
       "t.yaml:6:28: forwards[0].proxy_protocol.send: the PROXY protocol goes with tcp only (v2 for UDP is not "
       "supported)"},
      {"protocol: udp\n    proxy_protocol: {accept_from: 10.0.0.1}",
       "t.yaml:6:35: forwards[0].proxy_protocol.accept_from: the PROXY protocol goes with tcp only"},
      {"transparent: yes", "forwards[0].transparent: \"yes\" is not known here (allowed: true or false)"},
      {"udp_sessions: 0", "forwards[0].udp_sessions: \"0\" is not a number from 1 to 10000000"},
      {"quota: {}", "t.yaml:5:12: forwards[0].quota: has no bytes (or group)"},
      {"quota: 5GB", "t.yaml:5:12: forwards[0].quota: a map belongs here, not a single value"},
      {"quota: {group: familly}", "t.yaml:5:20: forwards[0].quota.group: there is no group in quotas \"familly\""},
  };
  for (const Case& c : cases) {
    const std::string found = errors(file_with(c.lines));
    EXPECT_THAT(found, HasSubstr(std::string{c.error})) << c.lines;
    EXPECT_EQ(std::ranges::count(found, '\n'), 1) << c.lines << "\n" << found;
  }
}

TEST(Forward, refuses_wrong_places_to_listen_and_targets) {
  struct Case {
    std::string_view listen;  // in line 3
    std::string_view target;  // in line 4
    std::string_view error;
  };
  const Case cases[] = {
      {"listen_port: 0", "target_port: 1",
       "t.yaml:3:18: forwards[0].listen_port: \"0\" is not a port (try 10001 or 10000-19999; 1 to 65535)"},
      {"listen_port: 80", "target_port: 2-1", "t.yaml:4:18: forwards[0].target_port: \"2-1\" is not a port"},
      {"listen: nowhere", "target_port: 1",
       "t.yaml:3:13: forwards[0].listen: \"nowhere\" is not an address to listen on"},
      {"listen: 224.0.0.1:5", "target_port: 1", "t.yaml:3:13: forwards[0].listen: 224.0.0.1 is no address of a host"},
      {"listen_port: 80", "targets: [a:1, b]", "t.yaml:4:20: forwards[0].targets[1]: \"b\" is not a target (try"},
      {"listen_port: 80", "targets: []", "t.yaml:4:14: forwards[0].targets: is an empty list"},
      {"listen_port: 80", "targets: [{host: a}]", "t.yaml:4:15: forwards[0].targets[0]: has no port (or unix)"},
      {"listen_port: 80", "targets: [{unix: /a, port: 1}]",
       "t.yaml:4:32: forwards[0].targets[0].port: goes only without \"unix\""},
      {"listen_port: 80", "targets: [{port: 1, weight: 257}]",
       "forwards[0].targets[0].weight: \"257\" is not a number from 1 to 256"},
      {"listen_port: 80", "targets: [{port: 1, wieght: 2}]", "unknown key \"wieght\" (did you mean \"weight\"?)"},
      {"listen_port: 100-199", "target_port: 300-398",
       "t.yaml:4:18: forwards[0].target_port: 127.0.0.1:300-398 has 99 ports, and 100 are listened on (as many, or a "
       "single one)"},
      {"listen_port: 100-199", "targets: [\"a:1\", \"b:1-9\"]",
       "t.yaml:4:22: forwards[0].targets[1]: b:1-9 has 9 ports"},
      {"listen_port: 80", "target_port: 80",
       "t.yaml:4:18: forwards[0].target_port: 127.0.0.1:80 is where this forward listens itself (*:80)"},
      {"listen_port: 80-90", "target_port: 85", "is where this forward listens itself (*:80-90)"},
      {"listen_port: 80-89", "target_port: 85-94", "is where this forward listens itself (*:80-89)"},
      {"listen: 192.0.2.1:80", "targets: [\"192.0.2.1:80\"]",
       "t.yaml:4:15: forwards[0].targets[0]: 192.0.2.1:80 is where"},
      {"listen: \"[::1]:80\"", "targets: \"localhost:80\"", "t.yaml:4:14: forwards[0].targets: localhost:80 is where"},
      {"listen: unix:/a", "targets: [unix:/a]", "forwards[0].targets[0]: unix:/a is where this forward listens itself"},
  };
  for (const Case& c : cases) {
    const std::string found = errors(file_with("", c.listen, c.target));
    EXPECT_THAT(found, HasSubstr(std::string{c.error})) << c.listen << ' ' << c.target;
    EXPECT_EQ(std::ranges::count(found, '\n'), 1) << found;
  }
  EXPECT_EQ(errors(file_with("", "listen: 192.0.2.1:80", "target_port: 80")), "");
  EXPECT_EQ(errors(file_with("", "listen: \"[::1]:80\"", "targets: \"127.0.0.1:80\"")), "");
  EXPECT_EQ(errors(file_with("", "listen_port: 80", "targets: \"192.0.2.7:80\"")), "");
}

TEST(Forward, refuses_what_the_kernel_cannot_carry) {
  struct Case {
    std::string_view lines;
    std::string_view error;
  };
  const Case cases[] = {
      {"proxy_protocol: {send: v2}", "t.yaml:6:21: forwards[0].proxy_protocol: goes only with \"engine: user\""},
      {"timeouts: {udp: 60s}", "t.yaml:6:15: forwards[0].timeouts: goes only with \"engine: user\""},
      {"rate: {all: 1MB/s, each_client: 1MB/s}", "forwards[0].rate.each_client: goes only with \"engine: user\""},
      {"rate: {each_connection: none}", "forwards[0].rate.each_connection: goes only with \"engine: user\""},
      {"transparent: false", "forwards[0].transparent: goes only with \"engine: user\" (the kernel keeps the client's"},
      {"udp_sessions: 9", "forwards[0].udp_sessions: goes only with \"engine: user\""},
      {"udp_sessions_each_client: 9", "forwards[0].udp_sessions_each_client: goes only with \"engine: user\""},
      {"masquerade: perhaps", "forwards[0].masquerade: \"perhaps\" is not known here (allowed: auto, always or never)"},
  };
  for (const Case& c : cases) {
    const std::string found = errors(file_with(fmt::format("engine: kernel\n    {}", c.lines)));
    EXPECT_THAT(found, HasSubstr(std::string{c.error})) << c.lines;
    EXPECT_EQ(std::ranges::count(found, '\n'), 1) << c.lines << "\n" << found;
  }
  EXPECT_EQ(errors(file_with("masquerade: always")),
            "t.yaml:5:17: forwards[0].masquerade: goes only with \"engine: kernel\"\n");
  EXPECT_THAT(errors(file_with("engine: kernel", "listen: unix:/a")),
              HasSubstr("forwards[0].listen: a UNIX socket goes"));
  EXPECT_THAT(errors(file_with("engine: kernel", "listen_port: 1", "targets: [unix:/a]")),
              HasSubstr("forwards[0].targets[0]: a UNIX socket goes only with \"engine: user\""));
  EXPECT_THAT(errors(file_with("engine: kernel\n    balance: least_connections", "listen_port: 1",
                               "targets: [\"a:1\", \"b:1\"]")),
              HasSubstr("forwards[0].balance: \"least_connections\" goes only with \"engine: user\""));
  EXPECT_THAT(errors(file_with("engine: kernel", "listen: 192.0.2.1:80", "targets: \"[2001:db8::1]:80\"")),
              HasSubstr("forwards[0].targets: 2001:db8::1 is of another IP version than 192.0.2.1"));
}

TEST(Forward, lets_one_engine_have_a_group) {
  EXPECT_THAT(
      errors(R"(quotas: [{group: g, bytes: 1GB}]
forwards:
  - {name: a, listen_port: 80, target_port: 1, quota: {group: g}}
  - {name: b, listen_port: 90, target_port: 1, quota: {group: g}, engine: kernel}
)"),
      HasSubstr("t.yaml:4:63: forwards[1].quota.group: \"b\" is of engine kernel, and \"a\" of the same group of "
                "engine user (one for all of a group)"));
}

TEST(Forward, of_the_kernel_has_its_ports_watched_for_its_service) {
  const auto config = parse_config(R"(services: [{name: pal, start: up, ports: tcp/5}]
forwards: [{name: f, listen_port: 80-89, target_port: 1, service: pal, engine: kernel, protocol: both}]
)",
                                   "t");
  ASSERT_TRUE(config) << text_of(config.error());
  EXPECT_EQ(config->services[0].ports,
            (std::vector<PortRange>{{Protocol::tcp, 5, 5}, {Protocol::tcp, 80, 89}, {Protocol::udp, 80, 89}}));
  EXPECT_EQ(config->services[0].ready, (Ready{ReadyTcp{"127.0.0.1", 5}}));
  EXPECT_THAT(errors("services: [{name: pal, start: up, hold: forward}]\n"
                     "forwards: [{name: f, listen_port: 80, target_port: 1, service: pal, engine: kernel}]\n"),
              HasSubstr("services[0].hold: only forwards of engine kernel name this service, and they hold nobody"));
}

TEST(Forward, keeps_udp_and_transparency_off_unix_sockets) {
  EXPECT_EQ(errors(file_with("protocol: udp", "listen: unix:/a")),
            "t.yaml:3:13: forwards[0].listen: a UNIX socket carries only tcp, and protocol is udp\n");
  EXPECT_EQ(errors(file_with("protocol: both", "listen_port: 1", "targets: [unix:/a]")),
            "t.yaml:4:15: forwards[0].targets[0]: a UNIX socket carries only tcp, and protocol is both\n");
  EXPECT_EQ(errors(file_with("transparent: true", "listen_port: 1", "targets: [\"a:1\", unix:/a]")),
            "t.yaml:5:18: forwards[0].transparent: a UNIX socket has no addresses to keep\n");
}

TEST(Forward, tells_all_that_is_missing_at_once) {
  EXPECT_EQ(errors("forwards: [{}]"),
            "t.yaml:1:12: forwards[0]: has no name, listen_port (or listen) and target_port (or targets)\n");
  EXPECT_EQ(errors("proxies:\n  - name: a\n    listen_port: 1\n"),
            "t.yaml:2:5: proxies[0]: has no target_port (or targets)\n");
  EXPECT_EQ(errors("forwards: [a]"), "t.yaml:1:12: forwards[0]: a map belongs here, not a single value\n");
}

TEST(Forward, stands_where_the_file_has_it_under_either_name) {
  EXPECT_EQ(errors(R"(forwards:
  - {name: a, listen_port: 80, target_port: 1}
proxies:
  - {name: b, listen_port: 90, target_port: 1, quota: {bytes: 1KB, action: throttle}}
  - {name: a, listen_port: 80, target_port: 65}
)"),
            "t.yaml:4:76: proxies[0].quota.action: \"throttle\" needs a rate (to: 1Mbit/s)\n"
            "t.yaml:5:12: proxies[1].name: \"a\" is the name of another forward already\n"
            "t.yaml:5:28: proxies[1].listen_port: *:80 is where \"a\" listens already (*:80)\n");
}

constexpr std::string_view kService = "services: [{name: pal, start: up}]\n";

TEST(Forward, wakes_a_service_that_has_nothing_else) {
  const auto config = parse_config(
      fmt::format("{}forwards: [{{name: f, listen_port: 1, targets: \"192.0.2.9:8211\", service: pal}}]", kService),
      "t");
  ASSERT_TRUE(config) << text_of(config.error());
  EXPECT_EQ(config->forwards[0].service, "pal");
  EXPECT_EQ(config->services[0].ready, (Ready{ReadyTcp{"192.0.2.9", 8211}}));
}

TEST(Forward, gives_its_service_a_probe_only_where_there_is_tcp_to_ask) {
  const auto ready = [](std::string_view service, std::string_view rest) {
    const auto config =
        parse_config(fmt::format("services: [{{name: pal, start: up{}}}]\nforwards: [{{name: f, service: "
                                 "pal, {}}}]",
                                 service, rest),
                     "t");
    if (!config) ADD_FAILURE() << text_of(config.error());
    return config ? config->services[0].ready : Ready{ReadyDelay{}};
  };
  EXPECT_EQ(ready("", "listen_port: 1, target_port: 2, protocol: udp"), Ready{ReadyNow{}});
  EXPECT_EQ(ready("", "listen_port: 1, targets: \"unix:/a\""), Ready{ReadyNow{}});
  EXPECT_EQ(ready("", "listen_port: 1-9, target_port: 101-109"), (Ready{ReadyTcp{"127.0.0.1", 101}}));
  EXPECT_EQ(ready(", ready: none", "listen_port: 1, target_port: 2"), Ready{ReadyNow{}});
  EXPECT_EQ(ready(", ready: {tcp: 7}", "listen_port: 1, target_port: 2"), (Ready{ReadyTcp{"127.0.0.1", 7}}));
  EXPECT_EQ(ready(", ports: udp/9", "listen_port: 1, target_port: 2"), Ready{ReadyNow{}});
  EXPECT_EQ(ready(", ports: tcp/9", "listen_port: 1, target_port: 2"), (Ready{ReadyTcp{"127.0.0.1", 9}}));
}

TEST(Forward, holds_for_a_service_that_says_so) {
  const std::string rest =
      "forwards: [{name: f, listen_port: 1, target_port: 2, service: pal, hold: {for: 5s, then: 503, "
      "udp_bytes: 0}, idle_connections: traffic}]";
  const auto config = parse_config("services: [{name: pal, start: up, hold: forward}]\n" + rest, "t");
  ASSERT_TRUE(config) << text_of(config.error());
  EXPECT_EQ(config->services[0].hold, ServiceSettings::Hold::forward);
  EXPECT_EQ(config->forwards[0].hold, (HoldSettings{1000, 5s, HoldAnswer::http_503, 0, 64}));
  EXPECT_EQ(config->forwards[0].idle_connections, IdleConnections::traffic);
  const auto wrong = [](std::string_view hold) {
    return errors(
        fmt::format("{}forwards: [{{name: f, listen_port: 1, target_port: 2, protocol: udp, service: pal, hold: {}}}]",
                    kService, hold));
  };
  EXPECT_THAT(wrong("{then: page}"),
              HasSubstr("t.yaml:2:96: forwards[0].hold.then: an answer by HTTP goes only to tcp"));
  EXPECT_THAT(wrong("{for: 0}"), HasSubstr("forwards[0].hold.for: must be longer than nothing"));
  EXPECT_THAT(wrong("{then: wait}"), HasSubstr("\"wait\" is not known here (allowed: close, reset, 503 or page)"));
  EXPECT_THAT(wrong("{clients: 100001}"), HasSubstr("\"100001\" is not a number from 0 to 100000"));
  EXPECT_THAT(wrong("{udp_bytes: 17MB}"), HasSubstr("\"17MB\" is more than a client may leave here (at most 16MB)"));
}

// The file of traffic-monitor's document.
TEST(Forward, reads_the_file_of_traffic_monitor_unchanged) {
  const auto config = parse_config(R"(api:
  port: 8080
  token: "your-secret-token"

data_file: "./data/traffic_data.json"

proxies:
  - name: "service1"
    listen_port: 10001
    target_host: "127.0.0.1"
    target_port: 10000
    protocol: "tcp"
    limit: "100GB"

  - name: "dns-proxy"
    listen_port: 5353
    target_host: "8.8.8.8"
    target_port: 53
    protocol: "udp"
    limit: "10GB"

  - name: "game-server"
    listen_port: 27015
    target_host: "192.168.1.100"
    target_port: 27015
    protocol: "both"
    limit: ""  # unlimited
)",
                                   "config.yaml");
  ASSERT_TRUE(config) << text_of(config.error());
  EXPECT_EQ(config->api.listen, std::vector{ListenAddress::parse("127.0.0.1:8080").value()});
  EXPECT_EQ(config->api.token, "your-secret-token");
  EXPECT_EQ(config->data_file, "./data/traffic_data.json");
  ASSERT_THAT(config->forwards, SizeIs(3));
  EXPECT_EQ(config->forwards[0].limit, 100ULL << 30);
  EXPECT_EQ(config->forwards[1].protocol, ForwardProtocol::udp);
  EXPECT_EQ(config->forwards[1].targets[0].to_string(), "8.8.8.8:53");
  EXPECT_EQ(config->forwards[2].protocol, ForwardProtocol::both);
  EXPECT_EQ(config->forwards[2].limit, 0U);
}

TEST(ParseForward, takes_json_with_the_keys_of_the_file) {
  const auto good = parse_forward(
      R"({"name": "f", "listen_port": 10001, "targets": ["a:1", {"host": "b", "port": 2}], "limit": "1GB",
          "transparent": true, "quota": {"group": "later"}, "service": "later"})");
  ASSERT_TRUE(good) << text_of(good.error());
  EXPECT_EQ(good->targets, (std::vector{Target::parse("a:1").value(), Target::parse("b:2").value()}));
  EXPECT_EQ(good->limit, 1ULL << 30);
  EXPECT_TRUE(good->transparent);
  EXPECT_EQ(good->service, "later");
}

TEST(ParseForward, tells_what_is_wrong_with_its_place_and_no_file) {
  const auto wrong = [](std::string_view text) {
    const auto forward = parse_forward(text);
    return forward ? "" : text_of(forward.error());
  };
  EXPECT_EQ(wrong(R"({"name": "f", "listen_port": 80, "target_port": 80, "limit": "x"})"),
            "1:49: target_port: 127.0.0.1:80 is where this forward listens itself (*:80)\n"
            "1:62: limit: \"x\" is not a size (try 64KB, 1.5GB, 1048576)\n");
  EXPECT_EQ(wrong(R"({"name": "f"})"), "1:1: has no listen_port (or listen) and target_port (or targets)\n");
  EXPECT_EQ(wrong(R"({"name": "f", "listen": "*:1", "targets": ["a:1", "b:1-2"]})"),
            "1:51: targets[1]: b:1-2 has 2 ports, and 1 are listened on (as many, or a single one)\n");
  EXPECT_EQ(wrong(""), "is empty (a forward belongs here)\n");
  EXPECT_EQ(wrong("[]"), "1:1: a map belongs here, not a list\n");
  EXPECT_EQ(wrong("null"), "1:1: has no value\n");
  EXPECT_THAT(wrong("{\"a\": "), HasSubstr("1:"));
}

}  // namespace
}  // namespace tidegate
