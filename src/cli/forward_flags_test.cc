#include "cli/forward_flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tidegate::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Pair {
  const char* text;
  const char* listen;
  const char* target;
};

TEST(ForwardArgument, is_read_from_the_left) {
  for (const auto& [text, listen, target] :
       {Pair{"10001:127.0.0.1:10000", "*:10001", "127.0.0.1:10000"}, Pair{"10001:10000", "*:10001", "127.0.0.1:10000"},
        Pair{"192.0.2.10:10001:db.example.net:5432", "192.0.2.10:10001", "db.example.net:5432"},
        Pair{"127.0.0.1:80:8080", "127.0.0.1:80", "127.0.0.1:8080"},
        Pair{"[::]:80:[::1]:8080", "[::]:80", "[::1]:8080"},
        Pair{"*:80:[2001:db8::1]:8080", "*:80", "[2001:db8::1]:8080"},
        Pair{"10000-10099:127.0.0.1:20000-20099", "*:10000-10099", "127.0.0.1:20000-20099"},
        Pair{"10000-10099:10.0.0.1:80", "*:10000-10099", "10.0.0.1:80"},
        Pair{"unix:/run/x.sock:127.0.0.1:80", "unix:/run/x.sock", "127.0.0.1:80"},
        Pair{"80:unix:/run/app.sock", "*:80", "unix:/run/app.sock"},
        Pair{"unix:/run/x.sock:unix:/run/a:b", "unix:/run/x.sock", "unix:/run/a:b"},
        Pair{"80:localhost:80", "*:80", "localhost:80"}}) {
    const auto argument = parse_forward_argument(text);
    ASSERT_TRUE(argument) << text << ": " << argument.error().what;
    EXPECT_EQ(argument->listen, ListenAddress::parse(listen)) << text;
    EXPECT_EQ(argument->target, Target::parse(target)) << text;
  }
}

TEST(ForwardArgument, that_is_none_is_refused_in_its_own_words) {
  for (const std::string text :
       {"", ":", "10001", "10001:", "127.0.0.1:10000", "::1:80:127.0.0.1:80", "unix:/run/x", "0:127.0.0.1:80",
        "65536:127.0.0.1:80", "80:127.0.0.1", "80:127.0.0.1:", "10099-10000:127.0.0.1:80", "host:80:127.0.0.1:80",
        "[::1:80:127.0.0.1:80", "unix::127.0.0.1:80", "80:[127.0.0.1]:80"}) {
    const auto argument = parse_forward_argument(text);
    ASSERT_FALSE(argument) << text;
    EXPECT_THAT(argument.error().what, HasSubstr("\"" + text + "\"")) << text;
  }
}

// The flags as the command line gives them.
Result<Config> read(const std::vector<std::string>& words) {
  CLI::App app;
  ForwardFlags flags;
  flags.add_to(app);
  std::vector<std::string> reversed{words.rbegin(), words.rend()};  // as CLI11 takes them
  app.parse(reversed);
  return flags.read();
}

std::string fault(const std::vector<std::string>& words) {
  const auto config = read(words);
  return config ? "nothing is wrong" : config.error().what;
}

TEST(ForwardFlags, make_the_forward_of_the_document) {
  const auto config = read({"10001:127.0.0.1:10000", "--limit", "100GB"});
  ASSERT_TRUE(config) << config.error().what;
  ASSERT_EQ(config->forwards.size(), 1U);
  const auto& forward = config->forwards[0];
  EXPECT_EQ(forward.name, "10001");
  EXPECT_EQ(forward.protocol, ForwardProtocol::tcp);
  EXPECT_EQ(forward.limit, 100ULL << 30);
  EXPECT_EQ(forward.limit_action, LimitAction::cut);
  EXPECT_TRUE(config->services.empty());
  EXPECT_FALSE(config->api.enabled);
}

TEST(ForwardFlags, say_the_same_as_the_keys_of_the_configuration) {
  const auto config = read({"--protocol",
                            "both",
                            "--limit",
                            "100GB",
                            "--limit-monthly",
                            "10GB",
                            "--limit-action",
                            "throttle",
                            "--throttle",
                            "1Mbit/s",
                            "--quota",
                            "5GB/week",
                            "--rate",
                            "200Mbit/s",
                            "--rate-each-client",
                            "20Mbit/s",
                            "--rate-each-connection",
                            "10Mbit/s",
                            "--connections",
                            "10000",
                            "--connections-each-client",
                            "50",
                            "--new",
                            "100/s",
                            "--new-each-client",
                            "20/s",
                            "--allow",
                            "10.0.0.0/8",
                            "--deny",
                            "10.1.0.0/16",
                            "--deny",
                            "10.2.0.0/16",
                            "--connect-timeout",
                            "3s",
                            "--idle-timeout",
                            "1h",
                            "--udp-timeout",
                            "30s",
                            "--half-close-timeout",
                            "2m",
                            "--proxy-protocol",
                            "v2",
                            "--accept-proxy-from",
                            "10.0.0.0/8",
                            "--balance",
                            "least_connections",
                            "--check",
                            "tcp",
                            "--transparent",
                            "--name",
                            "web",
                            "--target",
                            "127.0.0.1:10002",
                            "10001:127.0.0.1:10000",
                            "--data-threads",
                            "2"});
  ASSERT_TRUE(config) << config.error().what;
  const auto file = parse_config(R"(
data_threads: 2
forwards:
  - name: web
    protocol: both
    listen: "*:10001"
    targets: ["127.0.0.1:10000", "127.0.0.1:10002"]
    balance: least_connections
    check: tcp
    limit: 100GB
    limit_monthly: 10GB
    limit_action: throttle
    limit_throttle: 1Mbit/s
    quota: {bytes: 5GB, every: week, action: throttle, to: 1Mbit/s}
    rate: {all: 200Mbit/s, each_client: 20Mbit/s, each_connection: 10Mbit/s}
    connections: {all: 10000, each_client: 50, new_all: 100/s, new_each_client: 20/s}
    allow: [10.0.0.0/8]
    deny: [10.1.0.0/16, 10.2.0.0/16]
    timeouts: {connect: 3s, idle: 1h, half_close: 2m, udp: 30s}
    proxy_protocol: {send: v2, accept_from: [10.0.0.0/8]}
    transparent: true
)",
                                 "tidegate.yaml");
  ASSERT_TRUE(file) << file.error().front().to_string();
  EXPECT_EQ(*config, *file);
}

TEST(ForwardFlags, hold_of_each_of_several_forwards_which_are_named_by_where_they_listen) {
  const auto config = read({"10001:127.0.0.1:1", "127.0.0.1:10002:127.0.0.1:2", "127.0.0.2:10002:127.0.0.1:2",
                            "10003-10004:127.0.0.1:3", "unix:/run/my app.sock:127.0.0.1:4", "--limit", "1KB"});
  ASSERT_TRUE(config) << config.error().what;
  std::vector<std::string> names;
  for (const auto& forward : config->forwards) {
    names.push_back(forward.name);
    EXPECT_EQ(forward.limit, 1024U);
  }
  EXPECT_THAT(names, ElementsAre("10001", "10002", "10002-2", "10003-10004", "my-app.sock"));
}

TEST(ForwardFlags, have_a_long_way_for_what_an_argument_cannot_say) {
  const auto config = read({"--listen", "unix:/run/a:b", "--target", "127.0.0.1:1", "--target", "127.0.0.1:2"});
  ASSERT_TRUE(config) << config.error().what;
  EXPECT_EQ(config->forwards[0].listen.unix_path, "/run/a:b");
  EXPECT_EQ(config->forwards[0].targets.size(), 2U);
}

TEST(ForwardFlags, make_a_service_that_the_forward_wakes) {
  const auto config = read({"8080:127.0.0.1:8081", "--process", "sleep 60", "--idle", "5m", "--hold-for", "10s"});
  ASSERT_TRUE(config) << config.error().what;
  ASSERT_EQ(config->services.size(), 1U);
  EXPECT_EQ(config->services[0].gate.idle, std::chrono::minutes{5});
  EXPECT_EQ(config->services[0].ready, (Ready{ReadyTcp{.host = "127.0.0.1", .port = 8081}}));
  EXPECT_EQ(config->forwards[0].service, config->services[0].name);
  EXPECT_EQ(config->forwards[0].hold.duration, std::chrono::seconds{10});
}

TEST(ForwardFlags, serve_the_api_on_this_host_when_only_a_port_is_given) {
  const auto config = read({"80:127.0.0.1:8081", "--api", "8080", "--token", "secret"});
  ASSERT_TRUE(config) << config.error().what;
  EXPECT_TRUE(config->api.enabled);
  EXPECT_THAT(config->api.listen, ElementsAre(ListenAddress::parse("127.0.0.1:8080").value()));
  EXPECT_EQ(config->api.token, "secret");
}

TEST(ForwardFlags, say_what_is_wrong_and_where) {
  EXPECT_THAT(fault({}), HasSubstr("nothing to forward"));
  EXPECT_THAT(fault({"80:127.0.0.1:81", "--limit", "much"}), HasSubstr("--limit: \"much\""));
  EXPECT_THAT(fault({"80:127.0.0.1:81", "--limit", "1GB", "--limit", "2GB"}), HasSubstr("--limit: is given 2 times"));
  EXPECT_THAT(fault({"80:127.0.0.1:81", "--name", "two words"}), HasSubstr("two words"));
  EXPECT_THAT(fault({"80:127.0.0.1:81", "82:127.0.0.1:81", "--name", "web"}), HasSubstr("--name goes with one"));
  EXPECT_THAT(fault({"80:127.0.0.1:81", "80:127.0.0.1:82"}), HasSubstr("listens already"));
  EXPECT_THAT(fault({"80:127.0.0.1:80"}), HasSubstr("80: targets[0]: 127.0.0.1:80 is where this forward listens"));
  EXPECT_THAT(fault({"80:127.0.0.1:81", "--limit-action", "throttle"}), HasSubstr("needs a rate"));
  EXPECT_THAT(fault({"80:127.0.0.1:81", "--connections", "0"}), HasSubstr("--connections: \"0\""));
  EXPECT_THAT(fault({"80:127.0.0.1:81", "--quota", "5GB/year"}), HasSubstr("--quota: \"year\""));
  EXPECT_THAT(fault({"80:127.0.0.1:81", "--stop", "true"}), HasSubstr("exactly one of --start"));
  EXPECT_THAT(fault({"80:127.0.0.1:81", "--hold-for", "1s"}), HasSubstr("--hold-for goes only with"));
  EXPECT_THAT(fault({"80:127.0.0.1:81", "--token", "x"}), HasSubstr("--token goes only with --api"));
  EXPECT_THAT(fault({"--listen", "80"}), HasSubstr("--listen goes only with --target"));
  EXPECT_THAT(fault({"8080:127.0.0.1:81", "--api", "8080"}), HasSubstr("where the API listens"));
}

}  // namespace
}  // namespace tidegate::cli
