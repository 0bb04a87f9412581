// config_seeds DIRECTORY: writes small configurations as inputs of config_fuzz.cc, right and wrong ones, which between
// them say most of what can be said.
#include <cstddef>
#include <string>
#include <string_view>

#include "tests/fuzz/seeds.h"

namespace {

constexpr std::string_view kSeeds[] = {
    R"(services: [{name: a, ports: 80, start: up}])",
    R"(log: {level: debug, format: json}
control: /run/t.sock
services:
  - name: a
    ports: [udp/8211, tcp/27000-27015]
    address: [192.0.2.10, "2001:db8::10"]
    interface: eth0
    hold: none
    start: up
    stop: [down, now]
    start_timeout: 90s
    idle: 1h30m
    min_up: 2m
    max_up: none
    veto: no-players
    found: adopt
    on_exit: stop
    capture_wakes: /tmp/w.pcap
)",
    R"(services:
- name: b
  process: /srv/run --fast
  grace: 3s
  sensors:
  - pcap: {interface: tun0, filter: "! host 1.2.3.4"}
  ready: {udp: {port: 8211, host: h, send: '\xffping\n'}}
  schedule: {awake: ["Mon-Fri 18:00-23:00", daily 22:00-02:00]}
)",
    R"(services:
- name: c
  script: /t.sh
  ports: tcp/80
  wake:
    {from: [10.0.0.0/8], not_from: 10.0.0.53, ports: tcp/80, direction: both, flags: "syn,!ack", min_bytes: 8,
     packets: 3/10s, also: [icmp, rst]}
  keep: {from: any, ack_only: true, min_bytes: 1KB}
  retry: {first: 1s, most: 2m}
)",
    R"(services:
- {name: a, ports: 1, start: up, ready: {http: {url: "http://[::1]:8080/x?y", status: 200}}}
- {name: b, ports: 2, start: up, ready: {command: [a, b]}}
- {name: c, ports: 3, start: up, ready: {delay: 5s}}
- {name: d, ports: 4, start: up, ready: {tcp: "h:1"}}
- {name: e, ports: 5, start: up, ready: none}
)",
    R"(services:
- &s {name: a, ports: &p [1, 2], start: &c up}
- {name: b, ports: *p, start: *c}
- *s
)",
    R"(store: /x.db
data_threads: 2
data_file: ./data/traffic_data.json
api: {listen: ["127.0.0.1:8080", "unix:/a"], token: t, insecure: true}
forwards:
- name: f
  listen: 192.0.2.10:10000-10009
  targets: [{host: a, port: 20000-20009, weight: 2}, "[::1]:1", {port: 7}]
  balance: least_connections
  check: {tcp: {every: 10s, timeout: 1s, fall: 5, rise: 4}}
  protocol: both
  limit: 100GB
  limit_monthly: 10GB
  limit_action: throttle
  limit_throttle: 1Mbit/s
  quota: {bytes: 5GB, every: week, from: Wed, zone: Europe/Berlin, count: larger, action: throttle, to: 10MB/s,
    warn: [95%, 80%], group: g}
  rate: {all: 200Mbit/s, each_client: none, each_connection: 8kbit/s}
  connections: {all: 10000, each_client: 50, new_all: 300/m, new_each_client: 20/s}
  allow: any
  deny: [10.0.0.53]
  timeouts: {connect: 1s, idle: none, half_close: 2m, udp: 30s, keepalive: 10s, user: 20s}
  proxy_protocol: {send: v2, accept_from: any}
  transparent: true
  udp_sessions: 1000
  udp_sessions_each_client: 10
quotas: [{group: g, bytes: 200GB, every: month, day: 15}, {group: h, bytes: 1, until: 2026-12-31}]
)",
    R"(tallies: [{name: k, interface: eth0, ports: [tcp/22, 80], privacy: hash, syn_packets: true, sources: 1000}]
watches:
- name: shop
  ports: [80, 8080]
  address: "2001:db8::1"
  windows: [10s, 10m]
  alerts:
  - {name: a, when: requests >= 20/s, over: 2m, clear: requests < 15/s, min_raised: 10s, min_clear: 1m,
     do: [{command: page}, {webhook: "https://[::1]:8443/h?x"}, {start: s}, {throttle: {forward: f, to: 1Mbit/s}}]}
  - {name: b, when: errors > 0.1%, clear: errors <= 0%}
  - {name: c, when: latency p99.9 >= 300ms, do: {command: page}}
  - {name: d, when: requests <= 2400 in total}
- {name: wiki, interface: any, port: 80}
privacy: {mode: prefix, key_file: /k}
services: [{name: s, ports: 80, start: up}]
forwards: [{name: f, listen_port: 81, target_port: 80}]
)",
    R"(watches: [{ports: [0, 80, 80], windows: [], alerts: [{when: requests = 5, over: 2h, do: [{}, {start: x}]}, ~]}]
tallies: [{name: "", ports: udp/53, sources: 0}]
privacy: {mode: hash}
)",
    R"(api: {port: 8080, token: ""}
services: [{name: s, start: up, hold: forward}]
proxies:
- {name: a, listen_port: 10001, target_port: 10000, service: s, hold: {then: 503, for: 5s}, idle_connections: traffic}
- {name: b, listen_port: 5353, target_host: 8.8.8.8, target_port: 53, protocol: udp, limit: ""}
forwards: [{name: c, listen: "unix:/run/x", targets: "unix:/run/y", engine: user, check: tcp}]
)",
    R"({"name": "f", "listen_port": "10000-19999", "target_port": "20000-29999", "quota": {"group": "g"}})",
    R"(forwards: [{name: a, listen_port: 1, target_port: 1}, {name: a, listen: "*:1", targets: [x]}, {}]
quotas: [{bytes: 1}, {group: g}]
)",
    R"(services: &s [{name: a, name: b, <<: *s, prots: !ack 80}]
---
second: ~
)",
    R"(%YAML 1.2
---
services:
  - name: >-
      a
    ports: |
      80
    start: 'it''s'
    ? [x]
    : "\u263a\e"
...
)",
};

}  // namespace

int main(int argc, char** argv) { return tidegate::test::write_seeds({argv, static_cast<std::size_t>(argc)}, kSeeds); }
