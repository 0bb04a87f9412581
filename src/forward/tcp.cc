#include "forward/tcp.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <boost/intrusive/list.hpp>
#include <cerrno>

#include "forward/tcp_connection.h"

namespace tidegate {

namespace {

constexpr int kAcceptsInATurn = 64;
constexpr Duration kPauseWithoutRoom = std::chrono::milliseconds{100};
constexpr Duration kWantAgain = std::chrono::seconds{1};

// A gate may be woken by the connection itself: as a SYN it is what a capture would have seen.
Sample sample_of(const TcpConnection& connection, Now now) {
  Sample sample;
  sample.at = now;
  sample.flow = {.source = connection.peer(), .destination = connection.local(), .protocol = Protocol::tcp};
  sample.direction = Direction::in;
  sample.tcp_flags = tcp_flag::kSyn;
  return sample;
}

}  // namespace

class TcpForward::Impl final : public TcpOwner, private Timer {
 public:
  Impl(WorkerContext& context, std::shared_ptr<ForwardRuntime> forward)
      : context_{context}, plan_{std::make_shared<DataPlan>(context, std::move(forward))} {}
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  virtual ~Impl() {
    acceptors_.clear();
    while (!all_.empty()) all_.front().end();
    context_.loop.cancel(*this);
  }

  void add(Listener listener) {
    auto acceptor = std::make_unique<Acceptor>(*this, std::move(listener));
    if (const auto watched = acceptor->watch(); !watched) {
      return context_.tell_trouble(plan_->forward->settings.name, watched.error().what);
    }
    acceptors_.push_back(std::move(acceptor));
  }

  void close_listener(int descriptor) {
    std::erase_if(acceptors_, [&](const auto& acceptor) { return acceptor->descriptor() == descriptor; });
  }

  void replace(std::shared_ptr<ForwardRuntime> forward) {
    plan_ = std::make_shared<DataPlan>(context_, std::move(forward));
  }

  void release_waiting() {
    for_each(waiting_, [](TcpConnection& connection) { connection.service_ready(); });
  }
  void turn_away() {
    for_each(waiting_, [](TcpConnection& connection) { connection.turn_away(); });
  }
  void quota_changed(const QuotaShare& quota) {
    if (quota.reached.load(std::memory_order_relaxed)) {
      for_each(all_, [&](TcpConnection& connection) {
        if (connection.plan().forward->uses(quota)) connection.cut();
      });
    } else {
      for_each(parked_, [](TcpConnection& connection) { connection.go_on(); });
    }
  }

 private:
  // A listening socket. It accepts in batches, and pauses where the process or the kernel has no room.
  class Acceptor final : public Watched, private Timer {
   public:
    Acceptor(Impl& owner, Listener listener) : owner_{owner}, listener_{std::move(listener)} {}
    ~Acceptor() override {
      owner_.context_.loop.cancel(*this);
      owner_.context_.loop.not_again(*this);
      owner_.context_.loop.unwatch(descriptor());
    }
    Acceptor(const Acceptor&) = delete;
    Acceptor& operator=(const Acceptor&) = delete;

    Result<> watch() { return owner_.context_.loop.watch(descriptor(), EPOLLIN, *this); }
    [[nodiscard]] int descriptor() const { return listener_.fd.get(); }

    void on_events(std::uint32_t) override {
      if (armed()) return;  // it pauses
      for (int i = 0; i < kAcceptsInATurn; ++i) {
        SocketAddress peer;
        socklen_t size = SocketAddress::most();
        Fd socket{::accept4(descriptor(), peer.get(), &size, SOCK_NONBLOCK | SOCK_CLOEXEC)};
        if (socket) {
          peer.set_size(size);
          owner_.accepted(std::move(socket), peer.endpoint(), listener_);
          continue;
        }
        if (errno == EAGAIN) return;
        if (is_shortage(errno)) return pause();
        // Else the error is the connection's, which is gone already (accept(2)).
      }
      owner_.context_.loop.again(*this);
    }

   private:
    void pause() {
      owner_.context_.tell_trouble(owner_.plan_->forward->settings.name,
                                   system_failure("accept, which pauses until there is room").error().what);
      owner_.context_.loop.arm(*this, owner_.context_.loop.now().instant + kPauseWithoutRoom);
    }
    void on_time() override { on_events(EPOLLIN); }

    Impl& owner_;
    Listener listener_;
  };

  template <class List, class Visit>
  static void for_each(List& list, Visit visit) {
    for (auto next = list.begin(); next != list.end();) {
      auto& connection = *next++;  // it may leave the list
      visit(connection);
    }
  }

  void accepted(Fd socket, Endpoint peer, const Listener& listener) {
    auto& forward = *plan_->forward;
    const bool local = forward.settings.listen.is_unix();
    if (!local && !allowed(forward.settings, peer.address)) return refuse(std::move(socket), Refusal::denied);
    auto* const client = forward.acquire_client(peer.address);
    const Refusal refusal =
        client == nullptr ? Refusal::too_many : admit(forward, *client, context_.loop.now().instant);
    if (refusal != Refusal::none) {
      if (client != nullptr) forward.life->clients.release(*client);
      return refuse(std::move(socket), refusal);
    }
    const Endpoint here = local ? Endpoint{} : local_endpoint(socket.get());
    auto* const connection =
        new TcpConnection{context_, *this, plan_, std::move(socket), peer, here, listener.nth, *client};
    all_.push_back(*connection);  // disposes of itself
    connection->begin();
  }

  // Over a quota a client is closed as traffic-monitor does it; all else is reset, so that nothing is left behind.
  void refuse(Fd socket, Refusal refusal) {
    plan_->counters.refused.add(1);
    if (refusal != Refusal::quota) abort_socket(std::move(socket));
  }

  // --- of TcpOwner

  void wants_service(TcpConnection& connection) override {
    auto& life = *plan_->forward->life;
    const auto waiting = life.waiting.fetch_add(1, std::memory_order_relaxed);
    waiting_.push_back(connection);
    if (waiting >= plan_->forward->settings.hold.clients) return connection.turn_away();
    const Instant now = context_.loop.now().instant;
    if (waiting > 0 && now < wanted_at_ + kWantAgain) return;
    wanted_at_ = now;
    context_.hooks.wanted(plan_->forward->settings.name, sample_of(connection, context_.loop.now()));
    context_.loop.arm(*this, now + kWantAgain);
  }

  // While some wait, the service is asked for again: it may have been stopped, or its gate may have forgotten.
  void on_time() override {
    if (waiting_.empty()) return;
    wanted_at_ = context_.loop.now().instant;
    context_.hooks.wanted(plan_->forward->settings.name, sample_of(waiting_.front(), context_.loop.now()));
    context_.loop.arm(*this, wanted_at_ + kWantAgain);
  }

  void stops_waiting(TcpConnection& connection) override {
    waiting_.erase(waiting_.iterator_to(connection));
    connection.plan().forward->life->waiting.fetch_sub(1, std::memory_order_relaxed);
  }

  void parked(TcpConnection& connection) override {
    if (!connection.TcpHook<ParkedTag>::is_linked()) parked_.push_back(connection);
  }

  void gone(TcpConnection& connection) override {
    if (connection.TcpHook<WaitingTag>::is_linked()) stops_waiting(connection);
    connection.TcpHook<ParkedTag>::unlink();
    connection.TcpHook<AllTag>::unlink();
  }

  template <class Tag>
  using List = boost::intrusive::list<TcpConnection, boost::intrusive::base_hook<TcpHook<Tag>>,
                                      boost::intrusive::constant_time_size<false>>;

  WorkerContext& context_;
  std::shared_ptr<DataPlan> plan_;  // of new connections
  std::vector<std::unique_ptr<Acceptor>> acceptors_;
  List<AllTag> all_;
  List<WaitingTag> waiting_;
  List<ParkedTag> parked_;
  Instant wanted_at_;
};

TcpForward::TcpForward(WorkerContext& context, std::shared_ptr<ForwardRuntime> forward)
    : impl_{std::make_unique<Impl>(context, std::move(forward))} {}
TcpForward::~TcpForward() = default;
void TcpForward::add(Listener listener) { impl_->add(std::move(listener)); }
void TcpForward::close_listener(int descriptor) { impl_->close_listener(descriptor); }
void TcpForward::replace(std::shared_ptr<ForwardRuntime> forward) { impl_->replace(std::move(forward)); }
void TcpForward::release_waiting() { impl_->release_waiting(); }
void TcpForward::turn_away() { impl_->turn_away(); }
void TcpForward::quota_changed(const QuotaShare& quota) { impl_->quota_changed(quota); }

}  // namespace tidegate
