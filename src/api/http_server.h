// The HTTP side of the API (RFC 9110, RFC 9112): a small server on the control thread, with routes from a table, JSON
// errors, bearer tokens and server-sent events. Everything a client can hold is bounded, every wait has a deadline.
//
// Checked before a handler is asked, in this order: the form of the target (400), the Host header (403, see
// access.h), the token (401), the path (404), the method (405), the Origin header (403).
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "model/address.h"
#include "model/forward.h"

namespace tidegate {

struct ApiRequest {
  using Fields = std::map<std::string, std::string, std::less<>>;

  std::string method;             // "GET", "POST", …; HEAD comes as "GET", its answer is sent without the body
  std::vector<std::string> path;  // decoded segments: {"api", "v1", "forwards"}; empty: "/"
  Fields parameters;              // of the route's pattern, decoded: {"name": "web"}
  Fields query;                   // decoded; of a name given twice the last
  Fields headers;                 // names in lower case; values of a name given twice joined by ", "
  std::string body;               // whole
  std::string client;             // "127.0.0.1:50311", or "unix"

  // The value, or an empty text where there is none.
  [[nodiscard]] std::string_view header(std::string_view lower_case_name) const {
    return value(headers, lower_case_name);
  }
  [[nodiscard]] std::string_view parameter(std::string_view name) const { return value(parameters, name); }
  [[nodiscard]] std::string_view query_value(std::string_view name) const { return value(query, name); }

 private:
  [[nodiscard]] static std::string_view value(const Fields& fields, std::string_view name) {
    const auto found = fields.find(name);
    return found == fields.end() ? std::string_view{} : found->second;
  }
};

struct ApiResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;  // extra ones; they win over the server's own
};

// `answer` on one line, with a new line at its end.
[[nodiscard]] ApiResponse json_response(const boost::json::value& answer, int status = 200);
[[nodiscard]] ApiResponse error_response(int status, std::string_view error);  // {"error": "…"}

// Thrown by a handler: the request cannot go on, and this is the answer.
class HttpError : public std::runtime_error {
 public:
  HttpError(int status, const std::string& error) : std::runtime_error{error}, status_{status} {}
  [[nodiscard]] int status() const { return status_; }

 private:
  int status_;
};

// One client of server-sent events (the EventSource chapter of the HTML standard).
class EventStream {
 public:
  virtual ~EventStream() = default;
  // Sends one event and completes when the kernel has it; `data` may have several lines, `event` and `id` may be empty.
  // False when the client has gone, or did not read for HttpLimits::stream_write.
  [[nodiscard]] virtual boost::asio::awaitable<bool> send(std::string_view event, std::string_view data,
                                                          std::string_view id) = 0;
};

// A handler runs on the server's executor. It is cancelled (terminal cancellation) when its time is up, when the server
// closes and, if it streams, when its client has gone; it must then end soon. An HttpError it throws is the answer;
// any other exception is logged and answered by 500. A stream ends when its handler does.
using HttpHandler = std::function<boost::asio::awaitable<ApiResponse>(ApiRequest)>;
using HttpStreamHandler = std::function<boost::asio::awaitable<void>(ApiRequest, EventStream&)>;

// Exactly one of the two handlers is set. A pattern is a path in which "{name}" stands for one segment that is not
// empty; the first route that fits is taken.
struct HttpRoute {
  std::string method;
  std::string pattern;
  HttpHandler answer;
  HttpStreamHandler stream;
  bool needs_token = true;  // where one is set; a path without a route needs it below /api
};

// A row of a constexpr table of routes, whose handlers are functions that are given what they are about.
template <class Context>
struct HttpRow {
  std::string_view method;
  std::string_view pattern;
  boost::asio::awaitable<ApiResponse> (*answer)(Context&, ApiRequest) = nullptr;
  boost::asio::awaitable<void> (*stream)(Context&, ApiRequest, EventStream&) = nullptr;
  bool needs_token = true;
};

// The rows as routes about `context`, which must outlive the server.
template <class Context>
[[nodiscard]] std::vector<HttpRoute> bind_routes(std::span<const HttpRow<Context>> rows, Context& context) {
  std::vector<HttpRoute> routes;
  routes.reserve(rows.size());
  for (const auto& row : rows) {
    HttpRoute route{std::string{row.method}, std::string{row.pattern}, {}, {}, row.needs_token};
    if (row.answer != nullptr) {
      route.answer = [&context, answer = row.answer](ApiRequest request) {
        return answer(context, std::move(request));
      };
    }
    if (row.stream != nullptr) {
      route.stream = [&context, stream = row.stream](ApiRequest request, EventStream& client) {
        return stream(context, std::move(request), client);
      };
    }
    routes.push_back(std::move(route));
  }
  return routes;
}

struct HttpLimits {
  std::size_t connections = 64;  // at once; past it 503 and close
  std::size_t streams = 32;      // of these; past it 503
  std::uint32_t header_bytes = 8192;
  std::uint64_t body_bytes = 65'536;
  Duration header = std::chrono::seconds{10};        // from the first byte of a request, or the connection's beginning
  Duration request = std::chrono::seconds{30};       // likewise, header and body
  Duration idle = std::chrono::seconds{60};          // between the requests of a connection
  Duration handler = std::chrono::minutes{5};        // for the answer to be made
  Duration answer = std::chrono::seconds{30};        // for the answer to be read
  Duration keep_alive = std::chrono::seconds{15};    // between comments on a stream
  Duration stream_write = std::chrono::seconds{10};  // for one event to be read
};

struct HttpSettings {
  std::vector<ListenAddress> listen;  // one port each, which may be 0: any; or a UNIX socket
  std::string token;                  // empty: none is asked for
  HttpLimits limits = {};
};

class HttpServer {
 public:
  // Listens on every address, or on none; answers as soon as the executor runs. The error: "listen on 127.0.0.1:8080:
  // Address already in use".
  // A UNIX socket gets mode 0600; see listener.h for one that is left behind.
  [[nodiscard]] static Result<std::unique_ptr<HttpServer>> open(const boost::asio::any_io_executor& executor,
                                                                HttpSettings settings, std::vector<HttpRoute> routes);

  // Stops listening and drops the clients. Their handlers end soon after; use close() to wait for them.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Stops listening, cancels what the clients wait for, and completes when all their tasks have ended.
  [[nodiscard]] boost::asio::awaitable<void> close();

  // What is bound, in the order of HttpSettings::listen; for a UNIX socket an empty one.
  [[nodiscard]] std::vector<Endpoint> endpoints() const;
  [[nodiscard]] Endpoint endpoint() const { return endpoints().front(); }

  [[nodiscard]] std::size_t clients() const;    // connected now
  [[nodiscard]] std::uint64_t refused() const;  // clients turned away because of a bound, so far

 private:
  struct Impl;
  explicit HttpServer(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;  // shared with the tasks of its clients
};

}  // namespace tidegate
