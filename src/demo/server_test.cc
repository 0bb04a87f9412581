#include "demo/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>
#include <string>

#include "forward/engine_for_tests.h"

namespace tidegate::demo {
namespace {

using for_tests::connect_to;
using for_tests::receive;
using for_tests::send_all;
using std::chrono::milliseconds;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Pair;
using testing::StartsWith;
using testing::UnorderedElementsAre;

ServerSettings on_loopback() {
  ServerSettings settings;
  settings.listen.address = IpAddress::parse("127.0.0.1").value();
  return settings;
}

class ServerTest : public testing::Test {
 protected:
  void start(const ServerSettings& settings = on_loopback()) {
    auto started = Server::start(settings);
    ASSERT_TRUE(started) << started.error().what;
    server_ = std::move(*started);
  }

  // What comes back of these bytes until the server ends the connection.
  std::string talk(std::string_view bytes, bool half_close = false) {
    const Fd client = connect_to(server_->port());
    EXPECT_TRUE(send_all(client.get(), bytes));
    if (half_close) ::shutdown(client.get(), SHUT_WR);
    return receive(client.get());
  }

  std::unique_ptr<Server> server_;
};

std::string get(std::string_view path, std::string_view fields = "") {
  return fmt::format("GET {} HTTP/1.1\r\nHost: a\r\n{}\r\n", path, fields);
}

constexpr std::string_view kClose = "Connection: close\r\n";

std::size_t count(std::string_view text, std::string_view what) {
  std::size_t found = 0;
  for (auto at = text.find(what); at != std::string_view::npos; at = text.find(what, at + what.size())) ++found;
  return found;
}

TEST_F(ServerTest, answers_a_request_and_keeps_the_connection_for_the_next) {
  start();
  const Fd client = connect_to(server_->port());
  ASSERT_TRUE(send_all(client.get(), get("/foo/1")));
  std::string first;
  while (!first.ends_with("foo/1")) {
    const auto more = receive(client.get(), 1);
    ASSERT_FALSE(more.empty()) << first;
    first += more;
  }
  EXPECT_THAT(first, AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), HasSubstr("Content-Length: 26\r\n")));
  ASSERT_TRUE(send_all(client.get(), get("/foo/2", kClose)));
  EXPECT_THAT(first + receive(client.get()), AllOf(HasSubstr("Hello, your path is: foo/1HTTP/1.1 200 OK\r\n"),
                                                   EndsWith("Connection: close\r\n\r\nHello, your path is: foo/2")));
  const auto counts = server_->stop();
  EXPECT_EQ(counts.connections, 1U);
  EXPECT_EQ(counts.answered, 2U);
}

TEST_F(ServerTest, answers_a_pipeline_in_order_however_it_is_cut) {
  start();
  const auto all = get("/1") + get("/2") + "POST /3 HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nGET " +
                   "HEAD /4 HTTP/1.1\r\nHost: a\r\n\r\n" + get("/5", kClose);
  for (const std::size_t step : {std::size_t{1}, std::size_t{7}, all.size()}) {
    const Fd client = connect_to(server_->port());
    for (std::size_t at = 0; at < all.size(); at += step) ASSERT_TRUE(send_all(client.get(), all.substr(at, step)));
    const auto said = receive(client.get());
    EXPECT_EQ(count(said, "HTTP/1.1 200 OK\r\n"), 5U);
    EXPECT_LT(said.find("path is: 1HTTP"), said.find("path is: 2HTTP"));
    EXPECT_LT(said.find("path is: 2HTTP"), said.find("path is: 3HTTP"));
    EXPECT_EQ(count(said, "path is: 4"), 0U) << "HEAD has no body";
    EXPECT_THAT(said, EndsWith("path is: 5"));
  }
}

TEST_F(ServerTest, takes_a_long_pipeline_from_a_client_that_does_not_read_yet) {
  start();
  constexpr std::size_t kRequests = 100'000;
  const Fd client = connect_to(server_->port());
  std::thread sender{[&] {
    std::string all;
    for (std::size_t i = 0; i < kRequests; ++i) all += get("/foo/bar");
    EXPECT_TRUE(send_all(client.get(), all + get("/last", kClose)));
  }};
  ::poll(nullptr, 0, 50);  // the server's answers fill the socket meanwhile
  const auto said = receive(client.get());
  sender.join();
  EXPECT_EQ(count(said, "Hello, your path is: foo/bar"), kRequests);
  EXPECT_THAT(said, EndsWith("Hello, your path is: last"));
}

TEST_F(ServerTest, answers_what_came_before_the_client_closed_its_side) {
  start();
  EXPECT_THAT(talk(get("/1") + get("/2") + "GET /3", true), EndsWith("path is: 2"));
}

TEST_F(ServerTest, closes_after_an_answer_to_http_1_0) {
  start();
  EXPECT_THAT(talk("GET /old HTTP/1.0\r\n\r\n"), AllOf(HasSubstr("Connection: close"), EndsWith("path is: old")));
}

TEST_F(ServerTest, keeps_an_http_1_0_connection_that_asks_for_it) {
  start();
  EXPECT_EQ(count(talk("GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /2 HTTP/1.0\r\n\r\n"), "200 OK"), 2U);
}

TEST_F(ServerTest, asks_for_a_body_that_waits_to_be_asked_for) {
  start();
  const Fd client = connect_to(server_->port());
  ASSERT_TRUE(send_all(client.get(), "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"));
  EXPECT_EQ(receive(client.get(), 25), "HTTP/1.1 100 Continue\r\n\r\n");
  ASSERT_TRUE(send_all(client.get(), "abc" + get("/", kClose)));
  EXPECT_EQ(count(receive(client.get()), "HTTP/1.1 200 OK\r\n"), 2U);
}

TEST_F(ServerTest, skips_a_chunked_body) {
  start();
  const auto said = talk("POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nGET /\r\n0\r\n\r\n" +
                         get("/2", kClose));
  EXPECT_EQ(count(said, "HTTP/1.1 200 OK\r\n"), 2U);
}

TEST_F(ServerTest, refuses_what_is_wrong_and_counts_it) {
  auto settings = on_loopback();
  settings.most_body = 1000;
  start(settings);
  const auto refused = [&](int status) { return StartsWith(fmt::format("HTTP/1.1 {} ", status)); };
  EXPECT_THAT(talk("nonsense\r\n"), refused(400));
  EXPECT_THAT(talk(get("/" + std::string(9000, 'a'))), refused(414));
  EXPECT_THAT(talk(get("/", "A: " + std::string(40'000, 'a') + "\r\n")), refused(431));
  EXPECT_THAT(talk("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n"), refused(413));
  EXPECT_THAT(talk("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3E9\r\n" + std::string(1001, 'a')),
              refused(413));
  EXPECT_THAT(talk("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n"), refused(400));
  EXPECT_THAT(talk("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n"), refused(501));
  EXPECT_THAT(talk("GET / HTTP/3.0\r\n\r\n"), refused(505));
  const auto counts = server_->stop();
  EXPECT_THAT(counts.refused,
              UnorderedElementsAre(Pair(400, 2), Pair(413, 2), Pair(414, 1), Pair(431, 1), Pair(501, 1), Pair(505, 1)));
  EXPECT_EQ(counts.answered, 0U);
}

TEST_F(ServerTest, gives_what_was_asked_before_the_mistake) {
  start();
  const auto said = talk(get("/fine") + "nonsense\r\n" + get("/never"));
  EXPECT_THAT(said, HasSubstr("path is: fineHTTP/1.1 400 Bad Request\r\n"));
  EXPECT_EQ(count(said, "never"), 0U);
}

TEST_F(ServerTest, answers_408_to_a_request_that_does_not_end) {
  auto settings = on_loopback();
  settings.message = milliseconds{50};
  start(settings);
  EXPECT_THAT(talk("GET / HTTP/1.1\r\n"), StartsWith("HTTP/1.1 408 Request Timeout\r\n"));
  EXPECT_THAT(talk(get("/1") + "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"),
              HasSubstr("path is: 1HTTP/1.1 408 "));
}

TEST_F(ServerTest, says_nothing_when_it_ends_an_idle_connection) {
  auto settings = on_loopback();
  settings.idle = milliseconds{50};
  start(settings);
  EXPECT_EQ(talk(""), "");
  EXPECT_THAT(talk(get("/1")), EndsWith("path is: 1"));
  EXPECT_TRUE(server_->stop().refused.empty());
}

TEST_F(ServerTest, ends_a_client_that_does_not_read) {
  auto settings = on_loopback();
  settings.message = milliseconds{50};
  start(settings);
  const Fd client = connect_to(server_->port());
  std::string all;
  for (int i = 0; i < 1000; ++i) all += get("/" + std::string(8000, 'a'));
  while (send_all(client.get(), all)) continue;  // until the server has had enough
  EXPECT_TRUE(errno == ECONNRESET || errno == EPIPE) << std::strerror(errno);
}

TEST_F(ServerTest, leaves_who_is_too_many_waiting_until_there_is_room) {
  auto settings = on_loopback();
  settings.connections = 1;
  start(settings);
  Fd first = connect_to(server_->port());
  ASSERT_TRUE(send_all(first.get(), get("/first")));
  ASSERT_FALSE(receive(first.get(), 1).empty());
  const Fd second = connect_to(server_->port());
  ASSERT_TRUE(send_all(second.get(), get("/second", kClose)));
  char byte = 0;
  EXPECT_LT(::recv(second.get(), &byte, 1, MSG_DONTWAIT), 0) << "not yet";
  first.reset();
  EXPECT_THAT(receive(second.get()), EndsWith("path is: second"));
}

TEST_F(ServerTest, says_that_its_port_is_taken) {
  start();
  for (const std::size_t threads : {1U, 2U}) {
    auto settings = on_loopback();
    settings.threads = threads;
    settings.listen.first = settings.listen.last = server_->port();
    const auto second = Server::start(settings);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().what, fmt::format("bind 127.0.0.1:{}: Address already in use", server_->port()));
  }
}

TEST_F(ServerTest, shares_its_connections_among_its_threads) {
  auto settings = on_loopback();
  settings.threads = 3;
  start(settings);
  for (int i = 0; i < 30; ++i) EXPECT_THAT(talk(get("/x", kClose)), EndsWith("path is: x"));
  const auto counts = server_->stop();
  EXPECT_EQ(counts.answered, 30U);
  EXPECT_EQ(counts.connections, 30U);
  EXPECT_EQ(server_->stop().answered, 30U);
}

}  // namespace
}  // namespace tidegate::demo
