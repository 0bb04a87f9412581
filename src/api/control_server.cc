#include <unistd.h>

#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/json.hpp>
#include <cstdlib>
#include <list>

#include "api/control.h"
#include "api/json_text.h"
#include "api/listener.h"
#include "base/log.h"

namespace tidegate {

namespace asio = boost::asio;
namespace json = boost::json;
using Local = asio::local::stream_protocol;

namespace {

constexpr auto kPatience = std::chrono::seconds{10};  // for a request to come, and for an answer to be read

// Closes the socket when the time is up, which ends whatever waits on it.
class Deadline {
 public:
  explicit Deadline(Local::socket& socket) : timer_{socket.get_executor(), kPatience} {
    timer_.async_wait([&socket](const boost::system::error_code& error) {
      if (!error) socket.close();
    });
  }

 private:
  asio::steady_timer timer_;
};

class Reply final : public ControlReply {
 public:
  explicit Reply(Local::socket& socket) : socket_{socket} {}

  asio::awaitable<void> send(json::value answer) override {
    const auto line = json_text(answer) + "\n";
    const Deadline deadline{socket_};
    co_await asio::async_write(socket_, asio::buffer(line), asio::use_awaitable);
  }

  asio::awaitable<void> closed() override {
    char byte = 0;
    co_await asio::async_read(socket_, asio::buffer(&byte, 1), asio::as_tuple(asio::use_awaitable));
  }

 private:
  Local::socket& socket_;
};

}  // namespace

struct ControlServer::Impl : std::enable_shared_from_this<ControlServer::Impl> {
  Impl(const asio::any_io_executor& executor, std::string socket_path, Handler h)
      : path{std::move(socket_path)}, handler{std::move(h)}, acceptor{executor}, all_gone{executor} {}

  asio::awaitable<void> accept_clients() {
    const auto self = shared_from_this();
    while (acceptor.is_open()) {
      auto [error, socket] = co_await acceptor.async_accept(asio::as_tuple(asio::use_awaitable));
      if (error == asio::error::operation_aborted || !acceptor.is_open()) co_return;
      if (error) {  // out of descriptors, say: a pause instead of spinning
        log::warn("control {}: accept: {}", path, error.message());
        asio::steady_timer pause{acceptor.get_executor(), std::chrono::seconds{1}};
        co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
        continue;
      }
      if (clients.size() >= kMostClients) {
        log::warn("control {}: a client was turned away: {} are connected", path, clients.size());
        continue;
      }
      const auto place = clients.emplace(clients.end(), std::move(socket));
      asio::co_spawn(acceptor.get_executor(), serve(*place), [self, place](const std::exception_ptr&) {
        self->clients.erase(place);
        if (self->clients.empty()) self->all_gone.cancel();
      });
    }
  }

  asio::awaitable<void> serve(Local::socket& socket) {
    std::string line;
    {
      const Deadline deadline{socket};
      co_await asio::async_read_until(socket, asio::dynamic_buffer(line, kLongestRequest), '\n', asio::use_awaitable);
    }
    Reply reply{socket};
    std::string trouble;
    try {
      co_await handler(json::parse(line).as_object(), reply);
    } catch (const boost::system::system_error& error) {
      if (!socket.is_open() || error.code() == asio::error::operation_aborted) throw;
      trouble = fmt::format("the request is not one JSON object a line: {}", error.code().message());
    } catch (const std::exception& error) {
      trouble = error.what();
    }
    if (!trouble.empty()) co_await reply.send({{"ok", false}, {"error", trouble}});
  }

  std::string path;
  Handler handler;
  Local::acceptor acceptor;
  std::list<Local::socket> clients;
  asio::steady_timer all_gone;
};

Result<std::unique_ptr<ControlServer>> ControlServer::open(const asio::any_io_executor& executor,
                                                           const std::string& path, Handler handler) {
  auto listener = open_unix_listener(path, fmt::format("control {}", path));
  if (!listener) return std::unexpected{std::move(listener.error())};
  auto impl = std::make_shared<Impl>(executor, path, std::move(handler));
  impl->acceptor.assign(Local{}, listener->release());
  asio::co_spawn(executor, impl->accept_clients(),
                 asio::detached);  // ends when close() or ~ControlServer closes the acceptor
  return std::unique_ptr<ControlServer>{new ControlServer{std::move(impl)}};
}

ControlServer::ControlServer(std::shared_ptr<Impl> impl) : impl_{std::move(impl)} {}

ControlServer::~ControlServer() {
  if (impl_->acceptor.is_open()) ::unlink(impl_->path.c_str());
  boost::system::error_code ignored;
  impl_->acceptor.close(ignored);
  for (auto& client : impl_->clients) client.close(ignored);
}

asio::awaitable<void> ControlServer::close() {
  ::unlink(impl_->path.c_str());
  impl_->acceptor.close();
  boost::system::error_code ignored;
  for (auto& client : impl_->clients) client.shutdown(Local::socket::shutdown_both, ignored);
  while (!impl_->clients.empty()) {
    impl_->all_gone.expires_at(asio::steady_timer::time_point::max());
    co_await impl_->all_gone.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

}  // namespace tidegate
