#include "demo/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <vector>

#include "demo/server.h"
#include "forward/engine_for_tests.h"

namespace tidegate::demo {
namespace {

using for_tests::loopback;
using for_tests::receive;
using for_tests::send_all;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::Each;
using testing::ElementsAre;
using testing::MatchesRegex;
using testing::Pair;

LoadSettings settings(std::uint16_t port, std::string_view profile) {
  LoadSettings settings{.target = loopback(port), .host = "a", .profile = LoadProfile::parse(profile).value()};
  return settings;
}

// Runs the load to its end; `at_once` is called in the loop when it has begun.
LoadReport run(
    const LoadSettings& settings, Load::Hooks hooks = {}, const std::function<void(Load&)>& at_once = [](Load&) {}) {
  const auto loop = std::move(Loop::make().value());
  hooks.on_end = [&] { loop->stop(); };
  const auto load = Load::start(*loop, settings, std::move(hooks)).value();
  loop->post([&] { at_once(*load); });
  loop->run();
  return load->report();
}

std::unique_ptr<Server> greeter() {
  ServerSettings settings;
  settings.listen.address = IpAddress::parse("127.0.0.1").value();
  return std::move(Server::start(settings).value());
}

// A server that says this to the first byte of each connection, and ends it.
class Speaker {
 public:
  explicit Speaker(std::string answer)
      : server_{[text = std::move(answer)](const Fd& fd) {
          const auto asked = receive(fd.get(), 1);
          if (!asked.empty()) send_all(fd.get(), text);
          ::shutdown(fd.get(), SHUT_WR);
          receive(fd.get());
        }} {}
  [[nodiscard]] std::uint16_t port() const { return server_.port(); }

 private:
  for_tests::Server server_;
};

TEST(Load, sends_what_its_profile_says_and_counts_the_answers) {
  const auto server = greeter();
  const auto report = run(settings(server->port(), "100/s:200ms,200/s:100ms"));
  EXPECT_EQ(report.sent, 40U);
  EXPECT_EQ(report.answered, 40U);
  EXPECT_EQ(report.failed(), 0U);
  EXPECT_THAT(report.statuses, ElementsAre(Pair(200, 40)));
  EXPECT_EQ(report.latencies.total(), 40U);
  EXPECT_GT(report.longest, Duration::zero());
  EXPECT_GE(report.took, milliseconds{290});
  const auto counts = server->stop();
  EXPECT_EQ(counts.answered, 40U);
  EXPECT_EQ(counts.connections, 10U) << "each carries its share";
}

TEST(Load, asks_for_random_sections_the_same_for_the_same_seed) {
  const auto paths = [](std::uint64_t seed) {
    const auto server = greeter();
    auto load = settings(server->port(), "1000/s:40ms");
    load.seed = seed;
    load.connections = 1;  // so that the answers come in order
    std::vector<std::string> all;
    run(load, {.on_answer = [&](std::string_view payload) { all.emplace_back(payload); }});
    return all;
  };
  const auto first = paths(1);
  EXPECT_THAT(first, testing::SizeIs(40));
  EXPECT_THAT(first, Each(MatchesRegex("Hello, your path is: (foo|bar|baz|spiffy|zoom)/index\\.html[0-9]+")));
  EXPECT_EQ(paths(1), first);
  EXPECT_NE(paths(2), first);
}

TEST(Load, asks_as_fast_as_it_is_answered) {
  const auto server = greeter();
  auto load = settings(server->port(), "max:200ms");
  load.connections = 4;
  const auto report = run(load);
  EXPECT_GT(report.answered, 100U);
  EXPECT_EQ(report.sent, report.answered);
  EXPECT_EQ(server->stop().answered, report.answered);
}

TEST(Load, measures_from_when_a_request_was_due) {
  // The first answer takes 300 ms, and with one connection all others wait for it.
  bool first = true;
  const for_tests::Server server{[&](const Fd& fd) {
    while (!receive(fd.get(), 1).empty()) {
      std::string asked;
      while (!asked.ends_with("\r\n\r\n")) asked += receive(fd.get(), 1);
      if (std::exchange(first, false)) ::poll(nullptr, 0, 300);
      send_all(fd.get(), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
  }};
  auto load = settings(server.port(), "100/s:100ms");
  load.connections = 1;
  const auto report = run(load);
  EXPECT_EQ(report.answered, 10U);
  EXPECT_GE(report.latencies.quantile(0.1).value(), milliseconds{195}) << "the last was due after 90 ms";
  EXPECT_GE(report.longest, milliseconds{300});
}

TEST(Load, tells_that_nobody_listens) {
  const Fd taken{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};  // bound, but not listening
  const SocketAddress own{loopback(0)};
  ASSERT_EQ(::bind(taken.get(), own.get(), own.size()), 0);
  const auto port = local_endpoint(taken.get()).port;
  const auto reason = fmt::format("connect 127.0.0.1:{}: Connection refused", port);
  const auto report = run(settings(port, "100/s:100ms"));
  EXPECT_EQ(report.sent, 0U);
  EXPECT_EQ(report.answered, 0U);
  EXPECT_THAT(report.failures, ElementsAre(Pair(reason, 10)));
  const auto fast = run(settings(port, "max:250ms"));
  EXPECT_LE(fast.failed(), 40U) << "ten connections, each ten times a second";
  EXPECT_GE(fast.failed(), 10U);
}

TEST(Load, understands_answers_of_every_framing) {
  for (const std::string text :
       {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\nhello",
        "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"}) {
    const Speaker server{text};
    std::string payload;
    const auto report =
        run(settings(server.port(), "10/s:100ms"), {.on_answer = [&](std::string_view whole) { payload = whole; }});
    EXPECT_EQ(report.answered, 1U) << text;
    EXPECT_EQ(payload, "hello") << text;
    EXPECT_EQ(report.bytes, 5U) << text;
  }
}

TEST(Load, counts_errors_of_the_server_as_answers) {
  const Speaker server{"HTTP/1.1 503 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"};
  const auto report = run(settings(server.port(), "20/s:100ms"));
  EXPECT_THAT(report.statuses, ElementsAre(Pair(503, 2)));
  EXPECT_EQ(report.failed(), 0U);
}

TEST(Load, tells_of_answers_that_break_off_or_are_none) {
  const std::string broken = "the connection ended before the answer did";
  for (const auto& [text, reason] :
       {std::pair<std::string, std::string>{"", broken},
        {"HTTP/1.1 200 OK\r\nContent-Le", broken},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", broken},
        {"SSH-2.0-OpenSSH_9.2\r\n", "the answer is no HTTP: a version that is none of HTTP's"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
         "the chunks of a body are not as they should be"}}) {
    const Speaker server{text};
    const auto report = run(settings(server.port(), "10/s:100ms"));
    EXPECT_EQ(report.answered, 0U) << text;
    EXPECT_THAT(report.failures, ElementsAre(Pair(reason, 1))) << text;
  }
}

TEST(Load, waits_for_an_answer_for_so_long_and_no_longer) {
  const for_tests::Server server{[](const Fd& fd) { receive(fd.get()); }};
  auto load = settings(server.port(), "20/s:100ms");
  load.timeout = milliseconds{100};
  const auto report = run(load);
  EXPECT_EQ(report.sent, 2U);
  EXPECT_THAT(report.failures, ElementsAre(Pair("no answer within 100ms", 2)));
}

TEST(Load, gives_up_what_found_no_connection_free_in_time) {
  const for_tests::Server server{[](const Fd& fd) { receive(fd.get()); }};
  auto load = settings(server.port(), "100/s:100ms");
  load.timeout = milliseconds{200};
  load.connections = 1;
  const auto report = run(load);
  EXPECT_EQ(report.failed(), 10U);
  EXPECT_EQ(report.failures.count("there was no connection free in time"), 1U);
  EXPECT_LT(report.took, seconds{2});
}

TEST(Load, opens_a_connection_again_that_the_server_ended_meanwhile) {
  ServerSettings with;
  with.listen.address = IpAddress::parse("127.0.0.1").value();
  with.idle = milliseconds{20};
  const auto server = std::move(Server::start(with).value());
  auto load = settings(server->port(), "5/s:600ms");
  load.connections = 1;
  const auto report = run(load);
  EXPECT_EQ(report.answered, 3U);
  EXPECT_EQ(server->stop().connections, 3U);
}

TEST(Load, ends_early_when_it_is_told_to) {
  const for_tests::Server server{[](const Fd& fd) { receive(fd.get()); }};
  const auto report = run(settings(server.port(), "20/s:60s"), {}, [](Load& load) { load.interrupt(); });
  EXPECT_TRUE(report.interrupted);
  EXPECT_LT(report.took, seconds{10});
  EXPECT_EQ(report.answered, 0U);
  EXPECT_LE(report.failed(), 1U);
}

}  // namespace
}  // namespace tidegate::demo
