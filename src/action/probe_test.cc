#include "action/probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "action/probe_net.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test_loop.h"

namespace tidegate {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using asio::ip::udp;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::StartsWith;

const tcp::endpoint kTcpLoopback{asio::ip::address_v4::loopback(), 0};
const udp::endpoint kUdpLoopback{asio::ip::address_v4::loopback(), 0};

class ProbeTest : public testing::Test {
 protected:
  test::TestLoop loop_;
  std::vector<std::pair<Protocol, Endpoint>> spoken_;  // before each first packet

  ProbeSpeaks speaks() {
    return [this](Protocol protocol, Endpoint endpoint) { spoken_.emplace_back(protocol, endpoint); };
  }
  Result<> once(const Ready& ready, Duration timeout = seconds{10}, Environment environment = {}) {
    return loop_.run(probe_once(ready, std::move(environment), timeout, speaks()));
  }
  Result<ProbeAnswer> until_ready(const Ready& ready) { return loop_.run(probe_until_ready(ready, {}, speaks())); }

  // A bound socket that does not listen: connections to its port are refused, and nobody else can take it.
  tcp::acceptor deaf(const tcp::endpoint& endpoint = kTcpLoopback) {
    tcp::acceptor acceptor{loop_.executor(), endpoint.protocol()};
    acceptor.bind(endpoint);
    return acceptor;
  }

  // Answers the next connection with `reply` and gives the request's head.
  struct HttpServer {
    tcp::acceptor acceptor;
    std::string request;
  };
  std::unique_ptr<HttpServer> serve(std::string reply) {
    auto server = std::make_unique<HttpServer>(tcp::acceptor{loop_.executor(), kTcpLoopback});
    asio::co_spawn(loop_.executor(), answer(*server, std::move(reply)), asio::detached);
    return server;
  }
  static asio::awaitable<void> answer(HttpServer& server, std::string reply) {
    tcp::socket client = co_await server.acceptor.async_accept(asio::use_awaitable);
    co_await asio::async_read_until(client, asio::dynamic_buffer(server.request), "\r\n\r\n", asio::use_awaitable);
    co_await asio::async_write(client, asio::buffer(reply), asio::use_awaitable);
  }
  static ReadyHttp http_to(const HttpServer& server) {
    const auto port = server.acceptor.local_endpoint().port();
    return {.host = "127.0.0.1",
            .port = port,
            .target = "/health?x=1",
            .url = fmt::format("http://127.0.0.1:{}/health?x=1", port),
            .status = {}};
  }
  Result<> ask_http_that_says(const std::string& reply, std::optional<int> status = {}) {
    const auto server = serve(reply);
    ReadyHttp http = http_to(*server);
    http.url = "http://x/";
    http.status = status;
    return once(http);
  }
};

using TcpProbe = ProbeTest;
using UdpProbe = ProbeTest;
using HttpProbe = ProbeTest;
using CommandProbe = ProbeTest;

TEST_F(TcpProbe, is_answered_by_whatever_listens) {
  tcp::acceptor acceptor{loop_.executor(), kTcpLoopback};
  const auto port = acceptor.local_endpoint().port();
  const auto answer = until_ready(ReadyTcp{.host = "127.0.0.1", .port = port});
  ASSERT_TRUE(answer) << answer.error().what;
  EXPECT_EQ(answer->tries, 1);
  EXPECT_EQ(answer->text, fmt::format("tcp 127.0.0.1:{} answered at the first try", port));
}

TEST_F(TcpProbe, tells_the_very_endpoint_it_speaks_from_before_it_connects) {
  tcp::acceptor acceptor{loop_.executor(), kTcpLoopback};
  bool early = false;
  const auto told = [&](Protocol protocol, const Endpoint& endpoint) {
    spoken_.emplace_back(protocol, endpoint);
    acceptor.non_blocking(true);
    boost::system::error_code error;
    static_cast<void>(acceptor.accept(error));
    early = error == asio::error::would_block;
  };
  const Ready ready = ReadyTcp{.host = "127.0.0.1", .port = acceptor.local_endpoint().port()};
  ASSERT_TRUE(loop_.run(probe_once(ready, {}, seconds{10}, told)));
  tcp::endpoint peer;
  static_cast<void>(acceptor.accept(peer));
  ASSERT_EQ(spoken_.size(), 1U);
  EXPECT_TRUE(early);
  EXPECT_EQ(spoken_[0].first, Protocol::tcp);
  EXPECT_EQ(spoken_[0].second.to_string(), fmt::format("127.0.0.1:{}", peer.port()));
}

TEST_F(TcpProbe, asks_again_until_something_listens) {
  tcp::acceptor acceptor = deaf();
  const auto port = acceptor.local_endpoint().port();
  int tries = 0;
  const auto told = [&](Protocol, const Endpoint&) {
    if (++tries == 3) acceptor.listen();
  };
  const auto answer = loop_.run(probe_until_ready(ReadyTcp{.host = "127.0.0.1", .port = port}, {}, told));
  ASSERT_TRUE(answer) << answer.error().what;
  EXPECT_EQ(answer->tries, 3);
  EXPECT_EQ(answer->text, fmt::format("tcp 127.0.0.1:{} answered after 3 tries", port));
}

TEST_F(TcpProbe, says_who_refused) {
  const tcp::acceptor acceptor = deaf();
  const auto port = acceptor.local_endpoint().port();
  const auto answer = once(ReadyTcp{.host = "127.0.0.1", .port = port});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().what, fmt::format("tcp 127.0.0.1:{}: Connection refused", port));
}

TEST_F(TcpProbe, asks_the_ipv6_loopback_where_the_ipv4_one_refuses) {
  tcp::acceptor refusing = deaf();
  const auto port = refusing.local_endpoint().port();
  const tcp::acceptor acceptor{loop_.executor(), tcp::endpoint{asio::ip::address_v6::loopback(), port}};
  const auto answer = until_ready(ReadyTcp{.host = "", .port = port});
  ASSERT_TRUE(answer) << answer.error().what;
  EXPECT_EQ(answer->text, fmt::format("tcp [::1]:{} answered at the first try", port));
  ASSERT_EQ(spoken_.size(), 2U);
  EXPECT_TRUE(spoken_[0].second.address.is_v4());
  EXPECT_THAT(spoken_[1].second.to_string(), StartsWith("[::1]:"));
}

TEST_F(TcpProbe, looks_a_name_up) {
  const tcp::acceptor acceptor{loop_.executor(), kTcpLoopback};
  const auto port = acceptor.local_endpoint().port();
  const auto answer = until_ready(ReadyTcp{.host = "localhost", .port = port});
  ASSERT_TRUE(answer) << answer.error().what;
  EXPECT_EQ(answer->text, fmt::format("tcp localhost:{} answered at the first try", port));
}

TEST_F(TcpProbe, ends_with_the_last_failure_when_it_is_cancelled) {
  const tcp::acceptor acceptor = deaf();
  const Ready ready = ReadyTcp{.host = "127.0.0.1", .port = acceptor.local_endpoint().port()};
  asio::cancellation_signal stop;
  std::optional<Result<ProbeAnswer>> answer;
  std::exception_ptr thrown;
  asio::co_spawn(loop_.executor(), probe_until_ready(ready, {}, speaks()),
                 asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr e, Result<ProbeAnswer> result) {
                   thrown = std::move(e);
                   answer = std::move(result);
                 }));
  loop_.until([&] { return spoken_.size() >= 3; });
  stop.emit(asio::cancellation_type::terminal);
  loop_.until([&] { return answer.has_value(); });
  EXPECT_EQ(thrown, nullptr);
  ASSERT_FALSE(*answer);
  EXPECT_THAT(answer->error().what, StartsWith(describe(ready) + ": Connection refused (after "));
}

TEST_F(UdpProbe, is_answered_by_any_datagram) {
  udp::socket server{loop_.executor(), kUdpLoopback};
  const auto port = server.local_endpoint().port();
  std::array<char, 64> asked{};
  udp::endpoint from;
  std::size_t size = 0;
  server.async_receive_from(asio::buffer(asked), from, [&](const boost::system::error_code&, std::size_t bytes) {
    size = bytes;
    server.send_to(asio::buffer("yes", 3), from);
  });
  const auto answer = until_ready(ReadyUdp{.host = "", .port = port, .send = "ready?"});
  ASSERT_TRUE(answer) << answer.error().what;
  EXPECT_EQ(answer->text, fmt::format("udp 127.0.0.1:{} answered at the first try", port));
  EXPECT_EQ((std::string_view{asked.data(), size}), "ready?");
  ASSERT_EQ(spoken_.size(), 1U);
  EXPECT_EQ(spoken_[0].first, Protocol::udp);
  EXPECT_EQ(spoken_[0].second.to_string(), fmt::format("127.0.0.1:{}", from.port()));
}

TEST_F(UdpProbe, sends_an_empty_datagram_by_default_and_takes_one_for_an_answer) {
  udp::socket server{loop_.executor(), kUdpLoopback};
  std::array<char, 64> asked{};
  udp::endpoint from;
  std::optional<std::size_t> size;
  server.async_receive_from(asio::buffer(asked), from, [&](const boost::system::error_code&, std::size_t bytes) {
    size = bytes;
    server.send_to(asio::buffer("", 0), from);
  });
  EXPECT_TRUE(once(ReadyUdp{.host = "127.0.0.1", .port = server.local_endpoint().port(), .send = {}}));
  EXPECT_EQ(size, 0U);
}

TEST_F(UdpProbe, fails_when_the_port_is_closed) {
  udp::socket server{loop_.executor(), kUdpLoopback};
  const auto port = server.local_endpoint().port();
  server.close();
  const auto answer = once(ReadyUdp{.host = "127.0.0.1", .port = port, .send = "x"});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().what, fmt::format("udp 127.0.0.1:{}: Connection refused", port));
}

TEST_F(UdpProbe, fails_when_nothing_comes_back_in_time) {
  const udp::socket server{loop_.executor(), kUdpLoopback};
  const auto port = server.local_endpoint().port();
  const auto answer = once(ReadyUdp{.host = "127.0.0.1", .port = port, .send = "x"}, milliseconds{20});
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().what, StartsWith(fmt::format("udp 127.0.0.1:{}: no answer within ", port)));
}

TEST_F(HttpProbe, asks_as_a_browser_would_and_takes_any_status_below_500) {
  const auto server = serve("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
  const ReadyHttp http = http_to(*server);
  const auto answer = until_ready(http);
  ASSERT_TRUE(answer) << answer.error().what;
  EXPECT_EQ(answer->text, fmt::format("http {} answered at the first try", http.url));
  EXPECT_THAT(server->request, StartsWith("GET /health?x=1 HTTP/1.1\r\n"));
  EXPECT_THAT(server->request, HasSubstr(fmt::format("\r\nHost: 127.0.0.1:{}\r\n", http.port)));
  EXPECT_THAT(server->request, HasSubstr("\r\nConnection: close\r\n"));
  ASSERT_EQ(spoken_.size(), 1U);
}

TEST_F(HttpProbe, fails_by_the_status) {
  EXPECT_EQ(ask_http_that_says("HTTP/1.1 503 Busy\r\n\r\n").error().what, "http http://x/: status 503");
  EXPECT_EQ(ask_http_that_says("HTTP/1.1 200 OK\r\n\r\n", 204).error().what, "http http://x/: status 200");
  EXPECT_TRUE(ask_http_that_says("HTTP/1.0 204 \r\n\r\n", 204));
  EXPECT_TRUE(ask_http_that_says("HTTP/1.1 503 Busy\r\n\r\n", 503));
}

TEST_F(HttpProbe, fails_by_an_answer_that_is_not_http) {
  EXPECT_EQ(ask_http_that_says("SSH-2.0-OpenSSH_9.2\r\n").error().what, "http http://x/: no HTTP/1 answer");
  EXPECT_EQ(ask_http_that_says(std::string(20'000, 'x')).error().what, "http http://x/: no HTTP/1 answer");
  EXPECT_THAT(ask_http_that_says("").error().what, StartsWith("http http://x/: closed without an answer"));
}

TEST_F(HttpProbe, fails_when_no_answer_comes_in_time) {
  const tcp::acceptor acceptor{loop_.executor(), kTcpLoopback};
  const ReadyHttp http{.host = "127.0.0.1", .port = acceptor.local_endpoint().port(), .url = "http://x/", .status = {}};
  const auto answer = once(http, milliseconds{20});
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().what, StartsWith("http http://x/: no answer within "));
}

TEST(StatusLine, is_read_strictly) {
  EXPECT_EQ(parse_status_line("HTTP/1.1 200 OK"), 200);
  EXPECT_EQ(parse_status_line("HTTP/1.0 404"), 404);
  for (const char* line : {"", "HTTP/1.1", "HTTP/1.1 20", "HTTP/1.1 2000", "HTTP/2.0 200 OK", "HTTP/1.1  200 OK",
                           "HTTP/1.x 200 OK", "http/1.1 200 OK"}) {
    EXPECT_FALSE(parse_status_line(line)) << line;
  }
}

TEST_F(CommandProbe, is_answered_by_exit_status_0_and_has_the_environment) {
  const Ready ready = ReadyCommand{.command = Command::shell("[ \"$TIDEGATE_SERVICE\" = palworld ]")};
  EXPECT_TRUE(once(ready, seconds{10}, {{"TIDEGATE_SERVICE", "palworld"}}));
  const auto answer = once(ready, seconds{10}, {{"TIDEGATE_SERVICE", "wiki"}});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().what, "command [ \"$TIDEGATE_SERVICE\" = palworld ]: exited 1");
}

TEST_F(CommandProbe, says_what_cannot_be_run) {
  EXPECT_EQ(once(ReadyCommand{.command = {{"/srv/x"}}}).error().what,
            "command /srv/x: run /srv/x: No such file or directory");
}

TEST_F(CommandProbe, is_killed_with_its_group_when_it_takes_too_long) {
  const auto answer = once(ReadyCommand{.command = Command::shell("sleep 1000 & sleep 1000; :")}, milliseconds{50});
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().what, HasSubstr(": not ended after "));
  loop_.until([] { return !test::has_children(); });
}

TEST_F(CommandProbe, is_asked_again_until_it_agrees) {
  const test::TemporaryDirectory directory;
  const std::string path = directory.file("tries");
  const auto answer =
      until_ready(ReadyCommand{.command = Command::shell(fmt::format("echo >> {0}; [ $(wc -l < {0}) = 4 ]", path))});
  ASSERT_TRUE(answer) << answer.error().what;
  EXPECT_EQ(answer->tries, 4);
}

TEST_F(ProbeTest, counts_as_ready_at_once_where_nothing_is_asked) {
  const auto answer = until_ready(ReadyNow{});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->text, "no probe");
}

TEST_F(ProbeTest, waits_for_a_plain_delay) {
  const Instant before = std::chrono::steady_clock::now();
  const auto answer = until_ready(ReadyDelay{.delay = milliseconds{20}});
  ASSERT_TRUE(answer);
  EXPECT_GE(std::chrono::steady_clock::now() - before, milliseconds{20});
  EXPECT_EQ(answer->text, "delay 20ms is over");
}

TEST_F(ProbeTest, can_be_left_in_the_middle_of_a_try) {
  bool completed = false;
  {
    test::TestLoop loop;
    const udp::socket silent{loop.executor(), kUdpLoopback};
    const Ready ready = ReadyUdp{.host = "127.0.0.1", .port = silent.local_endpoint().port(), .send = {}};
    asio::co_spawn(loop.executor(), probe_until_ready(ready, {}, speaks()),
                   [&](const std::exception_ptr&, const Result<ProbeAnswer>&) { completed = true; });
    loop.until([&] { return !spoken_.empty(); });
  }
  EXPECT_FALSE(completed);
}

TEST(DescribeReady, says_what_is_asked) {
  EXPECT_EQ(describe(ReadyNow{}), "none");
  EXPECT_EQ(describe(ReadyTcp{.host = "", .port = 8212}), "tcp 127.0.0.1:8212");
  EXPECT_EQ(describe(ReadyTcp{.host = "2001:db8::1", .port = 80}), "tcp [2001:db8::1]:80");
  EXPECT_EQ(describe(ReadyUdp{.host = "[::1]", .port = 53, .send = {}}), "udp [::1]:53");
  EXPECT_EQ(describe(ReadyHttp{.host = "x", .url = "http://x/health", .status = {}}), "http http://x/health");
  EXPECT_EQ(describe(ReadyCommand{.command = Command::shell("exit 0")}), "command exit 0");
  EXPECT_EQ(describe(ReadyDelay{.delay = seconds{90}}), "delay 1m30s");
}

}  // namespace
}  // namespace tidegate
