#include "action/webhook.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <deque>
#include <filesystem>
#include <fstream>
#include <vector>

#include "action/certificate_for_tests.h"
#include "host/task.h"
#include "tests/support/test_loop.h"

namespace tidegate {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

std::string status(int code) { return fmt::format("HTTP/1.1 {} Whatever\r\nContent-Length: 0\r\n\r\n", code); }

// Answers each connection's request with the next of `answers`: an empty one is no answer, the connection stays open.
class Target {
 public:
  explicit Target(test::TestLoop& loop) : acceptor_{loop.executor(), {asio::ip::address_v4::loopback(), 0}} {
    asio::co_spawn(loop.executor(), serve(), log_failure_of("target"));
  }

  void use_tls(const test::Certificate& certificate) {
    tls_.emplace(asio::ssl::context::tls_server);
    tls_->use_certificate_chain(asio::buffer(certificate.certificate));
    tls_->use_private_key(asio::buffer(certificate.key), asio::ssl::context::pem);
  }

  [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  void close() { acceptor_.close(); }

  std::deque<std::string> answers;  // the last one is given again and again
  std::vector<std::string> requests;

 private:
  asio::awaitable<void> serve() {
    for (;;) {
      auto [error, socket] = co_await acceptor_.async_accept(asio::as_tuple(asio::use_awaitable));
      if (error) co_return;
      asio::co_spawn(acceptor_.get_executor(), talk(std::move(socket)), [](const std::exception_ptr&) {
        // A client that goes away, or refuses the certificate, is what some tests are about.
      });
    }
  }

  asio::awaitable<void> talk(tcp::socket socket) {
    if (tls_) {
      asio::ssl::stream<tcp::socket> stream{std::move(socket), *tls_};
      co_await stream.async_handshake(asio::ssl::stream_base::server, asio::use_awaitable);
      co_await answer(stream);
    } else {
      co_await answer(socket);
    }
  }

  template <class Stream>
  asio::awaitable<void> answer(Stream& stream) {
    std::string request;
    const auto head =
        co_await asio::async_read_until(stream, asio::dynamic_buffer(request), "\r\n\r\n", asio::use_awaitable);
    const auto length = std::stoul(request.substr(request.find("Content-Length: ") + 16));
    if (request.size() < head + length) {
      co_await asio::async_read(stream, asio::dynamic_buffer(request),
                                asio::transfer_exactly(head + length - request.size()), asio::use_awaitable);
    }
    requests.push_back(request);
    const std::string text = answers.empty() ? std::string{kOk} : answers.front();
    if (answers.size() > 1) answers.pop_front();
    if (text.empty()) {
      char byte = 0;
      co_await asio::async_read(stream, asio::buffer(&byte, 1), asio::use_awaitable);  // until the client has gone
    }
    co_await asio::async_write(stream, asio::buffer(text), asio::use_awaitable);
  }

  tcp::acceptor acceptor_;
  std::optional<asio::ssl::context> tls_;
};

class WebhookTest : public ::testing::Test {
 public:
  ~WebhookTest() override {
    stop();
    std::filesystem::remove(ca_file_);
  }

  [[nodiscard]] std::string origin(std::string_view scheme = "http", std::string_view host = "127.0.0.1") const {
    return fmt::format("{}://{}:{}", scheme, host, target.port());
  }

  // Runs a Webhook with quick tries.
  Webhook& open(const std::string& url) {
    settings.url = HttpUrl::parse(url).value();
    hook_ =
        Webhook::open(loop.executor(), settings, [this](const std::string& why) { failures.push_back(why); }).value();
    asio::co_spawn(loop.executor(), hook_->run(),
                   asio::bind_cancellation_slot(stop_.slot(), [this](const std::exception_ptr&) { ended_ = true; }));
    ended_ = false;
    return *hook_;
  }

  // Posts the bodies and waits until they are done with, one way or the other.
  WebhookCounts post(const std::string& url, const std::vector<std::string>& bodies = {"{}"}) {
    Webhook& hook = open(url);
    for (const std::string& body : bodies) hook.post(body);
    loop.until([&] { return hook.counts().delivered + hook.counts().failed == bodies.size(); });
    return hook.counts();
  }

  void stop() {
    stop_.emit(asio::cancellation_type::terminal);
    loop.until([&] { return ended_; });
  }

  void trust(const test::Certificate& certificate) {
    settings.ca_file = ca_file_;
    std::ofstream{ca_file_} << certificate.certificate;
  }

  test::TestLoop loop;
  Target target{loop};
  WebhookSettings settings{.url = {}, .ca_file = {}, .first_wait = 1ms};
  std::vector<std::string> failures;

 private:
  std::string ca_file_ =
      fmt::format("{}/tidegate-webhook-{}.pem", std::filesystem::temp_directory_path().string(), target.port());
  std::unique_ptr<Webhook> hook_;
  asio::cancellation_signal stop_;
  bool ended_ = true;
};

TEST_F(WebhookTest, posts_json_to_the_target_of_the_url) {
  EXPECT_EQ(post(origin() + "/hook?x=1", {R"({"a":1})"}), (WebhookCounts{.delivered = 1}));
  ASSERT_EQ(target.requests.size(), 1U);
  const std::string& request = target.requests[0];
  EXPECT_THAT(request, StartsWith("POST /hook?x=1 HTTP/1.1\r\n"));
  EXPECT_THAT(request, HasSubstr(fmt::format("\r\nHost: 127.0.0.1:{}\r\n", target.port())));
  EXPECT_THAT(request, HasSubstr("\r\nContent-Type: application/json\r\n"));
  EXPECT_THAT(request, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_TRUE(request.ends_with("\r\n\r\n{\"a\":1}")) << request;
}

TEST_F(WebhookTest, delivers_in_order) {
  EXPECT_EQ(post(origin(), {"1", "2", "3"}), (WebhookCounts{.delivered = 3}));
  ASSERT_EQ(target.requests.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(target.requests[i].back(), static_cast<char>('1' + i));
}

TEST_F(WebhookTest, tries_again_while_the_target_may_take_it_later) {
  target.answers = {status(500), status(503), status(408), status(429), status(204)};
  EXPECT_EQ(post(origin()), (WebhookCounts{.delivered = 1}));
  EXPECT_EQ(target.requests.size(), 5U);
  EXPECT_THAT(failures, IsEmpty());
}

TEST_F(WebhookTest, gives_up_after_its_last_try_and_goes_on_with_the_next) {
  target.answers = {status(500), status(500), status(500), status(500), status(502), status(200)};
  EXPECT_EQ(post(origin() + "/secret", {"1", "2"}), (WebhookCounts{.delivered = 1, .failed = 1}));
  EXPECT_THAT(failures, ElementsAre(fmt::format("post {}: status 502, after 5 tries", origin())));
}

TEST_F(WebhookTest, takes_a_refusal_as_final) {
  for (const int code : {400, 401, 404, 410, 301}) {
    target.requests.clear();
    target.answers = {status(code)};
    EXPECT_EQ(post(origin()), (WebhookCounts{.failed = 1})) << code;
    EXPECT_EQ(target.requests.size(), 1U);
    EXPECT_EQ(failures.back(), fmt::format("post {}: status {}", origin(), code));
    stop();
  }
}

TEST_F(WebhookTest, waits_longer_before_each_further_try) {
  target.answers = {status(500)};
  settings.first_wait = 20ms;
  settings.tries = 4;
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(post(origin()).failed, 1U);
  EXPECT_GE(std::chrono::steady_clock::now() - began, 140ms);  // 20 + 40 + 80
}

TEST_F(WebhookTest, takes_no_longer_than_it_may_over_all_tries) {
  target.answers = {status(500)};
  settings.first_wait = 1h;
  EXPECT_EQ(post(origin()).failed, 1U);
  EXPECT_THAT(failures, ElementsAre(HasSubstr(": status 500, after 1 try")));
}

TEST_F(WebhookTest, passes_over_interim_answers) {
  target.answers = {"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" + status(100) + status(200)};
  EXPECT_EQ(post(origin()), (WebhookCounts{.delivered = 1}));
}

TEST_F(WebhookTest, says_why_there_was_no_answer) {
  settings.tries = 2;
  target.answers = {"SSH-2.0-OpenSSH\r\n\r\n"};
  post(origin());
  EXPECT_THAT(failures.back(), HasSubstr("read the answer: no HTTP/1 answer: "));
  stop();
  target.answers = {"HTTP/1.1 200 OK\r\n"};
  post(origin());
  EXPECT_THAT(failures.back(), HasSubstr("read the answer: "));
  stop();
  target.answers = {"HTTP/1.1 200 OK\r\nX: " + std::string(20'000, 'x')};
  post(origin());
  EXPECT_THAT(failures.back(), HasSubstr("read the answer: "));
  stop();
  settings.timeout = 300ms;
  target.answers = {""};
  post(origin());
  EXPECT_EQ(failures.back(), fmt::format("post {}: read the answer: no answer within 0.3 s, after 2 tries", origin()));
  stop();
  const std::string closed = origin();
  target.close();
  post(closed);
  EXPECT_EQ(failures.back(), fmt::format("post {}: connect 127.0.0.1: Connection refused, after 2 tries", closed));
  stop();
  post("http://no-such-host.invalid/");
  EXPECT_THAT(failures.back(), StartsWith("post http://no-such-host.invalid: look up no-such-host.invalid: "));
}

TEST_F(WebhookTest, leaves_out_the_oldest_of_too_many) {
  Webhook& hook = open(origin());
  for (std::size_t i = 0; i < Webhook::kMostWaiting + 2; ++i) hook.post(fmt::format("{{\"n\":{}}}", i));
  EXPECT_EQ(hook.waiting(), Webhook::kMostWaiting);
  EXPECT_EQ(hook.counts().left_out, 2U);
  loop.until([&] { return hook.counts().delivered == Webhook::kMostWaiting; });
  EXPECT_TRUE(target.requests.front().ends_with("{\"n\":2}"));
  EXPECT_TRUE(target.requests.back().ends_with("{\"n\":101}"));
  EXPECT_EQ(hook.waiting(), 0U);
}

TEST_F(WebhookTest, ends_at_once_when_it_is_cancelled) {
  target.answers = {""};
  Webhook& hook = open(origin());
  hook.post("{}");
  loop.until([&] { return target.requests.size() == 1; });
  const auto began = std::chrono::steady_clock::now();
  stop();
  EXPECT_LT(std::chrono::steady_clock::now() - began, 5s);
  EXPECT_EQ(hook.counts(), WebhookCounts{});
  EXPECT_THAT(failures, IsEmpty());
}

TEST_F(WebhookTest, speaks_tls_to_a_host_that_its_certificate_names) {
  const auto certificate = test::make_certificate("DNS:localhost,IP:127.0.0.1");
  target.use_tls(certificate);
  trust(certificate);
  for (const std::string_view host : {"localhost", "127.0.0.1"}) {
    EXPECT_EQ(post(origin("https", host) + "/hook", {R"({"a":1})"}), (WebhookCounts{.delivered = 1}));
    EXPECT_THAT(target.requests.back(), MatchesRegex("POST /hook(.|\n|\r)*\\{\"a\":1\\}"));
    stop();
  }
  EXPECT_THAT(failures, IsEmpty());
}

TEST_F(WebhookTest, refuses_a_certificate_that_nobody_trusted_has_signed) {
  settings.tries = 1;
  target.use_tls(test::make_certificate("DNS:localhost"));
  EXPECT_EQ(post(origin("https", "localhost")), (WebhookCounts{.failed = 1}));
  EXPECT_EQ(failures.back(), fmt::format("post {}: its certificate is refused: self-signed certificate, after 1 try",
                                         origin("https", "localhost")));
  stop();
  trust(test::make_certificate("DNS:localhost"));
  EXPECT_EQ(post(origin("https", "localhost")), (WebhookCounts{.failed = 1}));
  EXPECT_THAT(failures.back(), HasSubstr("its certificate is refused: "));
  EXPECT_THAT(target.requests, IsEmpty());
}

TEST_F(WebhookTest, refuses_a_certificate_of_another_host) {
  settings.tries = 1;
  const auto certificate = test::make_certificate("DNS:example.net,IP:192.0.2.1");
  target.use_tls(certificate);
  trust(certificate);
  EXPECT_EQ(post(origin("https", "localhost")), (WebhookCounts{.failed = 1}));
  EXPECT_THAT(failures.back(), HasSubstr("its certificate is refused: hostname mismatch"));
  stop();
  EXPECT_EQ(post(origin("https")), (WebhookCounts{.failed = 1}));
  EXPECT_THAT(failures.back(), HasSubstr("its certificate is refused: IP address mismatch"));
  EXPECT_THAT(target.requests, IsEmpty());
}

TEST_F(WebhookTest, says_that_the_target_speaks_no_tls) {
  settings.tries = 1;
  target.answers = {"HTTP/1.1 400 Bad Request\r\n\r\n"};
  settings.timeout = 1s;
  EXPECT_EQ(post(origin("https")), (WebhookCounts{.failed = 1}));
  EXPECT_THAT(failures.back(), HasSubstr(": TLS: "));
}

TEST_F(WebhookTest, says_that_a_file_of_certificates_cannot_be_read) {
  settings.url = HttpUrl::parse("https://example.net/secret").value();
  settings.ca_file = "/nonexistent.pem";
  const auto hook = Webhook::open(loop.executor(), settings, {});
  ASSERT_FALSE(hook);
  EXPECT_THAT(hook.error().what, StartsWith("post https://example.net: read the certificates of /nonexistent.pem: "));
}

}  // namespace
}  // namespace tidegate
