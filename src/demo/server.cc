#include "demo/server.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <thread>
#include <utility>

#include "base/fd.h"
#include "demo/server_connection.h"
#include "forward/loop.h"
#include "forward/socket.h"

namespace tidegate::demo {

namespace {

constexpr int kMostAccepts = 64;                            // in a turn
constexpr Duration kPause = std::chrono::milliseconds{50};  // of accepting, where there is no room

}  // namespace

class Server::Thread final : private Watched, private Timer {
 public:
  Thread(std::unique_ptr<Loop> loop, Fd listener, const ServerSettings& settings)
      : loop_{std::move(loop)}, listener_{std::move(listener)}, context_{*loop_, settings} {}
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;
  ~Thread() override {
    stop();
    loop_->cancel(*this);
    loop_->not_again(*this);
    context_.open.clear();
    loop_->bury();
  }

  [[nodiscard]] Result<> start() {
    if (auto watched = loop_->watch(listener_.get(), EPOLLIN, *this); !watched) return watched;
    thread_ = std::thread{[this] { loop_->run(); }};
    return {};
  }

  void stop() {
    if (!thread_.joinable()) return;
    loop_->stop();
    thread_.join();
  }

  // After stop().
  [[nodiscard]] const ServerCounts& counts() const { return context_.counts; }

 private:
  void on_events(std::uint32_t) override {
    for (int i = 0; i < kMostAccepts; ++i) {
      if (context_.open.size() >= context_.settings.connections)
        return loop_->arm(*this, loop_->now().instant + kPause);
      Fd socket{::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
      if (socket) {
        ++context_.counts.connections;
        context_.open.push_front(std::make_unique<ServerConnection>(context_, std::move(socket)));
        context_.open.front()->begin(context_.open.begin());
      } else if (errno == EAGAIN) {
        return;
      } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        ++context_.counts.accept_failures;
        return loop_->arm(*this, loop_->now().instant + kPause);
      }  // else it was a client's own trouble, which has gone with it: accept(2)
    }
    loop_->again(*this);
  }

  void on_time() override { loop_->again(*this); }

  std::unique_ptr<Loop> loop_;
  Fd listener_;
  ServerContext context_;
  std::thread thread_;
};

Server::Server(std::uint16_t port) : port_{port} {}

Server::~Server() { stop(); }

Result<std::unique_ptr<Server>> Server::start(const ServerSettings& settings) {
  const bool shared = settings.threads > 1;
  if (shared && settings.listen.first != 0) {
    if (const auto free = check_free(settings.listen, settings.listen.first, SOCK_STREAM); !free)
      return std::unexpected{free.error()};
  }
  std::unique_ptr<Server> server{new Server{settings.listen.first}};
  server->threads_.reserve(settings.threads);
  for (std::size_t i = 0; i < settings.threads; ++i) {
    auto listener = listen_tcp(settings.listen, server->port_, shared, false);
    if (!listener) return std::unexpected{std::move(listener.error())};
    if (server->port_ == 0) server->port_ = local_endpoint(listener->get()).port;
    auto loop = Loop::make();
    if (!loop) return std::unexpected{std::move(loop.error())};
    server->threads_.push_back(std::make_unique<Thread>(std::move(*loop), std::move(*listener), settings));
  }
  for (const auto& thread : server->threads_) {
    if (const auto started = thread->start(); !started) return std::unexpected{started.error()};
  }
  return server;
}

ServerCounts Server::stop() {
  for (const auto& thread : threads_) thread->stop();
  for (const auto& thread : threads_) {
    const auto& counts = thread->counts();
    counts_.connections += counts.connections;
    counts_.answered += counts.answered;
    counts_.accept_failures += counts.accept_failures;
    for (const auto& [status, count] : counts.refused) counts_.refused[status] += count;
  }
  threads_.clear();
  return counts_;
}

}  // namespace tidegate::demo
