// A UDP forward in a loop of its own, with a client and a target to talk through it.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/udp.h>

#include <cerrno>
#include <cstring>
#include <future>
#include <thread>

#include "forward/socket.h"
#include "forward/udp.h"

namespace tidegate::test {

inline IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }

// One end of a conversation: a UDP socket whose reads wait for five seconds at most.
class Peer {
 public:
  explicit Peer(const Endpoint& own) {
    const SocketAddress address{own};
    fd_ = Fd{::socket(address.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    EXPECT_TRUE(fd_) << std::strerror(errno);
    const timeval patience{.tv_sec = 5, .tv_usec = 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    set_option(fd_.get(), SOL_SOCKET, SO_RCVBUF, 4 << 20);
    EXPECT_EQ(::bind(fd_.get(), address.get(), address.size()), 0) << std::strerror(errno);
  }
  explicit Peer(std::string_view address = "127.0.0.1") : Peer{Endpoint{ip(address), 0}} {}

  [[nodiscard]] Endpoint endpoint() const { return local_endpoint(fd_.get()); }
  [[nodiscard]] int fd() const { return fd_.get(); }
  void connect(const Endpoint& to) {
    const SocketAddress address{to};
    ASSERT_EQ(::connect(fd_.get(), address.get(), address.size()), 0) << std::strerror(errno);
  }
  void send(std::string_view text) { ASSERT_EQ(::send(fd_.get(), text.data(), text.size(), 0), std::ssize(text)); }
  void send_to(const Endpoint& to, std::string_view text) {
    const SocketAddress address{to};
    ASSERT_EQ(::sendto(fd_.get(), text.data(), text.size(), 0, address.get(), address.size()), std::ssize(text))
        << std::strerror(errno);
  }
  // Several datagrams of `each` bytes by one call (UDP_SEGMENT).
  void send_segments(std::string_view text, std::uint16_t each) {
    set_option(fd_.get(), IPPROTO_UDP, UDP_SEGMENT, each);
    send(text);
    set_option(fd_.get(), IPPROTO_UDP, UDP_SEGMENT, 0);
  }
  // The next datagram; "(nothing)" after the deadline. from() is then who sent it.
  std::string receive(int flags = 0) {
    std::string text(70'000, '\0');
    socklen_t size = SocketAddress::most();
    const auto got = ::recvfrom(fd_.get(), text.data(), text.size(), flags, from_.get(), &size);
    if (got < 0) return "(nothing)";
    from_.set_size(size);
    text.resize(static_cast<std::size_t>(got));
    return text;
  }
  std::vector<std::string> receive_all() {
    std::vector<std::string> all;
    for (std::string next = receive(MSG_DONTWAIT); next != "(nothing)"; next = receive(MSG_DONTWAIT))
      all.push_back(next);
    return all;
  }
  [[nodiscard]] Endpoint from() const { return from_.endpoint(); }
  void answer(std::string_view text) { send_to(from(), text); }

 private:
  Fd fd_;
  SocketAddress from_;
};

inline std::shared_ptr<QuotaShare> quota_of(LimitAction action, std::uint64_t bytes) {
  auto quota = std::make_shared<QuotaShare>();
  quota->key = "test/limit";
  quota->action = action;
  quota->up = quota->down = std::make_shared<Allowance>(bytes);
  return quota;
}

// A forward in a loop of its own. What a test sends is in a socket's queue when its call returns, and a turn of the
// loop handles events before messages: after in_loop() it has been dealt with.
class Udp : public testing::Test {
 public:
  Udp() {
    settings_.name = "game";
    settings_.protocol = ForwardProtocol::udp;
    settings_.targets = {target_at(target_.endpoint())};
    hooks_.wanted = [this](const std::string&, const Sample& sample) { wanted_.push_back(sample); };
    hooks_.dry = [this](const std::string& quota, std::uint64_t needed) { dry_.emplace_back(quota, needed); };
    hooks_.trouble = [this](const std::string&, const std::string& what, const IpAddress&) {
      trouble_.push_back(what);
    };
  }
  ~Udp() override {
    if (!thread_.joinable()) return;
    in_loop([this] { forward_.reset(); });
    loop_->stop();
    thread_.join();
    EXPECT_EQ(life_->open_sessions, 0);
    EXPECT_EQ(life_->waiting, 0);
    for (const auto& target : runtime_->targets.all()) EXPECT_EQ(target->open, 0U);
    for (const auto& client : life_->clients.biggest(10)) EXPECT_EQ(client.open, 0U);
  }

 protected:
  static Target target_at(const Endpoint& endpoint) {
    Target target;
    target.host = endpoint.address.to_string();
    target.port = endpoint.port;
    return target;
  }

  // Starts it, listening on `address` (none: on all); gives the port.
  std::uint16_t start(const std::optional<IpAddress>& address = ip("127.0.0.1")) {
    loop_ = Loop::make().value();
    context_ = std::make_unique<WorkerContext>(*loop_, 0, pipes_, hooks_);
    thread_ = std::thread{[this] { loop_->run(); }};
    runtime_ = make_runtime();
    ListenAddress listen;
    if (address) listen.address = *address;
    Fd socket = bind_udp(listen, 0, false).value();
    descriptor_ = socket.get();
    const std::uint16_t port = local_endpoint(socket.get()).port;
    in_loop([&] {
      forward_ = std::make_unique<UdpForward>(*context_, runtime_);
      forward_->add({.fd = std::move(socket), .port = port, .nth = 0, .udp = true});
    });
    here_ = {address.value_or(ip("127.0.0.1")), port};
    return port;
  }
  std::shared_ptr<ForwardRuntime> make_runtime() {
    return std::make_shared<ForwardRuntime>(settings_, life_, std::vector{&counters_}, quotas_);
  }

  template <class Do>
  void in_loop(Do what) {
    std::promise<void> done;
    loop_->post([&] {
      what();
      done.set_value();
    });
    ASSERT_EQ(done.get_future().wait_for(std::chrono::seconds{20}), std::future_status::ready);
  }
  // Several turns, since each has its fair share only.
  void settle() {
    for (int turn = 0; turn < 4; ++turn) in_loop([] {});
  }
  // What is sent meanwhile is read in one batch.
  template <class Do>
  void while_loop_stands(Do what) {
    std::promise<void> standing;
    std::promise<void> go_on;
    loop_->post([&] {
      standing.set_value();
      go_on.get_future().wait();
    });
    standing.get_future().wait();
    what();
    go_on.set_value();
    settle();
  }
  template <class Holds>
  static bool eventually(Holds holds) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{10};
    while (!holds()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
    return true;
  }

  // A client that sends to the forward.
  Peer client(std::string_view address = "127.0.0.1") {
    Peer peer{address};
    peer.connect(here_);
    return peer;
  }
  // Question and answer; gives the address by which the target knows the client.
  Endpoint exchange(Peer& client, std::string_view text = "hello") {
    client.send(text);
    EXPECT_EQ(target_.receive(), text);
    target_.answer("you said " + std::string{text});
    EXPECT_EQ(client.receive(), "you said " + std::string{text});
    settle();
    return target_.from();
  }
  void becomes_ready() {
    runtime_->phase = ServicePhase::ready;
    in_loop([this] { forward_->release_waiting(); });
  }

  Peer target_;
  ForwardSettings settings_;
  std::vector<std::shared_ptr<QuotaShare>> quotas_;
  std::vector<Sample> wanted_;  // read after settle()
  std::vector<std::pair<std::string, std::uint64_t>> dry_;
  std::vector<std::string> trouble_;
  ForwardCounters counters_;
  std::shared_ptr<ForwardLife> life_ = std::make_shared<ForwardLife>();
  std::shared_ptr<ForwardRuntime> runtime_;
  Endpoint here_;
  int descriptor_ = -1;

 private:
  PipeBudget pipes_{0};
  WorkerHooks hooks_;
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<WorkerContext> context_;

 protected:
  std::unique_ptr<UdpForward> forward_;  // in the loop only
 private:
  std::thread thread_;
};

}  // namespace tidegate::test
