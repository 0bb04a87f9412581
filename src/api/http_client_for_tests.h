// A server on a thread of its own, and a client that sends what it is told, byte for byte, over real sockets.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <boost/asio.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <chrono>
#include <future>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "api/http_server.h"

namespace tidegate::test {

class RunningHttp {
 public:
  RunningHttp(HttpSettings settings, std::vector<HttpRoute> routes) {
    server_ = HttpServer::open(io_.get_executor(), std::move(settings), std::move(routes)).value();
    thread_ = std::thread{[this] { io_.run_for(std::chrono::seconds{60}); }};
  }
  ~RunningHttp() {
    boost::asio::co_spawn(io_, server_->close(), boost::asio::detached);
    thread_.join();  // the loop ends by itself only if nothing is left
  }
  RunningHttp(const RunningHttp&) = delete;
  RunningHttp& operator=(const RunningHttp&) = delete;

  [[nodiscard]] std::uint16_t port() const { return server_->endpoint().port; }

  // What `look` sees on the server's thread.
  template <class Look>
  auto on_thread(Look look) {
    return boost::asio::post(io_, boost::asio::use_future([this, look] { return look(*server_); })).get();
  }

 private:
  boost::asio::io_context io_;
  std::unique_ptr<HttpServer> server_;
  std::thread thread_;
};

struct HttpAnswer {
  int status = 0;  // 0: the connection ended before one came
  std::string header;
  std::string body;

  [[nodiscard]] bool has(std::string_view line) const { return header.find(line) != std::string::npos; }
};

class HttpClient {
 public:
  explicit HttpClient(std::uint16_t port) {
    boost::asio::ip::tcp::socket socket{io_};
    socket.connect({boost::asio::ip::address_v4::loopback(), port});
    socket_ = std::move(socket);
  }
  explicit HttpClient(const std::string& path) {
    boost::asio::local::stream_protocol::socket socket{io_};
    socket.connect(boost::asio::local::stream_protocol::endpoint{path});
    socket_ = std::move(socket);
  }

  // What the peer does not take any more is lost.
  void send(std::string_view text) {
    boost::system::error_code ended;
    boost::asio::write(socket_, boost::asio::buffer(text), ended);
  }

  // The bytes that were read and belong to no answer yet, after up to 64 KiB more; false at the end, or after 10 s.
  bool read_more() {
    pollfd ready{.fd = socket_.native_handle(), .events = POLLIN, .revents = 0};
    if (::poll(&ready, 1, 10'000) != 1) return false;
    std::string more(65'536, '\0');
    const auto size = ::recv(socket_.native_handle(), more.data(), more.size(), 0);
    if (size <= 0) return false;
    unread_.append(more, 0, static_cast<std::size_t>(size));
    return true;
  }

  // Up to and with `mark`; empty where the connection ends before.
  std::string read_until(std::string_view mark) {
    while (unread_.find(mark) == std::string::npos) {
      if (!read_more()) return {};
    }
    return take(unread_.find(mark) + mark.size());
  }

  // One answer; `head`: it has no body.
  HttpAnswer answer(bool head = false) {
    HttpAnswer answer{.header = read_until("\r\n\r\n")};
    if (answer.header.empty()) return answer;
    answer.status = std::stoi(answer.header.substr(answer.header.find(' ')));
    constexpr std::string_view kLength = "Content-Length: ";
    const auto length = answer.header.find(kLength);
    if (head || length == std::string::npos) return answer;
    const auto size = std::stoul(answer.header.substr(length + kLength.size()));
    while (unread_.size() < size && read_more()) {
    }
    answer.body = take(size);
    return answer;
  }

  // Whatever still comes, until the server closes; nothing is to be left after 10 s.
  std::string rest() {
    while (read_more()) {
    }
    return take(unread_.size());
  }

  void shut() { socket_.shutdown(boost::asio::socket_base::shutdown_send); }
  void receive_buffer(int bytes) { socket_.set_option(boost::asio::socket_base::receive_buffer_size{bytes}); }

 private:
  std::string take(std::size_t size) {
    auto taken = unread_.substr(0, size);
    unread_.erase(0, size);
    return taken;
  }

  boost::asio::io_context io_;
  boost::asio::generic::stream_protocol::socket socket_{io_};
  std::string unread_;
};

}  // namespace tidegate::test
