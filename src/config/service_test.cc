// Each key of a service, with values that are right and values that are wrong.
#include "config/service.h"

namespace tidegate {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// A service that is right, with `lines` of further keys.
std::string file_with(std::string_view lines, std::string_view ports = "ports: tcp/80",
                      std::string_view start = "start: up") {
  return fmt::format("services:\n  - name: s\n    {}\n    {}\n    {}\n", ports, start, lines);
}

ServiceSettings read(const std::string& text) {
  const auto config = parse_config(text, "t.yaml");
  if (!config) {
    for (const ConfigError& error : config.error()) ADD_FAILURE() << error.to_string() << "\n" << text;
    return {};
  }
  return config->services.at(0);
}

std::string errors(const std::string& text) {
  const auto config = parse_config(text, "t.yaml");
  std::string all;
  if (!config) {
    for (const ConfigError& error : config.error()) all += error.to_string() + "\n";
  }
  return all;
}

std::uint8_t bits(Noise a, Noise b) {
  return static_cast<std::uint8_t>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}

TEST(Service, has_the_documented_defaults) {
  const ServiceSettings s = read(file_with(""));
  ServiceSettings expected;
  expected.name = "s";
  expected.ports = {{Protocol::tcp, 80, 80}};
  expected.wake.flags = {tcp_flag::kSyn, tcp_flag::kAck};
  expected.action = CommandAction{.start = Command::shell("up"), .stop = {}};
  expected.ready = ReadyTcp{"127.0.0.1", 80};
  EXPECT_EQ(s, expected);
  EXPECT_EQ(s.gate.idle, 15min);
  EXPECT_EQ(s.wake.direction, Direction::in);
  EXPECT_EQ(s.keep.flags, TcpFlags{});
}

TEST(Service, takes_each_key_as_documented) {
  struct Case {
    std::string_view lines;
    std::function<bool(const ServiceSettings&)> holds;
  };
  using S = ServiceSettings;
  const Case cases[] = {
      {"device: {name: tun0}", [](const S& s) { return s.device == DeviceSettings{"tun0", DeviceMode::tun}; }},
      {"device: {name: tap0, mode: tap}",
       [](const S& s) { return s.device == DeviceSettings{"tap0", DeviceMode::tap}; }},
      {"address: 192.0.2.10", [](const S& s) { return s.addresses.size() == 1 && s.addresses[0].is_v4(); }},
      {"address: [192.0.2.10, \"2001:db8::1\"]",
       [](const S& s) { return s.addresses.size() == 2 && s.addresses[1].is_v6(); }},
      {"interface: eth0", [](const S& s) { return s.interface == "eth0"; }},
      {"hold: none", [](const S& s) { return s.name == "s"; }},
      {"stop: down", [](const S& s) { return std::get<CommandAction>(s.action).stop == Command::shell("down"); }},
      {"stop: [down, \"\", -f]",
       [](const S& s) { return std::get<CommandAction>(s.action).stop == Command{{"down", "", "-f"}}; }},
      {"start_timeout: 90", [](const S& s) { return s.gate.start_timeout == 90s; }},
      {"idle: 1h30m", [](const S& s) { return s.gate.idle == 90min; }},
      {"min_up: 2m", [](const S& s) { return s.gate.min_up == 2min; }},
      {"min_up: none", [](const S& s) { return s.gate.min_up == 0s; }},
      {"max_up: 8h", [](const S& s) { return s.gate.max_up == 8h; }},
      {"max_up: none", [](const S& s) { return !s.gate.max_up; }},
      {"veto: /bin/no", [](const S& s) { return s.gate.veto && s.veto == Command::shell("/bin/no"); }},
      {"veto: [/bin/no, now]", [](const S& s) { return s.gate.veto && s.veto == Command{{"/bin/no", "now"}}; }},
      {"schedule: {awake: [\"Mon 1:00-2:00\", \"daily 3:00-4:00\"]}",
       [](const S& s) { return s.gate.awake.size() == 2; }},
      {"schedule: {awake: Mon 1:00-2:00}",
       [](const S& s) { return s.gate.awake == std::vector{ScheduleWindow{1, 1h, 2h}}; }},
      {"schedule: {awake: []}", [](const S& s) { return s.gate.awake.empty(); }},
      {"retry: {first: 1s, most: 1m}",
       [](const S& s) { return s.gate.retry_first == 1s && s.gate.retry_most == 1min; }},
      {"found: stop", [](const S& s) { return s.gate.found == GateSettings::Found::stop; }},
      {"found: ignore", [](const S& s) { return s.gate.found == GateSettings::Found::ignore; }},
      {"on_exit: stop", [](const S& s) { return s.on_exit == S::OnExit::stop; }},
      {"capture_wakes: /tmp/w.pcap", [](const S& s) { return s.capture_wakes == "/tmp/w.pcap"; }},
      {"wake: {from: [any]}", [](const S& s) { return s.wake.from.empty(); }},
      {"wake: {from: any}", [](const S& s) { return s.wake.from.empty(); }},
      {"wake: {from: [10.0.0.0/8, \"::1\"]}", [](const S& s) { return s.wake.from.size() == 2; }},
      {"wake: {not_from: 192.0.2.53}",
       [](const S& s) { return s.wake.not_from == std::vector{Cidr::parse("192.0.2.53").value()}; }},
      {"wake: {not_from: []}", [](const S& s) { return s.wake.not_from.empty(); }},
      {"wake: {ports: tcp/80}", [](const S& s) { return s.wake.ports == s.ports; }},
      {"wake: {direction: out}", [](const S& s) { return s.wake.direction == Direction::out; }},
      {"wake: {direction: both}", [](const S& s) { return !s.wake.direction; }},
      {"wake: {flags: any}", [](const S& s) { return s.wake.flags == TcpFlags{}; }},
      {"wake: {flags: psh}", [](const S& s) { return s.wake.flags == TcpFlags{tcp_flag::kPsh, 0}; }},
      {"wake: {flags: [syn, \"!ack\"]}",
       [](const S& s) { return s.wake.flags == TcpFlags{tcp_flag::kSyn, tcp_flag::kAck}; }},
      {"wake: {min_bytes: 1KB}", [](const S& s) { return s.wake.min_bytes == 1024; }},
      {"wake: {packets: 3/10s}", [](const S& s) { return s.wake.packets == PacketRate{3, 10s}; }},
      {"wake: {also: [icmp, arp]}", [](const S& s) { return s.wake.also == bits(Noise::icmp, Noise::arp); }},
      {"wake: {min_bytes: 9}", [](const S& s) { return s.wake.flags.set == tcp_flag::kSyn && s.keep.min_bytes == 0; }},
      {"keep: {ack_only: true}", [](const S& s) { return s.keep.ack_only && !s.wake.ack_only; }},
      {"keep: {also: rst, flags: ack, direction: both, min_bytes: 1, from: 10.0.0.1, not_from: 10.0.0.2, ports: "
       "tcp/80}",
       [](const S& s) {
         return s.keep.also == static_cast<std::uint8_t>(Noise::rst) && s.keep.flags.set == tcp_flag::kAck &&
                !s.keep.direction && s.keep.min_bytes == 1 && s.keep.from.size() == 1 && s.keep.not_from.size() == 1 &&
                s.keep.ports.size() == 1;
       }},
      {"ready: none", [](const S& s) { return s.ready == Ready{ReadyNow{}}; }},
      {"ready: {tcp: 8212}", [](const S& s) { return s.ready == Ready{ReadyTcp{"127.0.0.1", 8212}}; }},
      {"ready: {tcp: \"h:1\"}", [](const S& s) { return s.ready == Ready{ReadyTcp{"h", 1}}; }},
      {"ready: {udp: 8211}", [](const S& s) { return s.ready == Ready{ReadyUdp{"127.0.0.1", 8211, ""}}; }},
      {"ready: {udp: {port: 1, host: h, send: '\\xff\\xFEping'}}",
       [](const S& s) { return s.ready == Ready{ReadyUdp{"h", 1, "\xff\xfeping"}}; }},
      {"ready: {http: \"http://h/x\"}",
       [](const S& s) { return s.ready == Ready{ReadyHttp{"h", 80, "/x", "http://h/x", {}}}; }},
      {"ready: {http: {status: 204, url: \"http://h/x\"}}",
       [](const S& s) { return s.ready == Ready{ReadyHttp{"h", 80, "/x", "http://h/x", 204}}; }},
      {"ready: {command: [a, b]}", [](const S& s) { return s.ready == Ready{ReadyCommand{{{"a", "b"}}}}; }},
      {"ready: {delay: 5s}", [](const S& s) { return s.ready == Ready{ReadyDelay{5s}}; }},
  };
  for (const Case& c : cases) EXPECT_TRUE(c.holds(read(file_with(c.lines)))) << c.lines;
}

TEST(Service, refuses_wrong_values_with_their_place_and_what_is_allowed) {
  struct Case {
    std::string_view lines;  // in line 5
    std::string_view error;
  };
  const Case cases[] = {
      {"idle: 15 mins", "t.yaml:5:11: services[0].idle: \"15 mins\" is not a duration (try 15m, 90s, 1h30m)"},
      {"idle: 0", "services[0].idle: must be longer than nothing"},
      {"idle: none", "services[0].idle: \"none\" is not a duration"},
      {"idle:", "t.yaml:5:5: services[0].idle: has no value"},
      {"idle: [1s]", "services[0].idle: a single value belongs here, not a list"},
      {"idle: {a: b}", "services[0].idle: a single value belongs here, not a map"},
      {"idle: \"\"", "services[0].idle: is empty"},
      {"idle: !s 5", "services[0].idle: \"!s\" is read as a YAML tag: put quotes around the text"},
      {"prots: tcp/80", "t.yaml:5:5: services[0]: unknown key \"prots\" (did you mean \"ports\"?)"},
      {"zzz: 1", "services[0]: unknown key \"zzz\" (allowed: name, ports, address, "},
      {"depends: [a]", "services[0]: unknown key \"depends\""},
      {"systemd: a.service", "services[0]: unknown key \"systemd\""},
      {"container: a", "services[0]: unknown key \"container\""},
      {"name: t", "t.yaml:5:5: services[0]: key \"name\" is given twice (first in line 2)"},
      {"[a, b]: c", "t.yaml:5:5: services[0]: a key is a plain word"},
      {"address: here", "services[0].address: \"here\" is not an IP address"},
      {"address: []", "services[0].address: is an empty list"},
      {"address: [192.0.2.1, x]", "t.yaml:5:26: services[0].address[1]: \"x\" is not an IP address"},
      {"address: 0.0.0.0", "services[0].address: 0.0.0.0 is no address of a host"},
      {"interface: eth0/1", "services[0].interface: \"eth0/1\" is not the name of an interface"},
      {"interface: abcdefghijklmnop", "services[0].interface: \"abcdefghijklmnop\" is not the name"},
      {"hold: forward", "t.yaml:5:11: services[0].hold: no forward names this service, so nobody could be held"},
      {"hold: tight", "services[0].hold: \"tight\" is not known here (allowed: none, queue or forward)"},
      {"script: /a",
       "t.yaml:5:13: services[0].script: it starts by \"start\" already (allowed: one of start, script or process)"},
      {"process: /a", "services[0].process: it starts by \"start\" already"},
      {"grace: 5s", "services[0].grace: goes only with \"process\""},
      {"stop: []", "services[0].stop: is an empty list"},
      {"stop: {a: b}", "services[0].stop: a single value belongs here, not a map"},
      {"stop: [\"\"]", "services[0].stop[0]: is empty"},
      {"stop: \"a\\0b\"", "services[0].stop: has a NUL character in it"},
      {"start_timeout: 0s", "services[0].start_timeout: must be longer than nothing"},
      {"min_up: soon", "services[0].min_up: \"soon\" is not a duration"},
      {"max_up: 0", "services[0].max_up: must be longer than nothing"},
      {"veto: []", "services[0].veto: is an empty list"},
      {"schedule: {awake: [Mon]}", "services[0].schedule.awake[0]: \"Mon\" is not a weekly time"},
      {"schedule: {asleep: []}", "services[0].schedule: unknown key \"asleep\""},
      {"schedule: daily", "services[0].schedule: a map belongs here, not a single value"},
      {"retry: {first: 10m}", "services[0].retry: first (10m) is longer than most (5m)"},
      {"retry: {first: 0}", "services[0].retry.first: must be longer than nothing"},
      {"found: adapt", "services[0].found: \"adapt\" is not known here (allowed: adopt, stop or ignore)"},
      {"on_exit: ignore", "services[0].on_exit: \"ignore\" is not known here (allowed: leave or stop)"},
      {"capture_wakes: [a]", "services[0].capture_wakes: a single value belongs here, not a list"},
      {"sensors: {pcap: {}}", "services[0].sensors: a list belongs here"},
      {"sensors: [{nflgo: {group: 1}}]", "services[0].sensors[0]: unknown key \"nflgo\" (did you mean \"nflog\"?)"},
      {"sensors: [{nflog: {}}]", "services[0].sensors[0].nflog: has no group"},
      {"sensors: [{nflog: 1}]", "services[0].sensors[0].nflog: a map belongs here"},
      {"sensors: [{nflog: {group: 65536}}]",
       "services[0].sensors[0].nflog.group: \"65536\" is not a number from 0 to 65535"},
      {"sensors: [{nflog: {group: 1}}, {pcap: {}}, {nflog: {group: 1}}]",
       "t.yaml:5:64: services[0].sensors[2].nflog.group: 1 is the group of sensors[0] already"},
      {"sensors: [{nflog: {group: 1}}, {pcap: {interface: a b}}]",
       "t.yaml:5:55: services[0].sensors[1].pcap.interface: \"a b\" is not the name"},
      {"sensors: [{pcap: {}, nflog: {group: 1}}]", "services[0].sensors[0]: names more than one sensor"},
      {"sensors: [{}]", "services[0].sensors[0]: names no sensor (allowed: pcap or nflog)"},
      {"device: tun0", "t.yaml:5:13: services[0].device: a map belongs here"},
      {"device: {mode: tap}", "services[0].device: has no name"},
      {"device: {name: tun0, mode: bridge}",
       "services[0].device.mode: \"bridge\" is not known here (allowed: tun or tap)"},
      {"device: {name: a-long-device-name}",
       "services[0].device.name: \"a-long-device-name\" is not the name of a tun"},
      {"device: {name: tun%d}", "services[0].device.name: \"tun%d\" is not the name of a tun"},
      {"sensors: [{pcap: {group: 1}}]", "services[0].sensors[0].pcap: unknown key \"group\""},
      {"sensors: [{pcap: {interface: a b}}]",
       "t.yaml:5:34: services[0].sensors[0].pcap.interface: \"a b\" is not the name"},
      {"wake: {from: []}", "services[0].wake.from: is an empty list"},
      {"wake: {from: [any, 10.0.0.0/8]}", "services[0].wake.from[0]: \"any\" stands alone"},
      {"wake: {from: 10.0.0.1/8}", "services[0].wake.from: \"10.0.0.1/8\" has bits set behind its prefix"},
      {"wake: {not_from: any}", "services[0].wake.not_from: \"any\" is not a network"},
      {"wake: {ports: udp/80}", "t.yaml:5:19: services[0].wake.ports: udp/80 is not among the service's ports"},
      {"keep: {ports: [tcp/80, tcp/81]}",
       "t.yaml:5:28: services[0].keep.ports[1]: tcp/81 is not among the service's ports"},
      {"wake: {direction: up}", "services[0].wake.direction: \"up\" is not known here (allowed: in, out or both)"},
      {"wake: {flags: !ack}", "services[0].wake.flags: \"!ack\" is read as a YAML tag"},
      {"wake: {flags: xmas}", "services[0].wake.flags: \"xmas\" is no list of TCP flags"},
      {"wake: {min_bytes: 64KB}",
       "services[0].wake.min_bytes: \"64KB\" is more than a packet can carry (at most 65535)"},
      {"wake: {packets: many}", "services[0].wake.packets: \"many\" is not a number of packets in a time (try 3/10s)"},
      {"wake: {also: ping}", "services[0].wake.also: \"ping\" is no kind of noise"},
      {"wake: {ack_only: true}", "services[0].wake: unknown key \"ack_only\""},
      {"keep: {packets: 3/10s}", "services[0].keep: unknown key \"packets\""},
      {"keep: {ack_only: yes}", "services[0].keep.ack_only: \"yes\" is not known here (allowed: true or false)"},
      {"keep: {ack_only: true, flags: \"!ack\"}", "services[0].keep.ack_only: nothing can match: flags want ack clear"},
      {"ready: now",
       "services[0].ready: \"now\" is no probe (allowed: none, or a map with one of tcp, udp, http, command or delay)"},
      {"ready: {}", "services[0].ready: names no probe"},
      {"ready: {tcp: 1, udp: 2}", "services[0].ready: more than one probe"},
      {"ready: {tpc: 1}", "services[0].ready: unknown key \"tpc\" (did you mean \"tcp\"?)"},
      {"ready: {tcp: 0}", "services[0].ready.tcp: \"0\" is not a port to ask"},
      {"ready: {udp: {send: a}}", "services[0].ready.udp: has no port"},
      {"ready: {udp: {port: 70000}}", "services[0].ready.udp.port: \"70000\" is not a number from 1 to 65535"},
      {"ready: {udp: {port: 1, send: '\\q'}}", "services[0].ready.udp.send: \"\\q\" has an escape that is not known"},
      {"ready: {udp: {port: 1, host: a b}}", "services[0].ready.udp.host: \"a b\" is not a host"},
      {"ready: {http: h}", "services[0].ready.http: \"h\" is not a URL"},
      {"ready: {http: {status: 200}}", "services[0].ready.http: has no url"},
      {"ready: {http: {url: \"http://h\", status: 42}}",
       "services[0].ready.http.status: \"42\" is not a number from 100 to 599"},
      {"ready: {command: []}", "services[0].ready.command: is an empty list"},
      {"ready: {delay: soon}", "services[0].ready.delay: \"soon\" is not a duration"},
      {"<<: {idle: 5s}", "services[0]: merge keys (<<) are not read"},
  };
  for (const Case& c : cases) {
    const std::string found = errors(file_with(c.lines));
    EXPECT_THAT(found, HasSubstr(std::string{c.error})) << c.lines;
    EXPECT_EQ(std::ranges::count(found, '\n'), 1) << c.lines << "\n" << found;
  }
}

TEST(Service, refuses_names_that_are_none) {
  const auto named = [](std::string_view name) {
    return fmt::format("services: [{{name: {}, ports: 80, start: up}}]", name);
  };
  for (const std::string_view name : {"a", "A-b_c.9", "7"}) EXPECT_EQ(errors(named(name)), "") << name;
  EXPECT_EQ(errors(named(std::string(64, 'x'))), "");
  EXPECT_THAT(errors(named(std::string(65, 'x'))), HasSubstr("is not a name (1 to 64 letters, digits, -, _ and .)"));
  for (const std::string_view name : {"a b", "a/b", "\"é\""})
    EXPECT_THAT(errors(named(name)), HasSubstr("is not a name")) << name;
  EXPECT_EQ(errors("services: [{ports: 80, start: up}]"), "t.yaml:1:12: services[0]: has no name\n");
}

TEST(Service, starts_in_exactly_one_way) {
  EXPECT_EQ(errors(file_with("", "ports: 80", "idle: 5s")),
            "t.yaml:2:5: services[0]: does not say how it starts (one of start, script or process)\n");
  EXPECT_EQ(errors(file_with("", "ports: 80", "stop: down")),
            "t.yaml:2:5: services[0]: does not say how it starts (one of start, script or process)\n"
            "t.yaml:4:11: services[0].stop: goes only with \"start\"\n");
  EXPECT_EQ(read(file_with("", "ports: 80", "script: /t.sh")).action,
            (ActionSettings{CommandAction{.start = {{"/t.sh", "start"}}, .stop = Command{{"/t.sh", "stop"}}}}));
  EXPECT_EQ(read(file_with("grace: 3s", "ports: 80", "process: [/srv/x, -p]")).action,
            (ActionSettings{ProcessAction{.run = {{"/srv/x", "-p"}}, .grace = 3s}}));
  EXPECT_EQ(read(file_with("", "ports: 80", "process: /srv/x -p")).action,
            (ActionSettings{ProcessAction{.run = Command::shell("exec /srv/x -p")}}));
  EXPECT_EQ(read(file_with("", "ports: 80", "start: [/srv/x, up]")).action,
            (ActionSettings{CommandAction{.start = {{"/srv/x", "up"}}, .stop = {}}}));
}

TEST(Service, takes_ports_one_by_one_or_as_a_list) {
  const auto ports = [](std::string_view text) { return read(file_with("", fmt::format("ports: {}", text))).ports; };
  EXPECT_THAT(ports("80"), SizeIs(2));
  EXPECT_THAT(ports("[80, udp/27000-27015]"), SizeIs(3));
  const auto wrong = [](std::string_view text) { return errors(file_with("", fmt::format("ports: {}", text))); };
  EXPECT_THAT(wrong("[tcp/80, tcp]"),
              HasSubstr("t.yaml:3:21: services[0].ports[1]: \"tcp\" is not a port (try tcp/80"));
  EXPECT_THAT(wrong("[]"), HasSubstr("services[0].ports: is an empty list"));
  EXPECT_EQ(errors("services: [{name: a, start: up}]"),
            "t.yaml:1:12: services[0]: nothing can wake it (give ports or sensors, or a forward that names it)\n");
}

TEST(Service, without_a_tcp_port_has_no_probe_by_default) {
  EXPECT_EQ(read(file_with("", "ports: udp/53")).ready, Ready{ReadyNow{}});
  EXPECT_EQ(read(file_with("address: 192.0.2.1", "ports: [udp/53, tcp/8000-8010]")).ready,
            (Ready{ReadyTcp{"192.0.2.1", 8000}}));
}

TEST(Service, with_sensors_only_is_woken_by_any_packet_that_they_see) {
  const ServiceSettings s = read(file_with("", "sensors: [{pcap: {interface: tun0, filter: \"! host 1.2.3.4\"}}]"));
  EXPECT_EQ(s.wake, (SampleRule{.direction = std::nullopt}));
  EXPECT_EQ(s.keep, (SampleRule{.direction = std::nullopt}));
  EXPECT_EQ(s.sensors, (std::vector<SensorSource>{PcapSource{.interface = "tun0", .filter = "! host 1.2.3.4"}}));
  const ServiceSettings given = read(file_with("wake: {flags: syn, direction: in}", "sensors: [{pcap: {}}]"));
  EXPECT_EQ(given.wake.flags, (TcpFlags{tcp_flag::kSyn, 0}));
  EXPECT_EQ(given.wake.direction, Direction::in);
  EXPECT_EQ(given.sensors, std::vector<SensorSource>{PcapSource{.interface = "any"}});
}

TEST(Service, may_have_sensors_of_several_kinds) {
  const ServiceSettings s =
      read(file_with("", "sensors: [{nflog: {group: 0}}, {pcap: {interface: tun0}}, {nflog: {group: 65535}}]"));
  EXPECT_EQ(s.sensors, (std::vector<SensorSource>{NflogSource{.group = 0}, PcapSource{.interface = "tun0"},
                                                  NflogSource{.group = 65535}}));
  EXPECT_EQ(s.keep, (SampleRule{.direction = std::nullopt}));
}

TEST(Service, may_share_a_group_with_another) {
  EXPECT_EQ(errors("services:\n  - {name: a, start: up, sensors: [nflog: {group: 1}]}\n"
                   "  - {name: b, start: up, sensors: [nflog: {group: 1}]}\n"),
            "");
}

TEST(Service, with_ports_and_sensors_keeps_the_rules_of_ports) {
  const ServiceSettings s = read(file_with("sensors: [{pcap: {interface: tun0}}]"));
  EXPECT_EQ(s.wake.flags, (TcpFlags{tcp_flag::kSyn, tcp_flag::kAck}));
  EXPECT_EQ(s.keep.direction, Direction::in);
}

TEST(Service, names_the_sensor_that_watches_its_ports_if_that_can_do_it) {
  EXPECT_EQ(read(file_with("")).sensor, PortSensor::automatic);
  EXPECT_EQ(read(file_with("sensor: kernel")).sensor, PortSensor::kernel);
  EXPECT_EQ(read(file_with("sensor: pcap\n    wake: {packets: 3/10s}")).sensor, PortSensor::pcap);
  EXPECT_THAT(errors(file_with("sensor: nflog")), HasSubstr("services[0].sensor: \"nflog\" "));
  EXPECT_THAT(errors(file_with("sensor: kernel\n    wake: {packets: 3/10s}")),
              HasSubstr("services[0].sensor: \"kernel\" hands over no more than it must, and wake.packets wants each "
                        "packet (take pcap)"));
  EXPECT_THAT(errors(file_with("sensor: kernel\n    capture_wakes: /tmp/x")),
              HasSubstr("and capture_wakes wants each"));
  EXPECT_THAT(errors(file_with("", "sensor: pcap\n    sensors: [pcap: {interface: tun0}]")),
              HasSubstr("services[0].sensor: goes only with \"ports\""));
}

TEST(Service, gives_max_up_room_for_min_up) {
  EXPECT_THAT(errors(file_with("min_up: 2m\n    max_up: 1m")),
              HasSubstr("t.yaml:6:13: services[0].max_up: 1m is shorter than min_up (2m)"));
}

TEST(Service, does_not_call_missing_what_could_not_be_read) {
  EXPECT_EQ(
      errors("services: [{name: [a], ports: x, start: {}}]"),
      "t.yaml:1:19: services[0].name: a single value belongs here, not a list\n"
      "t.yaml:1:31: services[0].ports: \"x\" is not a port (try tcp/80, udp/8211 or tcp/27000-27015; 1 to 65535)\n"
      "t.yaml:1:41: services[0].start: a single value belongs here, not a map\n");
  EXPECT_EQ(errors("services: [a]"), "t.yaml:1:12: services[0]: a map belongs here, not a single value\n");
}

}  // namespace
}  // namespace tidegate
