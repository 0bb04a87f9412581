// The HTTP API of the daemon: its server, opened where the configuration has `api`, and the routes that answer. Control
// thread only.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "api/http_server.h"
#include "base/error.h"
#include "model/api.h"

namespace tidegate {

class Daemon;

class HttpApi {
 public:
  // The daemon outlives it.
  explicit HttpApi(Daemon& daemon) : daemon_{daemon} {}
  HttpApi(const HttpApi&) = delete;
  HttpApi& operator=(const HttpApi&) = delete;

  // Serves after these settings from now on, or not at all where they are not enabled. Where they are those of before,
  // nothing happens; clients of a server that is replaced are dropped. On an error the server stays as it was: the
  // token cannot be read, without one the address is reached from other hosts, or it cannot be listened on.
  [[nodiscard]] Result<> apply(const ApiSettings& settings);

  // Completes when no client is left.
  [[nodiscard]] boost::asio::awaitable<void> close();

  [[nodiscard]] Daemon& daemon() { return daemon_; }
  [[nodiscard]] const HttpServer* server() const { return server_.get(); }  // null: none

 private:
  Daemon& daemon_;
  ApiSettings settings_;
  std::string token_;
  std::unique_ptr<HttpServer> server_;
};

// The settings' own token, else the first line of their file, else TIDEGATE_TOKEN's; empty: none.
[[nodiscard]] Result<std::string> read_token(const ApiSettings& settings);

// Whether one of them is in the way of another.
[[nodiscard]] bool share_an_address(std::span<const ListenAddress> a, std::span<const ListenAddress> b);

// The table of routes.
[[nodiscard]] std::span<const HttpRow<HttpApi>> http_routes();

// GET /api/v1/stream (http_stream.cc): `event` as they come; `forward` and `service`, all of them at first, then each
// second those that changed. One that has gone is told as {"name": …, "removed": true}.
[[nodiscard]] boost::asio::awaitable<void> stream_changes(HttpApi& api, ApiRequest request, EventStream& client);

}  // namespace tidegate
