// config_seeds DIRECTORY: writes small configurations as inputs of config_fuzz.cc, right and wrong ones, which between
// them say most of what can be said.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

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

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: config_seeds DIRECTORY\n", stderr);
    return 2;
  }
  int number = 0;
  for (const std::string_view seed : kSeeds) {
    std::ofstream stream{std::filesystem::path{argv[1]} / std::to_string(number++), std::ios::binary};
    stream.exceptions(std::ios::badbit | std::ios::failbit);
    stream << seed << std::flush;
  }
  return 0;
}
