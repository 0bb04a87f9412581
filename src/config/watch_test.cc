// Each key of `watches`, `tallies` and `privacy`.
#include "config/config.h"

namespace tidegate {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string errors(const std::string& text) {
  const auto config = parse_config(text, "t.yaml");
  std::string all;
  if (!config) {
    for (const ConfigError& error : config.error()) all += error.to_string() + "\n";
  }
  return all;
}

Config read(const std::string& text) {
  auto config = parse_config(text, "t.yaml");
  if (config) return *std::move(config);
  ADD_FAILURE() << errors(text);
  return {};
}

// What is wrong with one watch of that text, its file, line and path left out.
std::string watch_errors(std::string_view watch) {
  std::string all = errors(fmt::format("watches: [{}]", watch));
  const auto cut = [&](std::string_view what) {
    for (auto at = all.find(what); at != std::string::npos; at = all.find(what)) all.erase(at, what.size());
  };
  cut("t.yaml:1:");
  cut("watches[0]");
  return all;
}

std::string alert_errors(std::string_view alert) {
  return errors(
      fmt::format("services: [{{name: wiki, ports: 80, start: up}}]\nforwards: [{{name: web, listen_port: 81, "
                  "target_port: 1}}]\nwatches:\n- name: w\n  port: 80\n  alerts:\n  - {}\n",
                  alert));
}

std::vector<std::string> problems(Config config) {
  std::vector<std::string> texts;
  for (const ConfigError& error : validate(config)) texts.push_back(error.to_string());
  return texts;
}

TEST(Watch, needs_a_name_and_a_port_and_has_a_default_for_the_rest) {
  const Config config = read("watches: [{name: w, port: 80}]");
  ASSERT_EQ(config.watches.size(), 1U);
  const WatchSettings& watch = config.watches[0];
  EXPECT_EQ(watch.interface, "any");
  EXPECT_THAT(watch.ports, ElementsAre(80));
  EXPECT_FALSE(watch.address);
  EXPECT_THAT(watch.windows, ElementsAre(10s, 10min));
  EXPECT_THAT(watch.alerts, IsEmpty());
  EXPECT_EQ(watch_errors("{}"), "11: : has no name and port (or ports)\n");
}

TEST(Watch, takes_one_value_for_a_list) {
  const Config config = read(
      "watches: [{name: w, ports: 80, windows: 30s, alerts: [{name: a, when: errors > 0%, do: {command: page}}]}]");
  EXPECT_THAT(config.watches[0].ports, ElementsAre(80));
  EXPECT_THAT(config.watches[0].windows, ElementsAre(30s));
  EXPECT_EQ(config.watches[0].alerts[0].actions, std::vector<AlertAction>{AlertCommand{"page"}});
  EXPECT_EQ(config.watches[0].alerts[0].over, 2min);
}

TEST(Watch, tells_what_is_wrong_where) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"{name: w, port: 0}", "27: .port: \"0\" is not a number from 1 to 65535\n"},
      {"{name: w, port: [80]}", "27: .port: a single port belongs here (ports: takes a list)\n"},
      {"{name: w, port: 80, ports: 81}", "27: .port: goes only without \"ports\"\n"},
      {"{name: w, ports: [80, 80]}", "33: .ports[1]: 80 stands here twice\n"},
      {"{name: w, ports: []}", "28: .ports: is an empty list\n"},
      {"{name: w w, port: 80}", "18: .name: \"w w\" is not a name (1 to 64 letters, digits, -, _ and .)\n"},
      {"{name: w, port: 80, interface: a/b}",
       "42: .interface: \"a/b\" is not the name of an interface (any, or 1 to 15 characters without / and spaces)\n"},
      {"{name: w, port: 80, address: 0.0.0.0}",
       "40: .address: 0.0.0.0 is no address of a host (leave the key out for any of this host's)\n"},
      {"{name: w, port: 80, windows: [10s, 10]}", "46: .windows[1]: stands here twice\n"},
      {"{name: w, port: 80, windows: [0]}", "41: .windows[0]: must be longer than nothing\n"},
      {"{name: w, port: 80, windows: 1500ms}", "40: .windows: 1s500ms is not from 1s to 1h in whole seconds\n"},
      {"{name: w, port: 80, windows: 2h}", "40: .windows: 2h is not from 1s to 1h in whole seconds\n"},
      {"{name: w, port: 80, alerts: {}}", "39: .alerts: a list of alerts belongs here\n"},
      {"{name: w, prot: 80}", "21: : unknown key \"prot\" (did you mean \"port\"?)\n"},
  };
  for (const auto& [watch, error] : cases) EXPECT_EQ(watch_errors(watch), error) << watch;
}

TEST(Watch, has_a_name_of_its_own) {
  EXPECT_EQ(errors("watches:\n- {name: w, port: 80}\n- {name: w, port: 81}"),
            "t.yaml:3:10: watches[1].name: \"w\" is the name of watches[0] already\n");
  EXPECT_THAT(alert_errors("{name: a, when: errors > 0%}\n  - {name: a, when: errors > 0%}"),
              HasSubstr("watches[0].alerts[1].name: \"a\" is the name of watches[0].alerts[0] already\n"));
}

TEST(Alerts, tell_what_is_wrong_where) {
  const std::string at = "t.yaml:7:";
  const std::string alert = "watches[0].alerts[0]";
  const std::string hint = " (try requests >= 20/s; \"requests >= 0/s\" always holds, and is as good as none)\n";
  const std::pair<std::string_view, std::string> cases[] = {
      {"{}", at + "5: " + alert + ": has no name and when" + hint},
      {"{name: a}", at + "5: " + alert + ": has no when" + hint},
      {"{name: a, when: requests >= 0/s}", at + "5: " + alert + ": has no when" + hint},
      {"{name: a, when: requests}", at + "21: " + alert +
                                        ".when: \"requests\" is not a level (try requests >= 20/s, requests >= 2400 in "
                                        "total, errors >= 5% or latency p95 >= 300ms)\n"},
      {"{name: a, when: requests < 0/s}", at + "21: " + alert + ".when: \"requests < 0/s\" never holds\n"},
      {"{name: a, when: errors >= 0%}", at + "21: " + alert + ".when: \"errors >= 0%\" always holds\n"},
      {"{name: a, when: errors > 101%}",
       at + "21: " + alert + ".when: \"errors > 101%\" is more than every response (at most 100%)\n"},
      {"{name: a, when: errors >= 100.1%}",
       at + "21: " + alert + ".when: \"errors >= 100.1%\" is more than every response (at most 100%)\n"},
      {"{name: a, when: errors > 100%}",
       at + "21: " + alert + ".when: \"errors > 100%\" never holds (at most >= 100%)\n"},
      {"{name: a, when: errors <= 100%}",
       at + "21: " + alert + ".when: \"errors <= 100%\" always holds (at most < 100%)\n"},
      {"{name: a, when: latency p100 > 1s}",
       at + "21: " + alert + ".when: \"latency p100 > 1s\": a percentile is above p0 and below p100\n"},
      {"{name: a, when: errors > 0%, over: 61m}",
       at + "40: " + alert + ".over: 1h1m is not from 1s to 1h in whole seconds\n"},
      {"{name: a, when: errors > 0%, over: 0}",
       at + "40: " + alert + ".over: 0s is not from 1s to 1h in whole seconds\n"},
      {"{name: a, when: errors > 5%, clear: requests < 1/s}",
       at + "41: " + alert + ".clear: \"requests < 1/s\" looks at something else than when (\"errors > 5%\")\n"},
      {"{name: a, when: requests > 5/s, clear: requests < 1 in total}",
       at + "44: " + alert +
           ".clear: \"requests < 1 in total\" looks at something else than when (\"requests > 5/s\")\n"},
      {"{name: a, when: errors > 5%, clear: errors < 6%}",
       at + "41: " + alert + ".clear: \"errors < 6%\" may hold together with when (\"errors > 5%\")\n"},
      {"{name: a, when: errors >= 5%, clear: errors <= 5%}",
       at + "42: " + alert + ".clear: \"errors <= 5%\" may hold together with when (\"errors >= 5%\")\n"},
      {"{name: a, when: errors > 5%, clear: errors > 1%}",
       at + "41: " + alert + ".clear: \"errors > 1%\" may hold together with when (\"errors > 5%\")\n"},
      {"{name: a, when: errors > 5%, min_raise: 1s}",
       at + "34: " + alert + ": unknown key \"min_raise\" (did you mean \"min_raised\"?)\n"},
  };
  for (const auto& [text, error] : cases) EXPECT_EQ(alert_errors(text), error) << text;
}

TEST(Alerts, clear_where_they_are_no_longer_raised) {
  for (const std::string_view levels :
       {"when: errors > 5%, clear: errors <= 5%", "when: errors >= 5%, clear: errors < 5%",
        "when: errors > 5%, clear: errors < 5%", "when: requests < 5/s, clear: requests >= 5/s",
        "when: requests <= 0/s, clear: requests > 0/s", "when: errors >= 100%, clear: errors < 100%",
        "when: latency p99 > 1s, clear: latency p99 < 200ms"}) {
    EXPECT_EQ(alert_errors(fmt::format("{{name: a, {}}}", levels)), "") << levels;
  }
}

TEST(Alerts, tell_what_is_wrong_with_what_they_do) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"[{}]",
       "7:39: watches[0].alerts[0].do[0]: names no action (allowed: one of command, webhook, start or "
       "throttle)\n"},
      {"[{command: a, start: wiki}]",
       "7:39: watches[0].alerts[0].do[0]: has more than one action (allowed: one of command, webhook, start or "
       "throttle)\n"},
      {"[{comand: a}]", "7:40: watches[0].alerts[0].do[0]: unknown key \"comand\" (did you mean \"command\"?)\n"},
      {"{command: ''}", "7:48: watches[0].alerts[0].do.command: is empty\n"},
      {"[{command: a}, {start: wikki}]",
       "7:61: watches[0].alerts[0].do[1].start: there is no service \"wikki\" (did you mean \"wiki\"?)\n"},
      {"{start: wikki}",
       "7:46: watches[0].alerts[0].do.start: there is no service \"wikki\" (did you mean \"wiki\"?)\n"},
      {"[{throttle: {forward: wob, to: 1Mbit/s}}]",
       "7:60: watches[0].alerts[0].do[0].throttle.forward: there is no forward \"wob\" (did you mean \"web\"?)\n"},
      {"[{throttle: {forward: web}}]", "7:50: watches[0].alerts[0].do[0].throttle: has no to\n"},
      {"[{throttle: {forward: web, to: none}}]",
       "7:69: watches[0].alerts[0].do[0].throttle.to: \"none\" is not a rate (try 1Mbit/s)\n"},
      {"[{throttle: {}}]", "7:50: watches[0].alerts[0].do[0].throttle: has no forward and to\n"},
      {"{webhook: {ca_file: /ca.pem}}", "7:48: watches[0].alerts[0].do.webhook: has no url\n"},
      {"{webhook: {url: 'https://h/', ca: /ca.pem}}",
       "7:68: watches[0].alerts[0].do.webhook: unknown key \"ca\" (allowed: url or ca_file)\n"},
      {"page", "7:38: watches[0].alerts[0].do: a map belongs here, not a single value\n"},
  };
  for (const auto& [text, error] : cases) {
    EXPECT_EQ(alert_errors(fmt::format("{{name: a, when: errors > 0%, do: {}}}", text)),
              fmt::format("t.yaml:{}", error))
        << text;
  }
}

TEST(Alerts, say_whom_a_webhook_trusts) {
  const Config config = read(
      "watches: [{name: w, port: 80, alerts: [{name: a, when: errors > 0%, do: {webhook: {url: 'https://h/', ca_file: "
      "/ca.pem}}}]}]");
  EXPECT_EQ(std::get<AlertWebhook>(config.watches[0].alerts[0].actions[0]), (AlertWebhook{"https://h/", "/ca.pem"}));
}

TEST(Alerts, never_show_a_webhook_that_is_wrong) {
  for (const std::string_view url : {"ftp://h/sesame", "sesame", "https://u:sesame@h/"}) {
    EXPECT_EQ(alert_errors(fmt::format("{{name: a, when: errors > 0%, do: [{{webhook: \"{}\"}}]}}", url)),
              "t.yaml:7:49: watches[0].alerts[0].do[0].webhook: is not a URL of http or https (try "
              "https://example.net/hook)\n");
  }
}

TEST(Tally, needs_a_name_and_has_a_default_for_the_rest) {
  const Config config = read("tallies: [{name: t}]");
  ASSERT_EQ(config.tallies.size(), 1U);
  EXPECT_EQ(config.tallies[0], TallySettings{.name = "t"});
  EXPECT_EQ(errors("tallies: [{}]"), "t.yaml:1:11: tallies[0]: has no name\n");
}

TEST(Tally, counts_tcp_only) {
  const Config config = read("tallies: [{name: t, ports: [22, tcp/8000-8010]}]");
  EXPECT_THAT(config.tallies[0].ports,
              ElementsAre(PortRange{Protocol::tcp, 22, 22}, PortRange{Protocol::tcp, 8000, 8010}));
  EXPECT_EQ(errors("tallies: [{name: t, ports: [22, udp/53]}]"),
            "t.yaml:1:33: tallies[0].ports[1]: \"udp/53\" is not TCP, and what is counted is TCP connections\n");
}

TEST(Tally, tells_what_is_wrong_where) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"{name: t, privacy: rot13}",
       "t.yaml:1:30: tallies[0].privacy: \"rot13\" is not known here (allowed: none, hash or prefix)\n"},
      {"{name: t, privacy: hash}", "t.yaml:1:30: tallies[0].privacy: needs a key (privacy: {key_file: …})\n"},
      {"{name: t, sources: 0}", "t.yaml:1:30: tallies[0].sources: \"0\" is not a number from 1 to 4194304\n"},
      {"{name: t, sources: 4194305}",
       "t.yaml:1:30: tallies[0].sources: \"4194305\" is not a number from 1 to 4194304\n"},
      {"{name: t, syn_packets: 1}",
       "t.yaml:1:34: tallies[0].syn_packets: \"1\" is not known here (allowed: true or false)\n"},
      {"{name: t, interface: eth0, port: 22}",
       "t.yaml:1:38: tallies[0]: unknown key \"port\" (did you mean \"ports\"?)\n"},
  };
  for (const auto& [tally, error] : cases) EXPECT_EQ(errors(fmt::format("tallies: [{}]", tally)), error) << tally;
  EXPECT_EQ(errors("tallies: [{name: t, privacy: hash}]\nprivacy: {key_file: /k}"), "");
  EXPECT_EQ(errors("tallies: [{name: t, privacy: none}]"), "");
}

TEST(Privacy, needs_a_key_unless_it_is_none) {
  const std::string tally = "tallies: [{name: t}]\n";
  EXPECT_EQ(read(tally + "privacy: {mode: prefix, key_file: /k}").privacy, (PrivacySettings{Privacy::prefix, "/k"}));
  EXPECT_EQ(read(tally + "privacy: {mode: none}").privacy, PrivacySettings{});
  EXPECT_EQ(errors(tally + "privacy: {mode: hash}"),
            "t.yaml:2:10: privacy: has no key_file, without which no address can be hidden\n");
  EXPECT_EQ(errors(tally + "privacy: hash"), "t.yaml:2:10: privacy: a map belongs here, not a single value\n");
  EXPECT_EQ(errors("privacy: {mode: none}"),
            "t.yaml:1:1: has neither services nor forwards, so there is nothing to do\n");
}

TEST(ValidateWatch, refuses_settings_that_no_file_could_give) {
  Config config;
  WatchSettings watch;
  watch.name = "w";
  watch.ports = {0};
  watch.windows.clear();
  AlertSettings alert;
  alert.name = "a";
  alert.when.value = -1;
  alert.actions = {AlertCommand{}, AlertStart{}, AlertThrottle{}};
  watch.alerts = {alert};
  config.watches = {watch};
  TallySettings tally;
  tally.name = "t";
  tally.sources = 0;
  tally.ports = {{Protocol::udp, 1, 1}};
  config.tallies = {tally};
  EXPECT_THAT(
      problems(config),
      ElementsAre("watches[0].ports: 0 is no port", "watches[0].windows: has no window",
                  "watches[0].alerts[0].when: is below nothing", "watches[0].alerts[0].do[0]: is an empty command",
                  "watches[0].alerts[0].do[1]: names no service",
                  "watches[0].alerts[0].do[2].throttle: has no forward and to",
                  "tallies[0].sources: must be at least 1", "tallies[0].ports: udp/1 is not TCP"));
}

TEST(ValidateWatch, bounds_every_list) {
  Config config;
  config.watches.resize(101);
  config.tallies.resize(101);
  EXPECT_THAT(problems(config),
              ElementsAre("watches: has 101 watches (at most 100)", "tallies: has 101 tallies (at most 100)"));
  config = {};
  WatchSettings watch;
  watch.name = "w";
  watch.ports.resize(65, 80);
  watch.windows.resize(9, 10s);
  AlertSettings alert;
  alert.name = "a";
  alert.when.value = 1;
  alert.actions.resize(17, AlertCommand{"x"});
  watch.alerts = {alert};
  config.watches = {watch};
  EXPECT_THAT(problems(config), ElementsAre("watches[0].ports: has 65 ports (at most 64)",
                                            "watches[0].windows: has 9 windows (at most 8)",
                                            "watches[0].alerts[0].do: has 17 actions (at most 16)"));
  config.watches[0].ports.resize(1);
  config.watches[0].windows.resize(1);
  config.watches[0].alerts.assign(101, {});
  for (std::size_t i = 0; i < 101; ++i) {
    config.watches[0].alerts[i].name = fmt::format("a{}", i);
    config.watches[0].alerts[i].when.value = 1;
  }
  EXPECT_THAT(problems(config), ElementsAre("watches[0].alerts: has 101 alerts (at most 100)"));
}

}  // namespace
}  // namespace tidegate
