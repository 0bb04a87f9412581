#include "forward/udp.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <span>

#include "forward/udp_sessions.h"

namespace tidegate {

namespace {

constexpr Duration kAskAgain = std::chrono::seconds{1};
constexpr Duration kTryAgain = std::chrono::milliseconds{20};

// A gate may be woken by the datagram itself: as a capture would have seen it.
Sample sample_of(const UdpKey& key, std::size_t payload, Now now) {
  constexpr std::size_t kHeadersV4 = 20 + 8;
  constexpr std::size_t kHeadersV6 = 40 + 8;
  Sample sample;
  sample.at = now;
  sample.flow = {.source = key.client, .destination = {key.local, key.listener->port}, .protocol = Protocol::udp};
  sample.direction = Direction::in;
  sample.payload = static_cast<std::uint32_t>(payload);
  sample.bytes = static_cast<std::uint32_t>(payload + (key.client.address.is_v6() ? kHeadersV6 : kHeadersV4));
  return sample;
}

}  // namespace

class UdpForward::Impl final : private Timer {
 public:
  Impl(WorkerContext& context, std::shared_ptr<ForwardRuntime> forward)
      : context_{context}, sessions_{context, std::move(forward)} {}
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  virtual ~Impl() { context_.loop.cancel(*this); }

  void add(Listener listener) {
    auto port = std::make_unique<Port>(*this, std::move(listener));
    if (const auto watched = port->watch(); !watched) {
      return context_.tell_trouble(sessions_.plan().forward->settings.name, watched.error().what);
    }
    ports_.push_back(std::move(port));
  }

  // Answers leave by the socket that the client sent to: without it a session is of no use.
  void close_listener(int descriptor) {
    sessions_.for_each([&](UdpSession& session) {
      if (session.key().listener->fd.get() == descriptor) sessions_.end(session);
    });
    std::erase_if(ports_, [&](const auto& port) { return port->descriptor() == descriptor; });
  }

  void replace(std::shared_ptr<ForwardRuntime> forward) { sessions_.replace(std::move(forward)); }

  void release_waiting() {
    wanted_at_ = {};
    sessions_.for_each_waiting([this](UdpSession& session) {
      // Anew, also where it has a socket: the service may have another address since it was started again.
      if (!sessions_.connect(session) || !session.flush()) expect(context_.loop.now().instant + kTryAgain);
      expect(session.expires());
    });
  }

  void turn_away() {
    wanted_at_ = {};
    sessions_.for_each_waiting([this](UdpSession& session) {
      session.plan().counters.refused.add(1);
      sessions_.end(session);
    });
  }

  void quota_changed(const QuotaShare& quota) {
    if (!quota.reached.load(std::memory_order_relaxed)) return;  // nothing of UDP waits for a quota
    sessions_.for_each([&](UdpSession& session) {
      if (session.plan().forward->uses(quota)) sessions_.end(session);
    });
  }

 private:
  // A listening socket.
  class Port final : public Watched {
   public:
    Port(Impl& owner, Listener listener) : owner_{owner}, listener_{std::move(listener)} {
      set_option(descriptor(), SOL_SOCKET, SO_RXQ_OVFL, 1);
    }
    ~Port() override {
      owner_.context_.loop.not_again(*this);
      owner_.context_.loop.unwatch(descriptor());
    }
    Port(const Port&) = delete;
    Port& operator=(const Port&) = delete;

    Result<> watch() { return owner_.context_.loop.watch(descriptor(), EPOLLIN, *this); }
    [[nodiscard]] int descriptor() const { return listener_.fd.get(); }

    void on_events(std::uint32_t) override {
      auto& reader = owner_.context_.reader;
      const std::size_t count = reader.read(descriptor());
      if (const auto overflows = reader.overflows()) {
        owner_.sessions_.plan().counters.dropped.add(*overflows - overflows_);
        overflows_ = *overflows;
      }
      owner_.carry(listener_, count);
      // Fewer: emptied, and whatever comes now is a new event.
      if (count == DatagramReader::kSlots) owner_.context_.loop.again(*this);
    }

   private:
    Impl& owner_;
    const Listener listener_;
    std::uint32_t overflows_ = 0;  // counted already
  };

  // Hands a batch to its sessions, each all of its own at once, so that as much as possible leaves together.
  void carry(const Listener& listener, std::size_t count) {
    constexpr std::size_t kSlots = DatagramReader::kSlots;
    struct Share {
      UdpSession* session;
      std::size_t first;
      std::size_t last;
    };
    std::array<Datagrams, kSlots> items;     // NOLINT(cppcoreguidelines-pro-type-member-init): as far as it is filled
    std::array<std::uint16_t, kSlots> next;  // NOLINT(cppcoreguidelines-pro-type-member-init): of the same session
    std::array<Share, kSlots> shares;        // NOLINT(cppcoreguidelines-pro-type-member-init)
    std::size_t sharers = 0;
    UdpSession* session = nullptr;  // of the datagram before, which often is that of the next
    for (std::size_t i = 0; i < count; ++i) {
      const Arrival arrival = context_.reader.at(i);
      items[i] = arrival.datagrams;
      if (arrival.cut) {
        context_.tell_trouble(sessions_.plan().forward->settings.name, "a datagram was longer than UDP allows");
        drop(items[i]);
        continue;
      }
      const UdpKey key{.client = arrival.from, .local = arrival.to, .listener = &listener};
      if (session == nullptr || session->closed() || session->key() != key) session = session_of(key, arrival);
      if (session == nullptr) {
        drop(items[i]);
        continue;
      }
      auto& share = session->share;
      if (share < sharers && shares[share].session == session) {
        next[shares[share].last] = static_cast<std::uint16_t>(i);
      } else {
        share = static_cast<std::uint16_t>(sharers++);
        shares[share] = {.session = session, .first = i, .last = i};
      }
      shares[share].last = i;
    }
    std::array<Datagrams, kSlots> own;  // NOLINT(cppcoreguidelines-pro-type-member-init): likewise
    for (const auto& share : std::span{shares}.first(sharers)) {
      std::size_t owned = 0;
      for (std::size_t i = share.first; i != share.last; i = next[i]) own[owned++] = items[i];
      own[owned++] = items[share.last];
      carry(*share.session, {own.data(), owned});
    }
  }

  UdpSession* session_of(const UdpKey& key, const Arrival& arrival) {
    if (auto* const session = sessions_.find(key)) return session;
    auto* const session = sessions_.open(key, arrival.interface);
    if (session == nullptr) return nullptr;
    expect(session->expires());
    return session;
  }

  void carry(UdpSession& session, std::span<const Datagrams> items) {
    if (session.closed()) return session.drop(items);  // it has left for a later one of the same batch
    // While others are released, whoever waits still keeps its order.
    if (sessions_.plan().forward->holds() || session.waits()) return hold(session, items);
    if (!session.connected() && !sessions_.connect(session)) {
      session.drop(items);
      return sessions_.end(session);
    }
    session.carry(items);
  }

  void drop(const Datagrams& item) { sessions_.plan().counters.dropped.add(item.count()); }

  // --- the service is not ready

  void hold(UdpSession& session, std::span<const Datagrams> items) {
    if (!session.waits()) {
      want(session.key(), items.front().bytes.size());
      const auto& settings = sessions_.plan().forward->settings;
      auto& waiting = session.plan().forward->life->waiting;
      if (waiting.fetch_add(1, std::memory_order_relaxed) >= settings.hold.clients) {
        waiting.fetch_sub(1, std::memory_order_relaxed);
        session.plan().counters.refused.add(1);
        session.drop(items);
        if (!session.connected()) sessions_.end(session);
        return;
      }
      session.begin_waiting();
      expect(session.expires());
    }
    session.hold(items);
  }

  void want(const UdpKey& key, std::size_t payload) {
    const Instant now = context_.loop.now().instant;
    if (wanted_at_ != Instant{} && now < wanted_at_ + kAskAgain) return;
    wanted_at_ = now;
    context_.hooks.wanted(sessions_.plan().forward->settings.name, sample_of(key, payload, context_.loop.now()));
    expect(now + kAskAgain);
  }

  // --- time

  void expect(Instant due) {
    if (!armed() || due < Timer::due()) context_.loop.arm(*this, due);
  }

  void on_time() override {
    if (const auto next = sessions_.expire()) expect(*next);
    const auto* const waiting = sessions_.any_waiting();
    if (waiting == nullptr) return;
    if (!sessions_.plan().forward->holds()) return release_waiting();
    // While some wait, the service is asked for again: it may have been stopped, or its gate may have forgotten.
    want(waiting->key(), 0);
    expect(wanted_at_ + kAskAgain);
  }

  WorkerContext& context_;
  std::vector<std::unique_ptr<Port>> ports_;  // outlive the sessions, which answer by them
  UdpSessions sessions_;
  Instant wanted_at_;  // none since the service was last ready
};

UdpForward::UdpForward(WorkerContext& context, std::shared_ptr<ForwardRuntime> forward)
    : impl_{std::make_unique<Impl>(context, std::move(forward))} {}
UdpForward::~UdpForward() = default;
void UdpForward::add(Listener listener) { impl_->add(std::move(listener)); }
void UdpForward::close_listener(int descriptor) { impl_->close_listener(descriptor); }
void UdpForward::replace(std::shared_ptr<ForwardRuntime> forward) { impl_->replace(std::move(forward)); }
void UdpForward::release_waiting() { impl_->release_waiting(); }
void UdpForward::turn_away() { impl_->turn_away(); }
void UdpForward::quota_changed(const QuotaShare& quota) { impl_->quota_changed(quota); }

}  // namespace tidegate
