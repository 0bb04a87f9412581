#include "action/webhook.h"

#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/system/system_error.hpp>
#include <chrono>
#include <deque>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/units.h"
#include "host/look_up.h"
#include "host/within.h"
#include "model/address.h"

namespace tidegate {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

namespace {

using TlsStream = asio::ssl::stream<beast::tcp_stream>;
using Request = http::request<http::string_body>;

constexpr std::size_t kMostHead = 16'384;  // bytes of an answer up to its body, which nobody reads

// One try: the status of the answer, or why there is none.
using HttpStatus = Result<unsigned>;

Instant steady_now() { return std::chrono::steady_clock::now(); }

bool is_success(unsigned status) { return status >= 200 && status < 300; }

// Whether the same request may be taken a little later.
bool is_passing(unsigned status) {
  constexpr unsigned kRequestTimeout = 408;
  constexpr unsigned kTooManyRequests = 429;
  return status >= 500 || status == kRequestTimeout || status == kTooManyRequests;
}

// What a failed operation on the connection means. One that was cancelled did not fail: it has nobody who waits.
std::unexpected<Error> failed(std::string_view doing, const beast::error_code& error, Duration timeout) {
  if (error == asio::error::operation_aborted) throw boost::system::system_error{error};
  if (error == beast::error::timeout) return failure("{}: no answer within {}", doing, format_duration(timeout));
  if (error == http::error::end_of_stream || error == asio::error::eof || error == asio::ssl::error::stream_truncated) {
    return failure("{}: closed without an answer", doing);
  }
  if (error.category() == beast::error_code{http::error::bad_version}.category()) {
    return failure("{}: no HTTP/1 answer: {}", doing, error.message());
  }
  return failure("{}: {}", doing, error.message());
}

// Sends the request and reads the head of the final answer.
template <class Stream>
asio::awaitable<HttpStatus> exchange(Stream& stream, const Request& request, Duration timeout) {
  const auto [not_sent, sent] = co_await http::async_write(stream, request, kAsTuple);
  if (not_sent) co_return failed("send", not_sent, timeout);
  beast::flat_buffer buffer{kMostHead};
  for (;;) {
    http::response_parser<http::empty_body> parser;
    parser.header_limit(kMostHead);
    const auto [not_read, read] = co_await http::async_read_header(stream, buffer, parser, kAsTuple);
    if (not_read) co_return failed("read the answer", not_read, timeout);
    if (const unsigned status = parser.get().result_int(); status >= 200) co_return status;  // 1xx: more is to come
  }
}

Result<> trust(asio::ssl::context& context, const std::string& ca_file) {
  beast::error_code error;
  ::SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  context.set_verify_mode(asio::ssl::verify_peer);
  if (ca_file.empty()) {
    context.set_default_verify_paths(error);
    if (error) return failure("read the system's certificates: {}", error.message());
  } else {
    context.load_verify_file(ca_file, error);
    if (error) return failure("read the certificates of {}: {}", ca_file, error.message());
  }
  return {};
}

// Has the certificate verified against the host's name or address, and tells the target that name (RFC 6066).
bool expect_host(TlsStream& stream, const std::string& host) {
  ::SSL* const ssl = stream.native_handle();
  if (IpAddress::parse(host)) return ::X509_VERIFY_PARAM_set1_ip_asc(::SSL_get0_param(ssl), host.c_str()) == 1;
  return ::SSL_set1_host(ssl, host.c_str()) == 1 && SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
}

}  // namespace

struct Webhook::Impl {
  Impl(const asio::any_io_executor& executor, WebhookSettings s, Failed f)
      : settings{std::move(s)},
        what{"post " + settings.url.origin()},
        failed_one{std::move(f)},
        wake{executor, asio::steady_timer::time_point::max()} {}

  // The first of the host's addresses that takes the connection; each has its share of the time that is left.
  asio::awaitable<Result<beast::tcp_stream>> connect(Instant deadline) const {
    const HttpUrl& url = settings.url;
    const auto addresses = co_await look_up(url.host, settings.timeout);
    if (!addresses) co_return std::unexpected{addresses.error()};
    Result<beast::tcp_stream> result = failure("look up {}: it has no address", url.host);
    auto left = static_cast<Duration::rep>(addresses->size());
    for (const auto& address : *addresses) {
      beast::tcp_stream stream{co_await asio::this_coro::executor};
      const Duration share = (deadline - steady_now()) / left--;
      stream.expires_after(share);
      const auto [error] = co_await stream.async_connect(tcp::endpoint{address, url.port}, kAsTuple);
      if (!error) co_return stream;
      result = failed(fmt::format("connect {}", address.to_string()), error, share);
    }
    co_return result;
  }

  asio::awaitable<HttpStatus> try_once(const Request& request) {
    const Instant deadline = steady_now() + settings.timeout;
    auto connection = co_await connect(deadline);
    if (!connection) co_return std::unexpected{std::move(connection).error()};
    connection->expires_at(deadline);
    if (!tls) co_return co_await exchange(*connection, request, settings.timeout);

    TlsStream stream{*std::move(connection), *tls};
    if (!expect_host(stream, settings.url.host)) co_return failure("TLS: expect {}: out of memory", settings.url.host);
    if (const auto [error] = co_await stream.async_handshake(TlsStream::client, kAsTuple); error) {
      const auto verified = ::SSL_get_verify_result(stream.native_handle());
      if (verified == X509_V_OK) co_return failed("TLS", error, settings.timeout);
      co_return failure("its certificate is refused: {}", ::X509_verify_cert_error_string(verified));
    }
    co_return co_await exchange(stream, request, settings.timeout);
  }

  [[nodiscard]] Request request_with(std::string body) const {
    constexpr unsigned kHttp11 = 11;
    Request request{http::verb::post, settings.url.target, kHttp11, std::move(body)};
    request.set(http::field::host, settings.url.authority());
    request.set(http::field::user_agent, "tidegate");
    request.set(http::field::content_type, "application/json");
    request.keep_alive(false);
    request.prepare_payload();
    return request;
  }

  asio::awaitable<Result<>> deliver(std::string body) {
    const Instant deadline = steady_now() + settings.most;
    const Request request = request_with(std::move(body));
    asio::steady_timer pause{co_await asio::this_coro::executor};
    Duration wait = settings.first_wait;
    for (unsigned tried = 1;; ++tried) {
      const HttpStatus answered = co_await try_once(request);
      if (answered && is_success(*answered)) co_return Result<>{};
      const std::string why = answered ? fmt::format("status {}", *answered) : answered.error().what;
      if (answered && !is_passing(*answered)) co_return failure("{}: {}", what, why);
      if (tried >= settings.tries || steady_now() + wait >= deadline) {
        co_return failure("{}: {}, after {} {}", what, why, tried, tried == 1 ? "try" : "tries");
      }
      pause.expires_after(wait);
      co_await pause.async_wait(asio::use_awaitable);
      wait *= 2;
    }
  }

  asio::awaitable<void> run() {
    for (;;) {
      while (queue.empty()) co_await wake.async_wait(kAsTuple);  // throws when it begins anew after a cancellation
      std::string body = std::move(queue.front());
      queue.pop_front();
      const auto delivered = co_await deliver(std::move(body));
      ++(delivered ? counts.delivered : counts.failed);
      if (!delivered && failed_one) failed_one(delivered.error().what);
    }
  }

  const WebhookSettings settings;
  const std::string what;
  const Failed failed_one;
  std::optional<asio::ssl::context> tls;  // none: http
  asio::steady_timer wake;                // never expires: cancelled when something is posted
  std::deque<std::string> queue;
  WebhookCounts counts;
};

Result<std::unique_ptr<Webhook>> Webhook::open(const asio::any_io_executor& executor, WebhookSettings settings,
                                               Failed failed) {
  auto impl = std::make_unique<Impl>(executor, std::move(settings), std::move(failed));
  if (impl->settings.url.tls) {
    impl->tls.emplace(asio::ssl::context::tls_client);
    if (auto trusted = trust(*impl->tls, impl->settings.ca_file); !trusted) {
      return failure("{}: {}", impl->what, trusted.error().what);
    }
  }
  return std::unique_ptr<Webhook>{new Webhook{std::move(impl)}};
}

Webhook::Webhook(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}
Webhook::~Webhook() = default;

void Webhook::post(std::string body) {
  TIDEGATE_CHECK(body.size() <= kMostBody);
  auto& queue = impl_->queue;
  if (queue.size() == kMostWaiting) {
    queue.pop_front();
    ++impl_->counts.left_out;
  }
  queue.push_back(std::move(body));
  impl_->wake.cancel();
}

asio::awaitable<void> Webhook::run() { return impl_->run(); }

const WebhookCounts& Webhook::counts() const { return impl_->counts; }
std::size_t Webhook::waiting() const { return impl_->queue.size(); }

}  // namespace tidegate
