// A running engine with real sockets on both sides, for tests: its control thread, its forwards' counters, servers to
// lead to and clients that connect. Every wait has a deadline.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "forward/engine.h"
#include "forward/socket.h"

namespace tidegate::for_tests {

inline constexpr auto kDeadline = std::chrono::seconds{20};

// True as soon as `condition` is; false after the deadline.
inline bool eventually(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + kDeadline;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    ::poll(nullptr, 0, 1);
  }
  return true;
}

inline Endpoint loopback(std::uint16_t port) { return {*IpAddress::parse("127.0.0.1"), port}; }

inline void set_deadline(int fd) {
  const timeval limit{.tv_sec = 20, .tv_usec = 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

// A blocking socket whose waits have the deadline.
inline Fd connect_to(const SocketAddress& address) {
  Fd fd{::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0)};
  set_deadline(fd.get());
  if (::connect(fd.get(), address.get(), address.size()) != 0) return Fd{};
  return fd;
}
inline Fd connect_to(std::uint16_t port) { return connect_to(SocketAddress{loopback(port)}); }

inline bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

// What comes until the end, or until `most` bytes; `error` gets errno where it did not end well.
inline std::string receive(int fd, std::size_t most = std::string::npos, int* error = nullptr) {
  std::string all;
  std::vector<char> buffer(65'536);
  while (all.size() < most) {
    const auto got = ::recv(fd, buffer.data(), std::min(buffer.size(), most - all.size()), 0);
    if (got < 0 && error != nullptr) *error = errno;
    if (got <= 0) break;
    all.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return all;
}

inline std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  std::uint32_t state = 12345;
  for (char& c : text) {
    state = state * 1664525 + 1013904223;
    c = static_cast<char>(state >> 24U);
  }
  return text;
}

// A TCP server: each connection gets `serve` in a thread of its own.
class Server {
 public:
  explicit Server(std::function<void(Fd)> serve, std::uint16_t port = 0, const std::string& unix_path = {})
      : serve_{std::move(serve)} {
    const auto address = unix_path.empty() ? SocketAddress{loopback(port)} : SocketAddress::unix_path(unix_path);
    listener_ = Fd{::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0)};
    set_option(listener_.get(), SOL_SOCKET, SO_REUSEADDR, 1);
    EXPECT_EQ(::bind(listener_.get(), address.get(), address.size()), 0) << std::strerror(errno);
    EXPECT_EQ(::listen(listener_.get(), 1024), 0);
    port_ = local_endpoint(listener_.get()).port;
    accepting_ = std::thread{[this] {
      while (true) {
        Fd fd{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
        if (!fd && is_shortage(errno)) {  // a test took the descriptors away
          ::poll(nullptr, 0, 1);
          continue;
        }
        if (!fd) return;
        set_deadline(fd.get());
        ++accepted_;
        auto given = std::make_shared<Fd>(std::move(fd));  // a std::thread's function is copied
        threads_.emplace_back([this, given] { serve_(std::move(*given)); });
      }
    }};
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    accepting_.join();
    for (auto& thread : threads_) thread.join();
  }

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] int accepted() const { return accepted_; }

 private:
  std::function<void(Fd)> serve_;
  Fd listener_;
  std::uint16_t port_ = 0;
  std::atomic<int> accepted_{0};
  std::thread accepting_;
  std::deque<std::thread> threads_;
};

inline void echo(const Fd& fd) {
  std::vector<char> buffer(65'536);
  while (true) {
    const auto got = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
    if (got <= 0 || !send_all(fd.get(), {buffer.data(), static_cast<std::size_t>(got)})) return;
  }
}

class EngineTest : public ::testing::Test {
 public:
  explicit EngineTest(std::size_t threads = 2)
      : work_{boost::asio::make_work_guard(io_)}, control_{[this] { io_.run(); }} {
    on_control([&] {
      auto engine = Engine::start(io_.get_executor(), threads,
                                  {.wanted =
                                       [this](const std::string& forward, const Sample& sample) {
                                         const std::lock_guard lock{mutex_};
                                         wanted_.emplace_back(forward, sample);
                                       },
                                   .dry = [this](const std::string& key, std::uint64_t needed) { on_dry(key, needed); },
                                   .trouble =
                                       [this](const std::string&, const std::string& what, const IpAddress&) {
                                         const std::lock_guard lock{mutex_};
                                         troubles_.push_back(what);
                                       },
                                   .target_changed = [](const auto&...) {}});
      ASSERT_TRUE(engine) << engine.error().what;
      engine_ = std::move(*engine);
    });
  }
  ~EngineTest() override {
    on_control([&] { boost::asio::co_spawn(io_, engine_->close(), boost::asio::detached); });
    on_control([&] { engine_.reset(); });
    work_.reset();
    control_.join();
  }

  template <class Do>
  void on_control(Do what) {
    std::promise<void> done;
    boost::asio::post(io_, [&] {
      what();
      done.set_value();
    });
    done.get_future().wait();
  }

  // A forward from a free port to that port of this host.
  static ForwardSettings forward_to(std::uint16_t port, const std::string& name = "f") {
    ForwardSettings settings;
    settings.name = name;
    settings.listen.address = *IpAddress::parse("127.0.0.1");
    settings.listen.first = settings.listen.last = free_port();
    settings.targets = {Target{.unix_path = {}, .host = "127.0.0.1", .port = port}};
    return settings;
  }

  static std::uint16_t free_port() {
    const SocketAddress any{loopback(0)};
    const Fd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    EXPECT_EQ(::bind(fd.get(), any.get(), any.size()), 0);
    return local_endpoint(fd.get()).port;
  }

  // Serves these and no others.
  Result<> serve(const std::vector<ForwardSettings>& forwards, std::vector<std::shared_ptr<QuotaShare>> quotas = {}) {
    Result<> done;
    on_control([&] {
      std::vector<ForwardPlan> plans;
      for (const auto& settings : forwards) {
        auto& cells = cells_[settings.name];
        while (cells.size() < engine_->threads()) cells.emplace_back();
        ForwardPlan plan{.settings = settings, .counters = {}, .quotas = quotas};
        for (auto& cell : cells) plan.counters.push_back(&cell);
        plans.push_back(std::move(plan));
      }
      quotas_ = std::move(quotas);
      done = engine_->apply(std::move(plans));
    });
    wait_for_workers();
    return done;
  }

  ForwardTotals counted(const std::string& name = "f") {
    ForwardTotals sum;
    for (const auto& cell : cells_[name]) sum += totals(cell);
    return sum;
  }

  std::int64_t open(const std::string& name = "f") {
    std::int64_t count = 0;
    on_control([&] { count = (*engine_->find(name))->life->open_connections.load(); });
    return count;
  }
  std::int64_t waiting(const std::string& name = "f") {
    std::int64_t count = 0;
    on_control([&] { count = (*engine_->find(name))->life->waiting.load(); });
    return count;
  }
  std::size_t times_wanted() {
    const std::lock_guard lock{mutex_};
    return wanted_.size();
  }
  std::vector<std::string> troubles() {
    const std::lock_guard lock{mutex_};
    return troubles_;
  }

  Engine::Recalled recall(const std::shared_ptr<QuotaShare>& quota) {
    std::promise<Engine::Recalled> answered;
    on_control([&] { engine_->recall(quota, [&](const auto& recalled) { answered.set_value(recalled); }); });
    return answered.get_future().get();
  }

  static std::shared_ptr<QuotaShare> quota_of(std::uint64_t bytes, LimitAction action = LimitAction::cut) {
    auto share = std::make_shared<QuotaShare>();
    share->key = "q";
    share->action = action;
    share->up = share->down = std::make_shared<Allowance>(bytes);
    return share;
  }

  boost::asio::io_context io_{1};
  std::unique_ptr<Engine> engine_;

 private:
  // Until each data thread has taken up what was posted to it before: a message goes there and back.
  void wait_for_workers() { recall(quota_of(0)); }

  // As the daemon does it: all leases are called in, and what is left then decides.
  void on_dry(const std::string& key, std::uint64_t needed) {
    for (const auto& quota : quotas_) {
      if (quota->key != key) continue;
      engine_->recall(quota, [this, quota, needed](const Engine::Recalled& recalled) {
        if (recalled.free < needed && quota->left() < needed) quota->reached = true;
        quota->dry = false;
        engine_->quota_changed(quota);
      });
    }
  }

  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::map<std::string, std::deque<ForwardCounters>> cells_;
  std::vector<std::shared_ptr<QuotaShare>> quotas_;
  std::mutex mutex_;
  std::vector<std::pair<std::string, Sample>> wanted_;
  std::vector<std::string> troubles_;
  std::thread control_;
};

}  // namespace tidegate::for_tests
