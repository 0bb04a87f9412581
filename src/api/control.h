// The control socket: one JSON object a line, a request from the client, one or more answers back.
//
//   → {"command": "keep", "name": "palworld", "for": 7200}
//   ← {"ok": true, "result": …}            or {"ok": false, "error": "…", "usage": true}
//
// A UNIX socket with mode 0600: who may open it may do everything.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <functional>
#include <memory>
#include <string>

#include "base/error.h"

namespace tidegate {

// Where an answer goes. Lives as long as the handler's coroutine.
class ControlReply {
 public:
  virtual ~ControlReply() = default;
  // Sends one line; throws system_error when the client has gone or does not read for 10 s.
  [[nodiscard]] virtual boost::asio::awaitable<void> send(boost::json::value answer) = 0;
  // Completes when the client has gone.
  [[nodiscard]] virtual boost::asio::awaitable<void> closed() = 0;
};

class ControlServer {
 public:
  // Answers one request. What it throws (std::exception) is sent as {"ok": false, "error": what()}.
  using Handler = std::function<boost::asio::awaitable<void>(boost::json::object request, ControlReply& reply)>;

  static constexpr std::size_t kMostClients = 64;
  static constexpr std::size_t kLongestRequest = 65'536;

  // Listens at `path`, making its folder (0755) where it is missing. A socket left behind by a dead tidegate is
  // replaced; one on which somebody answers is an error, and so is a file that is no socket.
  [[nodiscard]] static Result<std::unique_ptr<ControlServer>> open(const boost::asio::any_io_executor& executor,
                                                                   const std::string& path, Handler handler);

  // Unlinks the socket and drops the clients; their tasks end at once.
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  // Stops listening and asks the clients' tasks to end; completes when they have.
  [[nodiscard]] boost::asio::awaitable<void> close();

 private:
  struct Impl;
  explicit ControlServer(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;  // shared with the tasks of its clients
};

// The client's side, blocking. Sends one request and gives each answer's result to `each` until the server closes or
// `each` returns false. The error: nobody listens (with what to do about it), or the server's own words.
[[nodiscard]] Result<> ask_control(const std::string& path, const boost::json::object& request,
                                   const std::function<bool(const boost::json::value&)>& each);

// Who runs it decides: /run/tidegate/control.sock for root, else $XDG_RUNTIME_DIR/tidegate/control.sock (or
// /tmp/tidegate-UID).
[[nodiscard]] std::string default_control_path();

}  // namespace tidegate
