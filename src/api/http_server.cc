#include "api/http_server.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <array>
#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <ctime>
#include <list>

#include "api/access.h"
#include "api/http_dispatch.h"
#include "api/listener.h"
#include "base/log.h"

namespace tidegate {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using namespace asio::experimental::awaitable_operators;

namespace {

using StreamProtocol = asio::generic::stream_protocol;  // TCP and UNIX sockets alike
using Socket = StreamProtocol::socket;
using Acceptor = asio::basic_socket_acceptor<StreamProtocol>;
using SteadyClock = asio::steady_timer::clock_type;

constexpr std::size_t kReadAhead = 4096;                // of a body, or of a pipelined request
constexpr auto kGoodbye = std::chrono::seconds{1};      // for a client to read its last answer
constexpr auto kAcceptPause = std::chrono::seconds{1};  // after an error, out of descriptors, say
constexpr unsigned kUnacknowledged = 30'000;            // ms, TCP_USER_TIMEOUT: also of a window that stays shut
constexpr int kStreamBuffer = 65'536;                   // SO_SNDBUF of a stream: what one that does not read holds
constexpr auto kNever = SteadyClock::time_point::max();

struct Listener {
  Listener(Acceptor a, ListenAddress l) : acceptor{std::move(a)}, address{std::move(l)} {
    const auto local = acceptor.local_endpoint();
    bound = endpoint_in(local.data(), local.size());
  }
  Acceptor acceptor;
  ListenAddress address;
  Endpoint bound;
};

struct Connection {
  Connection(Socket s, const Listener& l, const HttpLimits& limits)
      : socket{std::move(s)}, listener{l}, timer{socket.get_executor()}, buffer{limits.header_bytes + kReadAhead} {}

  // The time until which the client or the handler must have done what is waited for.
  void expire_at(SteadyClock::time_point when) {
    deadline = when;
    if (deadline < timer.expiry()) timer.cancel();  // watch() sleeps too long
  }
  void expire_in(Duration duration) { expire_at(SteadyClock::now() + duration); }

  // Completes when the deadline has passed. What is still unread by the client is given up, the kernel's share too.
  asio::awaitable<void> watch() {
    while (deadline > SteadyClock::now()) {
      timer.expires_at(deadline);
      co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    beast::error_code ignored;
    socket.set_option(asio::socket_base::linger{true, 0}, ignored);
    socket.close(ignored);  // the socket's destructor would undo the option
  }

  Socket socket;
  const Listener& listener;
  SteadyClock::time_point deadline = kNever;
  asio::steady_timer timer;
  beast::flat_buffer buffer;  // what was read and not yet parsed
  std::string client;
};

// What an answer depends on beside itself.
struct Asked {
  unsigned version = 11;
  bool head = false;
  bool stream = false;
  bool keep_alive = false;
  bool api = false;  // below /api: not to be stored by anyone
};

// Everything before the body. The reason phrase and the Connection field are Beast's.
std::string head_of(const ApiResponse& response, const Asked& asked) {
  http::response<http::empty_body> message{static_cast<http::status>(response.status), asked.version};
  message.set(http::field::date, fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", fmt::gmtime(std::time(nullptr))));
  message.set("X-Content-Type-Options", "nosniff");
  if (asked.api) message.set(http::field::cache_control, "no-store");
  if (!response.content_type.empty()) message.set(http::field::content_type, response.content_type);
  const bool has_length = !asked.stream && response.status != 204 && response.status != 304;
  if (has_length) message.content_length(response.body.size());
  for (const auto& [name, value] : response.headers) message.set(name, value);
  message.keep_alive(asked.keep_alive);
  std::string head = fmt::format("HTTP/1.{} {} {}\r\n", asked.version % 10, response.status,
                                 std::string_view{http::obsolete_reason(message.result())});
  for (const auto& field : message) {
    head += fmt::format("{}: {}\r\n", std::string_view{field.name_string()}, std::string_view{field.value()});
  }
  return head + "\r\n";
}

void fill(ApiRequest& request, const http::request<http::string_body>& message) {
  request.method = message.method_string();
  for (const auto& field : message.base()) {
    std::string name = field.name_string();
    std::ranges::transform(name, name.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 32) : c; });
    const auto [place, added] = request.headers.try_emplace(std::move(name), field.value());
    if (!added) place->second.append(", ").append(field.value());
  }
}

// The answer to bytes that are no request within the bounds; nothing where there is nobody to answer to.
std::optional<ApiResponse> unreadable(const beast::error_code& error) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return error_response(431, "the header is longer than this API takes");
  }
  if (error == http::error::body_limit) return error_response(413, "the body is longer than this API takes");
  if (error == http::error::end_of_stream || error == http::error::partial_message) return std::nullopt;
  if (error.category() != http::make_error_code(http::error::bad_method).category()) return std::nullopt;
  return error_response(400, fmt::format("the request is not HTTP/1.1: {}", error.message()));
}

void prepare(Connection& connection) {
  const int fd = connection.socket.native_handle();
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  if (connection.listener.address.is_unix()) {
    connection.client = "unix";
    return;
  }
  beast::error_code error;
  const auto peer = connection.socket.remote_endpoint(error);
  if (!error) connection.client = endpoint_in(peer.data(), peer.size()).to_string();
  // Refused options cost time only.
  connection.socket.set_option(asio::ip::tcp::no_delay{true}, error);
  ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &kUnacknowledged, sizeof kUnacknowledged);
}

// Ends the answers, and reads what the client is still sending: closing over it would reset the connection, and the
// client might lose the last answer.
asio::awaitable<void> say_goodbye(Connection& connection) {
  connection.expire_in(kGoodbye);
  beast::error_code error;
  connection.socket.shutdown(Socket::shutdown_send, error);
  while (!error) {
    connection.buffer.clear();
    const auto [read_error, size] = co_await connection.socket.async_read_some(connection.buffer.prepare(kReadAhead),
                                                                               asio::as_tuple(asio::use_awaitable));
    error = read_error;
  }
}

class Stream final : public EventStream {
 public:
  Stream(Connection& connection, const HttpLimits& limits)
      : connection_{connection}, limits_{limits}, free_{connection.socket.get_executor(), kNever} {}

  asio::awaitable<bool> send(std::string_view event, std::string_view data, std::string_view id) override {
    return write(event_text(event, data, id));
  }

  // Never: it is to be cancelled.
  asio::awaitable<void> keep_alive() {
    asio::steady_timer timer{connection_.socket.get_executor()};
    do {
      timer.expires_after(limits_.keep_alive);
      co_await timer.async_wait(asio::use_awaitable);
    } while (co_await write(":\n\n"));
  }

  // Completes when the client has gone.
  asio::awaitable<void> gone() {
    beast::error_code error;
    while (!error) {
      connection_.buffer.clear();
      std::tie(error, std::ignore) = co_await connection_.socket.async_read_some(connection_.buffer.prepare(kReadAhead),
                                                                                 asio::as_tuple(asio::use_awaitable));
    }
  }

 private:
  // One at a time: a comment may not stand inside of an event.
  asio::awaitable<bool> write(std::string text) {
    while (busy_) co_await free_.async_wait(asio::as_tuple(asio::use_awaitable));
    busy_ = true;
    connection_.expire_in(limits_.stream_write);
    const auto [error, size] =
        co_await asio::async_write(connection_.socket, asio::buffer(text), asio::as_tuple(asio::use_awaitable));
    connection_.expire_at(kNever);
    busy_ = false;
    free_.cancel();
    co_return !error;
  }

  Connection& connection_;
  const HttpLimits& limits_;
  bool busy_ = false;
  asio::steady_timer free_;  // cancelled when a write ends
};

}  // namespace

struct HttpServer::Impl : std::enable_shared_from_this<HttpServer::Impl> {
  Impl(asio::any_io_executor e, HttpSettings s, std::vector<HttpRoute> r)
      : executor{std::move(e)}, settings{std::move(s)}, routes{std::move(r)}, all_gone{executor, kNever} {}

  [[nodiscard]] const HttpLimits& limits() const { return settings.limits; }

  // A task's error is its client's, who has gone, or its being cancelled: there is nobody to tell.
  void spawn(asio::awaitable<void> task) {
    const auto place = tasks.emplace(tasks.end());
    asio::co_spawn(
        executor, std::move(task),
        asio::bind_cancellation_slot(place->slot(), [self = shared_from_this(), place](const std::exception_ptr&) {
          self->tasks.erase(place);
          if (self->tasks.empty()) self->all_gone.cancel();
        }));
  }

  void stop() {
    beast::error_code ignored;
    for (auto& listener : listeners) {
      if (!listener.acceptor.is_open()) continue;
      if (listener.address.is_unix()) ::unlink(listener.address.unix_path.c_str());
      listener.acceptor.close(ignored);
    }
    for (auto task = tasks.begin(); task != tasks.end();) (task++)->emit(asio::cancellation_type::terminal);
  }

  asio::awaitable<void> accept_clients(Listener& listener) {
    const auto self = shared_from_this();
    asio::steady_timer pause{executor};
    while (listener.acceptor.is_open()) {
      auto [error, socket] = co_await listener.acceptor.async_accept(asio::as_tuple(asio::use_awaitable));
      if (!listener.acceptor.is_open()) co_return;
      if (!error) {
        admit(std::move(socket), listener);
      } else if (error != asio::error::connection_aborted) {
        log::warn("listen on {}: accept: {}", listener.address.to_string(), error.message());
        pause.expires_after(kAcceptPause);
        co_await pause.async_wait(asio::use_awaitable);
      }
    }
  }

  // Those past the bound are told so, unless they are too many as well.
  void admit(Socket socket, const Listener& listener) {
    const bool room = connections < limits().connections;
    if (!room && refused++ == 0) log::warn("api: a client was turned away: {} are connected", connections);
    if (room || turned_away < limits().connections) spawn(serve(std::move(socket), listener, room));
  }

  asio::awaitable<void> serve(Socket socket, const Listener& listener, bool room) {
    const auto self = shared_from_this();
    const Counted counted{room ? connections : turned_away};
    Connection connection{std::move(socket), listener, limits()};
    prepare(connection);
    co_await (converse(connection, room) || connection.watch());
  }

  // Never throws: watch() would be waited for.
  asio::awaitable<void> converse(Connection& connection, bool room) {
    try {
      connection.expire_in(limits().header);
      if (room) {
        while (co_await answer_one(connection)) connection.expire_in(limits().idle);
      } else {
        co_await reply(connection, error_response(503, "too many connections"), {});
      }
      co_await say_goodbye(connection);
    } catch (const std::exception& error) {
      log::debug("api: {}: {}", connection.client, error.what());
    }
  }

  // Reads one request and answers it; whether the client may send another.
  asio::awaitable<bool> answer_one(Connection& connection) {
    if (connection.buffer.size() == 0) {
      const auto size =
          co_await connection.socket.async_read_some(connection.buffer.prepare(kReadAhead), asio::use_awaitable);
      connection.buffer.commit(size);
    }
    const auto begin = SteadyClock::now();
    http::request_parser<http::string_body> parser;
    parser.header_limit(limits().header_bytes);
    parser.body_limit(limits().body_bytes);
    const auto error = co_await read(connection, parser, begin);
    if (error) {
      auto refusal = unreadable(error);
      if (refusal) co_await reply(connection, std::move(*refusal), {});
      co_return false;
    }
    const auto& message = parser.get();
    Asked asked{.version = message.version(),
                .head = message.method() == http::verb::head,
                .keep_alive = message.keep_alive(),
                .api = message.target().starts_with("/api")};
    const auto hosts = message.count(http::field::host);
    if (hosts > 1 || (hosts == 0 && message.version() > 10)) {
      asked.keep_alive = false;
      co_return co_await reply(connection, error_response(400, "a request has one Host header"), asked);
    }
    ApiRequest request{.client = connection.client};
    fill(request, message);
    const auto route = find_route(request, message.target(), routes, access(connection.listener));
    if (!route) co_return co_await reply(connection, route.error(), asked);
    request.body = std::move(parser.get().body());
    if ((*route)->stream) co_return co_await answer_stream(connection, **route, std::move(request), asked);
    connection.expire_in(limits().handler);
    auto response = co_await ask((*route)->answer, std::move(request));
    co_return co_await reply(connection, std::move(response), asked);
  }

  asio::awaitable<beast::error_code> read(Connection& connection, http::request_parser<http::string_body>& parser,
                                          SteadyClock::time_point begin) const {
    connection.expire_at(begin + limits().header);
    auto [error, size] = co_await http::async_read_header(connection.socket, connection.buffer, parser,
                                                          asio::as_tuple(asio::use_awaitable));
    if (error) co_return error;
    connection.expire_at(begin + limits().request);
    if (beast::iequals(parser.get()[http::field::expect], "100-continue")) {
      constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
      co_await asio::async_write(connection.socket, asio::buffer(kContinue), asio::use_awaitable);
    }
    std::tie(error, size) =
        co_await http::async_read(connection.socket, connection.buffer, parser, asio::as_tuple(asio::use_awaitable));
    co_return error;
  }

  [[nodiscard]] HttpAccess access(const Listener& listener) const {
    const bool open = settings.token.empty() && !listener.address.is_unix();  // no browser speaks to a UNIX socket
    return {.token = settings.token, .check_host = open && is_local(listener.address), .check_origin = open};
  }

  static asio::awaitable<ApiResponse> ask(const HttpHandler& handler, ApiRequest request) {
    std::string trouble;
    const auto what = fmt::format("{} /{}", request.method, fmt::join(request.path, "/"));
    try {
      co_return co_await handler(std::move(request));
    } catch (const HttpError& error) {
      co_return error_response(error.status(), error.what());
    } catch (const std::exception& error) {
      trouble = error.what();
    }
    if ((co_await asio::this_coro::cancellation_state).cancelled() == asio::cancellation_type::none) {
      log::error("api: {}: {}", what, trouble);
    }
    co_return error_response(500, "this failed inside of tidegate; its log says why");
  }

  // Sends the answer; whether the connection goes on.
  asio::awaitable<bool> reply(Connection& connection, ApiResponse response, Asked asked) const {
    connection.expire_in(limits().answer);
    const auto head = head_of(response, asked);
    const std::array<asio::const_buffer, 2> both{asio::buffer(head), asio::buffer(response.body)};
    if (asked.head) {
      co_await asio::async_write(connection.socket, both.front(), asio::use_awaitable);
    } else {
      co_await asio::async_write(connection.socket, both, asio::use_awaitable);
    }
    co_return asked.keep_alive;
  }

  // The body ends with the connection.
  asio::awaitable<bool> answer_stream(Connection& connection, const HttpRoute& route, ApiRequest request, Asked asked) {
    if (streams >= limits().streams) {
      ++refused;
      co_return co_await reply(connection, error_response(503, "too many streams"), asked);
    }
    const Counted counted{streams};
    asked.keep_alive = false;
    asked.stream = true;
    ApiResponse begin{.content_type = "text/event-stream", .headers = {{"Cache-Control", "no-store"}}};
    co_await reply(connection, std::move(begin), asked);
    if (asked.head) co_return false;
    connection.expire_at(kNever);  // Stream has a deadline for each write
    beast::error_code ignored;
    connection.socket.set_option(Socket::send_buffer_size{kStreamBuffer}, ignored);
    Stream stream{connection, limits()};
    co_await (run(route.stream, std::move(request), stream) || stream.keep_alive() || stream.gone());
    co_return false;
  }

  // Never throws, as converse().
  static asio::awaitable<void> run(const HttpStreamHandler& handler, ApiRequest request, EventStream& stream) {
    std::string trouble;
    try {
      co_await handler(std::move(request), stream);
      co_return;
    } catch (const std::exception& error) {
      trouble = error.what();
    }
    if ((co_await asio::this_coro::cancellation_state).cancelled() == asio::cancellation_type::none) {
      log::error("api: stream: {}", trouble);
    }
  }

  // Counts its own life.
  class Counted {
   public:
    explicit Counted(std::size_t& count) : count_{count} { ++count_; }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
    ~Counted() { --count_; }

   private:
    std::size_t& count_;
  };

  asio::any_io_executor executor;
  HttpSettings settings;
  std::vector<HttpRoute> routes;
  std::list<Listener> listeners;
  std::list<asio::cancellation_signal> tasks;  // of the listeners and the clients
  std::size_t connections = 0;
  std::size_t turned_away = 0;  // that are being told so
  std::size_t streams = 0;
  std::uint64_t refused = 0;
  asio::steady_timer all_gone;  // cancelled when the last task ends
};

Result<std::unique_ptr<HttpServer>> HttpServer::open(const asio::any_io_executor& executor, HttpSettings settings,
                                                     std::vector<HttpRoute> routes) {
  auto impl = std::make_shared<Impl>(executor, std::move(settings), std::move(routes));
  for (const auto& listen : impl->settings.listen) {
    auto socket = open_listener(listen);
    if (!socket) {
      impl->stop();
      return std::unexpected{std::move(socket.error())};
    }
    const StreamProtocol protocol{listen.is_unix() ? AF_UNIX : listen.address.is_v4() ? AF_INET : AF_INET6, 0};
    Acceptor acceptor{executor};
    acceptor.assign(protocol, socket->release());
    impl->listeners.emplace_back(std::move(acceptor), listen);
  }
  for (auto& listener : impl->listeners) impl->spawn(impl->accept_clients(listener));
  return std::unique_ptr<HttpServer>{new HttpServer{std::move(impl)}};
}

HttpServer::HttpServer(std::shared_ptr<Impl> impl) : impl_{std::move(impl)} {}

HttpServer::~HttpServer() { impl_->stop(); }

asio::awaitable<void> HttpServer::close() {
  impl_->stop();
  while (!impl_->tasks.empty()) co_await impl_->all_gone.async_wait(asio::as_tuple(asio::use_awaitable));
}

std::vector<Endpoint> HttpServer::endpoints() const {
  std::vector<Endpoint> all;
  all.reserve(impl_->listeners.size());
  for (const auto& listener : impl_->listeners) all.push_back(listener.bound);
  return all;
}

std::size_t HttpServer::clients() const { return impl_->connections; }
std::uint64_t HttpServer::refused() const { return impl_->refused; }

}  // namespace tidegate
