// The server on real sockets: what it answers, and what a slow, greedy or hostile client gets.
#include "api/http_server.h"

#include <sys/stat.h>

#include <array>
#include <boost/json.hpp>
#include <list>

#include "api/http_client_for_tests.h"
#include "tests/support/temporary_directory.h"

namespace tidegate {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using namespace std::chrono_literals;
using test::HttpClient;
using test::RunningHttp;

const std::string kEnd = "\r\nHost: localhost\r\n\r\n";

struct World {
  std::string name = "world";
};

asio::awaitable<ApiResponse> hello(World& world, ApiRequest request) {
  co_return json_response({{"hello", world.name},
                           {"name", request.parameter("name")},
                           {"last", request.query_value("last")},
                           {"body", request.body},
                           {"x", request.header("x-test")}});
}

asio::awaitable<ApiResponse> refuse(World& /*world*/, ApiRequest /*request*/) {
  throw HttpError{409, "that is taken"};
  co_return ApiResponse{};
}

asio::awaitable<ApiResponse> fail(World& /*world*/, ApiRequest /*request*/) {
  throw std::runtime_error{"secret reason"};
  co_return ApiResponse{};
}

asio::awaitable<ApiResponse> wait_for_ever(World& /*world*/, ApiRequest /*request*/) {
  asio::steady_timer timer{co_await asio::this_coro::executor, asio::steady_timer::time_point::max()};
  co_await timer.async_wait(asio::use_awaitable);
  co_return ApiResponse{};
}

asio::awaitable<ApiResponse> big(World& /*world*/, ApiRequest /*request*/) {
  co_return ApiResponse{.content_type = "text/plain", .body = std::string(8'000'000, 'x')};
}

asio::awaitable<void> three_events(World& /*world*/, ApiRequest /*request*/, EventStream& stream) {
  for (const std::string_view id : {"1", "2", "3"}) {
    if (!co_await stream.send("event", "first line\nsecond line", id)) co_return;
  }
}

asio::awaitable<void> silent_stream(World& /*world*/, ApiRequest /*request*/, EventStream& /*stream*/) {
  asio::steady_timer timer{co_await asio::this_coro::executor, asio::steady_timer::time_point::max()};
  co_await timer.async_wait(asio::use_awaitable);
}

asio::awaitable<void> flood(World& /*world*/, ApiRequest /*request*/, EventStream& stream) {
  const std::string data(100'000, 'x');
  while (co_await stream.send("flood", data, "")) {
  }
}

constexpr std::array kRows = {
    HttpRow<World>{.method = "GET", .pattern = "/health", .answer = hello, .needs_token = false},
    HttpRow<World>{.method = "GET", .pattern = "/api/things/{name}", .answer = hello},
    HttpRow<World>{.method = "PUT", .pattern = "/api/things/{name}", .answer = hello},
    HttpRow<World>{.method = "POST", .pattern = "/api/taken", .answer = refuse},
    HttpRow<World>{.method = "GET", .pattern = "/api/broken", .answer = fail},
    HttpRow<World>{.method = "GET", .pattern = "/api/never", .answer = wait_for_ever},
    HttpRow<World>{.method = "GET", .pattern = "/api/big", .answer = big},
    HttpRow<World>{.method = "GET", .pattern = "/api/stream", .stream = three_events},
    HttpRow<World>{.method = "GET", .pattern = "/api/silent", .stream = silent_stream},
    HttpRow<World>{.method = "GET", .pattern = "/api/flood", .stream = flood},
};

ListenAddress loopback() { return {.unix_path = {}, .address = IpAddress::parse("127.0.0.1").value()}; }

class Http : public testing::Test {
 protected:
  // On any port of the loopback, with the routes above.
  RunningHttp& run(HttpLimits limits = {}, std::string token = {}) {
    HttpSettings settings{.listen = {loopback()}, .token = std::move(token), .limits = limits};
    server_.emplace(std::move(settings), bind_routes<World>(kRows, world_));
    return *server_;
  }
  HttpClient client() { return HttpClient{server_->port()}; }
  // The answer to one request of its own connection.
  test::HttpAnswer ask(const std::string& request) {
    auto one = client();
    one.send(request);
    return one.answer(request.starts_with("HEAD"));
  }
  std::size_t clients() {
    return server_->on_thread([](const HttpServer& server) { return server.clients(); });
  }

  // Whether the server lets go of every client, within 10 s.
  bool all_leave() {
    const auto most = std::chrono::steady_clock::now() + 10s;
    while (clients() != 0 && std::chrono::steady_clock::now() < most) std::this_thread::yield();
    return clients() == 0;
  }

  World world_;
  std::optional<RunningHttp> server_;
};

TEST_F(Http, gives_a_handler_path_query_header_and_body) {
  run();
  const auto answer =
      ask("PUT /api/things/a%20b?last=7 HTTP/1.1\r\nHost: localhost\r\nX-Test: yes\r\nContent-Length: 4\r\n\r\nbody");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(json::parse(answer.body),
            json::value({{"hello", "world"}, {"name", "a b"}, {"last", "7"}, {"body", "body"}, {"x", "yes"}}));
  EXPECT_TRUE(answer.has("Content-Type: application/json\r\n")) << answer.header;
  EXPECT_TRUE(answer.has("X-Content-Type-Options: nosniff\r\n")) << answer.header;
  EXPECT_TRUE(answer.has("Cache-Control: no-store\r\n")) << answer.header;
  EXPECT_TRUE(answer.has("Date: ")) << answer.header;
}

TEST_F(Http, lets_what_is_not_api_be_stored) {
  run();
  EXPECT_FALSE(ask("GET /health HTTP/1.1" + kEnd).has("Cache-Control"));
}

TEST_F(Http, keeps_a_connection_for_many_requests) {
  run();
  auto one = client();
  for (int i = 0; i < 5; ++i) {
    one.send("GET /health HTTP/1.1" + kEnd);
    EXPECT_EQ(one.answer().status, 200) << i;
  }
  one.send("GET /health HTTP/1.1\r\nConnection: close" + kEnd);
  EXPECT_EQ(one.answer().status, 200);
  EXPECT_EQ(one.rest(), "");
}

TEST_F(Http, answers_pipelined_requests_in_their_order_wherever_they_are_cut) {
  run();
  std::string all;
  for (int i = 0; i < 100; ++i) {
    all += fmt::format("PUT /api/things/{} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\n{:03}", i, i);
  }
  auto one = client();
  for (std::size_t at = 0; at < all.size(); at += 997) one.send(std::string_view{all}.substr(at, 997));
  for (int i = 0; i < 100; ++i) {
    const auto answer = one.answer();
    ASSERT_EQ(answer.status, 200) << i;
    EXPECT_EQ(json::parse(answer.body).at("body").as_string(), fmt::format("{:03}", i));
  }
}

TEST_F(Http, answers_head_as_get_without_the_body) {
  run();
  auto one = client();
  one.send("HEAD /health HTTP/1.1" + kEnd + "GET /health HTTP/1.1" + kEnd);
  const auto head = one.answer(true);
  const auto get = one.answer();
  EXPECT_EQ(head.status, 200);
  EXPECT_TRUE(head.has(fmt::format("Content-Length: {}\r\n", get.body.size()))) << head.header;
  EXPECT_EQ(get.status, 200);
}

TEST_F(Http, says_what_is_wrong_as_json) {
  run();
  const auto none = ask("GET /api/nothing HTTP/1.1" + kEnd);
  EXPECT_EQ(none.status, 404);
  EXPECT_TRUE(json::parse(none.body).at("error").is_string());
  const auto method = ask("DELETE /api/things/a HTTP/1.1" + kEnd);
  EXPECT_EQ(method.status, 405);
  EXPECT_TRUE(method.has("Allow: GET, HEAD, PUT, OPTIONS\r\n")) << method.header;
  const auto taken = ask("POST /api/taken HTTP/1.1" + kEnd);
  EXPECT_EQ(taken.status, 409);
  EXPECT_EQ(json::parse(taken.body), json::value({{"error", "that is taken"}}));
}

TEST_F(Http, answers_500_for_a_handler_that_fails_without_its_reason_and_goes_on) {
  run();
  auto one = client();
  one.send("GET /api/broken HTTP/1.1" + kEnd + "GET /health HTTP/1.1" + kEnd);
  const auto broken = one.answer();
  EXPECT_EQ(broken.status, 500);
  EXPECT_EQ(broken.body.find("secret"), std::string::npos);
  EXPECT_EQ(one.answer().status, 200);
}

TEST_F(Http, answers_options_with_what_is_possible_and_no_cors) {
  run();
  const auto answer = ask("OPTIONS /api/things/a HTTP/1.1" + kEnd);
  EXPECT_EQ(answer.status, 204);
  EXPECT_TRUE(answer.has("Allow: GET, HEAD, PUT, OPTIONS\r\n")) << answer.header;
  EXPECT_FALSE(answer.has("Access-Control")) << answer.header;
  EXPECT_FALSE(answer.has("Content-Length")) << answer.header;
}

TEST_F(Http, asks_for_the_token_where_one_is_set) {
  run({}, "s3cret");
  const auto missing = ask("GET /api/things/a HTTP/1.1" + kEnd);
  EXPECT_EQ(missing.status, 401);
  EXPECT_EQ(json::parse(missing.body), json::value({{"error", "missing authorization header"}}));
  EXPECT_TRUE(missing.has("WWW-Authenticate: Bearer\r\n")) << missing.header;
  const auto wrong = ask("GET /api/things/a HTTP/1.1\r\nAuthorization: Bearer s3creT" + kEnd);
  EXPECT_EQ(wrong.status, 401);
  EXPECT_EQ(json::parse(wrong.body), json::value({{"error", "invalid token"}}));
  EXPECT_EQ(ask("GET /api/things/a HTTP/1.1\r\nAuthorization: Bearer s3cret" + kEnd).status, 200);
  EXPECT_EQ(ask("GET /api/nothing HTTP/1.1" + kEnd).status, 401);
  EXPECT_EQ(ask("GET /health HTTP/1.1" + kEnd).status, 200);
  EXPECT_EQ(ask("GET /nothing HTTP/1.1" + kEnd).status, 404);
}

TEST_F(Http, without_a_token_is_not_reached_by_a_foreign_page) {
  run();
  EXPECT_EQ(ask("GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n").status, 403);
  EXPECT_EQ(ask("GET http://evil.example/health HTTP/1.1" + kEnd).status, 403);
  EXPECT_EQ(ask("PUT /api/things/a HTTP/1.1\r\nOrigin: http://evil.example" + kEnd).status, 403);
  EXPECT_EQ(ask("PUT /api/things/a HTTP/1.1\r\nOrigin: null" + kEnd).status, 403);
  EXPECT_EQ(ask("PUT /api/things/a HTTP/1.1\r\nOrigin: http://localhost" + kEnd).status, 200);
  EXPECT_EQ(ask("GET /api/things/a HTTP/1.1\r\nOrigin: http://evil.example" + kEnd).status, 200);
  EXPECT_EQ(ask(fmt::format("GET /health HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n", server_->port())).status, 200);
}

TEST_F(Http, with_a_token_is_reached_by_any_name) {
  run({}, "s3cret");
  EXPECT_EQ(ask("GET /health HTTP/1.1\r\nHost: gate.example\r\n\r\n").status, 200);
}

TEST_F(Http, refuses_what_can_be_read_in_two_ways) {
  run();
  const std::string post = "PUT /api/things/a HTTP/1.1\r\nHost: localhost\r\n";
  EXPECT_EQ(ask("GET /health HTTP/1.1\r\n\r\n").status, 400);                    // no Host
  EXPECT_EQ(ask("GET /health HTTP/1.1\r\nHost: localhost" + kEnd).status, 400);  // two
  EXPECT_EQ(ask(post + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd").status, 400);
  EXPECT_EQ(ask(post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").status, 400);
  EXPECT_EQ(ask(post + "Content-Length: -1\r\n\r\n").status, 400);
  EXPECT_EQ(ask("GET /health\r\n\r\n").status, 400);
  EXPECT_EQ(ask("GET /he alth HTTP/1.1" + kEnd).status, 400);
  EXPECT_EQ(ask("GET /%00 HTTP/1.1" + kEnd).status, 400);
  EXPECT_EQ(ask("\x16\x03\x01\x02\x01\x01\r\n\r\n").status, 400);  // TLS
}

TEST_F(Http, takes_a_chunked_body_and_says_continue_when_asked) {
  run();
  auto one = client();
  one.send("PUT /api/things/a HTTP/1.1\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue" + kEnd);
  EXPECT_EQ(one.answer().status, 100);
  one.send("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  EXPECT_EQ(json::parse(one.answer().body).at("body"), "abcde");
}

TEST_F(Http, bounds_header_and_body) {
  run();
  const auto header = ask("GET /health HTTP/1.1\r\nX: " + std::string(9000, 'x') + kEnd);
  EXPECT_EQ(header.status, 431);
  EXPECT_TRUE(header.has("Connection: close")) << header.header;
  const std::string put = "PUT /api/things/a HTTP/1.1\r\nHost: localhost\r\n";
  EXPECT_EQ(ask(put + "Content-Length: 65537\r\n\r\n" + std::string(65'537, 'x')).status, 413);
  EXPECT_EQ(ask(put + "Content-Length: 65536\r\n\r\n" + std::string(65'536, 'x')).status, 200);
  EXPECT_EQ(
      ask(put + "Transfer-Encoding: chunked\r\n\r\n10001\r\n" + std::string(65'537, 'x') + "\r\n0\r\n\r\n").status,
      413);
}

TEST_F(Http, answers_http_1_0_and_closes) {
  run();
  auto one = client();
  one.send("GET /health HTTP/1.0\r\n\r\n");
  EXPECT_EQ(one.answer().status, 200);
  EXPECT_EQ(one.rest(), "");
}

TEST_F(Http, drops_a_client_whose_header_does_not_come) {
  run({.header = 50ms});
  auto silent = client();
  EXPECT_EQ(silent.rest(), "");
  auto slow = client();
  slow.send("GET /health HTTP/1.1\r\nHost: loc");
  EXPECT_EQ(slow.rest(), "");
  EXPECT_EQ(clients(), 0U);
}

TEST_F(Http, drops_a_client_that_sends_its_body_byte_by_byte) {
  run({.request = 50ms});
  auto slow = client();
  slow.send("PUT /api/things/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nx");
  EXPECT_EQ(slow.rest(), "");
}

TEST_F(Http, drops_a_connection_that_is_idle) {
  run({.idle = 50ms});
  auto one = client();
  one.send("GET /health HTTP/1.1" + kEnd);
  EXPECT_EQ(one.answer().status, 200);
  EXPECT_EQ(one.rest(), "");
}

TEST_F(Http, drops_a_client_that_does_not_read_its_answer) {
  run({.answer = 50ms});
  auto one = client();
  one.receive_buffer(4096);
  one.send("GET /api/big HTTP/1.1" + kEnd);
  EXPECT_NE(one.read_until("\r\n\r\n"), "");
  EXPECT_TRUE(all_leave());
  EXPECT_LT(one.rest().size(), 8'000'000U);
}

TEST_F(Http, ends_a_handler_that_takes_too_long) {
  run({.handler = 50ms});
  auto one = client();
  one.send("GET /api/never HTTP/1.1" + kEnd);
  EXPECT_EQ(one.rest(), "");
}

TEST_F(Http, tells_those_past_the_bound_and_serves_again_when_there_is_room) {
  run();
  std::list<HttpClient> many;
  std::array<int, 2> counts{};
  for (int i = 0; i < 70; ++i) {
    many.emplace_back(server_->port());
    many.back().send("GET /health HTTP/1.1" + kEnd);
    const auto answer = many.back().answer();
    EXPECT_TRUE(answer.status == 200 || answer.status == 503) << answer.status;
    ++counts[answer.status == 503];
  }
  EXPECT_EQ(counts[0], 64);
  EXPECT_EQ(counts[1], 6);
  EXPECT_EQ(server_->on_thread([](const HttpServer& server) { return server.refused(); }), 6U);
  many.clear();
  EXPECT_TRUE(all_leave());
  EXPECT_EQ(ask("GET /health HTTP/1.1" + kEnd).status, 200);
}

TEST_F(Http, is_not_held_for_ever_by_many_slow_clients) {
  run({.header = 100ms});
  std::list<HttpClient> many;
  for (int i = 0; i < 64; ++i) {
    many.emplace_back(server_->port());
    many.back().send("GET /hea");
  }
  for (auto& slow : many) EXPECT_EQ(slow.rest(), "");
  EXPECT_EQ(ask("GET /health HTTP/1.1" + kEnd).status, 200);
}

TEST_F(Http, sends_events_until_the_handler_ends) {
  run();
  auto one = client();
  one.send("GET /api/stream HTTP/1.1" + kEnd);
  const auto answer = one.answer();
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.has("Content-Type: text/event-stream\r\n")) << answer.header;
  EXPECT_TRUE(answer.has("Cache-Control: no-store\r\n")) << answer.header;
  EXPECT_EQ(one.read_until("\n\n"), "event: event\nid: 1\ndata: first line\ndata: second line\n\n");
  EXPECT_EQ(one.rest(),
            "event: event\nid: 2\ndata: first line\ndata: second line\n\n"
            "event: event\nid: 3\ndata: first line\ndata: second line\n\n");
}

TEST_F(Http, answers_head_of_a_stream_without_one) {
  run();
  auto one = client();
  one.send("HEAD /api/silent HTTP/1.1" + kEnd);
  EXPECT_EQ(one.answer(true).status, 200);
  EXPECT_EQ(one.rest(), "");
}

TEST_F(Http, keeps_a_silent_stream_alive_with_comments) {
  run({.keep_alive = 20ms});
  auto one = client();
  one.send("GET /api/silent HTTP/1.1" + kEnd);
  EXPECT_EQ(one.answer().status, 200);
  EXPECT_EQ(one.read_until("\n\n"), ":\n\n");
  EXPECT_EQ(one.read_until("\n\n"), ":\n\n");
}

TEST_F(Http, ends_a_stream_whose_client_has_gone) {
  run();
  {
    auto one = client();
    one.send("GET /api/silent HTTP/1.1" + kEnd);
    EXPECT_EQ(one.answer().status, 200);
    EXPECT_EQ(clients(), 1U);
  }
  EXPECT_TRUE(all_leave());
}

TEST_F(Http, drops_a_reader_of_a_stream_that_does_not_read) {
  run({.stream_write = 50ms});
  auto one = client();
  one.receive_buffer(4096);
  one.send("GET /api/flood HTTP/1.1" + kEnd);
  EXPECT_EQ(one.answer().status, 200);
  EXPECT_TRUE(all_leave());
  EXPECT_LT(one.rest().size(), 8'000'000U);  // what the kernel held
}

TEST_F(Http, has_room_for_so_many_streams_and_for_other_requests_beside) {
  run({.streams = 2});
  std::list<HttpClient> streams;
  for (int i = 0; i < 2; ++i) {
    streams.emplace_back(server_->port());
    streams.back().send("GET /api/silent HTTP/1.1" + kEnd);
    EXPECT_EQ(streams.back().answer().status, 200);
  }
  EXPECT_EQ(ask("GET /api/silent HTTP/1.1" + kEnd).status, 503);
  EXPECT_EQ(ask("GET /health HTTP/1.1" + kEnd).status, 200);
}

TEST_F(Http, closes_with_streams_handlers_and_idle_clients_connected) {
  run();
  auto idle = client();
  auto stream = client();
  auto waiting = client();
  idle.send("GET /health HTTP/1.1" + kEnd);
  stream.send("GET /api/silent HTTP/1.1" + kEnd);
  waiting.send("GET /api/never HTTP/1.1" + kEnd);
  EXPECT_EQ(idle.answer().status, 200);
  EXPECT_EQ(stream.answer().status, 200);
  EXPECT_EQ(clients(), 3U);
  server_.reset();  // joins
  EXPECT_EQ(idle.rest(), "");
  EXPECT_EQ(stream.rest(), "");
  EXPECT_EQ(waiting.rest(), "");
}

TEST_F(Http, listens_on_a_unix_socket_for_its_owner_alone) {
  const test::TemporaryDirectory folder;
  const auto path = folder.file("api.sock");
  {
    const RunningHttp server{{.listen = {{.unix_path = path, .address = {}}}}, bind_routes<World>(kRows, world_)};
    struct stat status{};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
    HttpClient one{path};
    one.send("GET /health HTTP/1.1\r\nHost: any.name\r\n\r\n");
    EXPECT_EQ(one.answer().status, 200);
  }
  struct stat status{};
  EXPECT_NE(::stat(path.c_str(), &status), 0);
}

TEST_F(Http, opens_all_of_its_addresses_or_none) {
  const test::TemporaryDirectory folder;
  const auto path = folder.file("api.sock");
  run();
  auto taken = loopback();
  taken.first = taken.last = server_->port();
  asio::io_context io;
  const auto second = HttpServer::open(io.get_executor(), {.listen = {{.unix_path = path, .address = {}}, taken}}, {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().what, fmt::format("listen on 127.0.0.1:{}: Address already in use", taken.first));
  struct stat status{};
  EXPECT_NE(::stat(path.c_str(), &status), 0);
}

TEST_F(Http, listens_on_every_address_of_both_families) {
  asio::io_context io;
  const auto server =
      HttpServer::open(io.get_executor(), {.listen = {ListenAddress{.unix_path = {}, .address = {}}}}, {});
  ASSERT_TRUE(server) << server.error().what;
  EXPECT_NE((*server)->endpoint().port, 0);
  EXPECT_NO_THROW(HttpClient{(*server)->endpoint().port});
}

}  // namespace
}  // namespace tidegate
