// See queue.h.
#include "hold/queue.h"

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <chrono>
#include <utility>

#include "base/log.h"
#include "hold/queue_socket.h"
#include "netfilter/queue_rules.h"
#include "sensor/snap_length.h"

namespace tidegate {
namespace {

namespace asio = boost::asio;

constexpr int kQueuedAtOnce = 64;           // packets; then others on this thread have their turn
constexpr std::size_t kKernelSlack = 1024;  // the bounds here, which are fair, are to be met before the kernel's

}  // namespace

struct PacketQueue::Impl : std::enable_shared_from_this<Impl> {
  Impl(const asio::any_io_executor& on, std::unique_ptr<QueueSocket> opened, Judge asked)
      : executor{on}, socket{std::move(opened)}, watched{on, socket->descriptor()}, judge{std::move(asked)} {}
  ~Impl() {
    if (watched.is_open()) static_cast<void>(watched.release());  // the socket's, which closes it
  }

  asio::any_io_executor executor;
  std::unique_ptr<QueueSocket> socket;
  asio::posix::stream_descriptor watched;
  Judge judge;
  WaitingRoom room;
  std::map<std::string, std::uint32_t> tags;  // of services, from 1 on; 0 is nobody's
  std::uint32_t last_tag = 0;
  Now taken_at{};
  std::uint64_t packets = 0;
  std::uint64_t rejected = 0;
  std::string trouble;  // why it does not listen any more
  unsigned turn = 0;    // which look is the awaited one; those of earlier turns come to nothing

  std::uint32_t tag_of(const std::string& service) {
    auto& tag = tags[service];
    if (tag == 0) tag = last_tag = last_tag % QueueSocket::kMostTag + 1;
    return tag;
  }

  auto next_look() {
    return [weak = weak_from_this(), awaited = ++turn](const boost::system::error_code& error = {}) {
      if (const auto self = weak.lock(); self && !error && awaited == self->turn) self->look();
    };
  }
  void wait() { watched.async_wait(asio::posix::stream_descriptor::wait_read, next_look()); }

  void look() {
    taken_at = {.instant = Instant::clock::now(), .wall = std::chrono::system_clock::now()};
    const auto count = socket->read(
        kQueuedAtOnce, [this](const QueuedPacket& packet) { take(packet); }, [this](std::uint32_t tag) { gone(tag); });
    send();
    if (!count) {
      trouble = count.error().what;
      log::error("{}; not listening any more", trouble);
    } else if (*count >= kQueuedAtOnce || socket->has_put_off()) {
      asio::post(executor, [go = next_look()] { go(); });
    } else {
      wait();
    }
  }

  void take(const QueuedPacket& packet) {
    const auto pass = [&] { socket->decide(packet.number, QueueSocket::Verdict::accept, 0); };
    const auto headers = packet::decode(packet.bytes, packet.link, packet.wire_length);
    if (!headers) {
      ++rejected;
      return pass();
    }
    ++packets;
    Sample sample = packet::to_sample(*headers, taken_at);
    sample.direction = Direction::in;
    sample.interface = packet.local ? packet.out_interface : packet.in_interface;
    const Frame frame{
        .link = packet.link, .bytes = packet.bytes, .wire_length = packet.wire_length, .headers = &*headers};
    const auto service = judge(sample, frame, packet.local);
    if (service.empty()) return pass();
    const auto admission = room.admit(service, {.number = packet.number,
                                                .flow = sample.flow,
                                                .bytes = packet.wire_length,
                                                .since = taken_at.instant,
                                                .local = packet.local});
    const auto tag = tag_of(service);
    if (admission.instead_of) socket->decide(*admission.instead_of, QueueSocket::Verdict::drop, tag);
    if (!admission.waits) socket->decide(packet.number, QueueSocket::Verdict::drop, tag);
  }

  void gone(std::uint32_t tag) {
    const auto service = std::ranges::find(tags, tag, [](const auto& entry) { return entry.second; });
    if (service != tags.end()) ++room.counts(service->first).lost;
  }

  void send() {
    if (const auto sent = socket->send_verdicts(); !sent) log::error("{}", sent.error().what);
  }

  std::size_t end_wait(const std::string& service, Fate fate, const WaitingRoom::Which& which) {
    const auto numbers = room.take(service, which);
    if (numbers.empty()) return 0;
    auto& counts = room.counts(service);
    auto& count = fate == Fate::let_go    ? counts.let_go
                  : fate == Fate::too_old ? counts.dropped_old
                                          : counts.dropped_failed;
    count += numbers.size();
    const auto verdict = fate == Fate::let_go ? QueueSocket::Verdict::accept : QueueSocket::Verdict::drop;
    const auto tag = tag_of(service);
    for (const auto number : numbers) socket->decide(number, verdict, tag);
    send();
    return numbers.size();
  }
};

PacketQueue::PacketQueue(std::shared_ptr<Impl> impl) : impl_{std::move(impl)} {}

PacketQueue::~PacketQueue() {
  impl_->judge = [](const Sample&, const Frame&, bool) { return std::string{}; };
  impl_->look();  // what is on its way goes on
  for (const auto& [service, tag] : impl_->tags) impl_->end_wait(service, Fate::let_go, {});
  static_cast<void>(impl_->watched.release());
}

Result<std::unique_ptr<PacketQueue>> PacketQueue::open(const asio::any_io_executor& executor, Judge judge) {
  auto socket = QueueSocket::open(WaitingRoom::Bounds{}.packets + kKernelSlack);
  if (!socket) return std::unexpected{std::move(socket.error())};
  auto impl = std::make_shared<Impl>(executor, std::move(*socket), std::move(judge));
  impl->wait();
  return std::unique_ptr<PacketQueue>{new PacketQueue{std::move(impl)}};
}

std::uint16_t PacketQueue::number() const { return impl_->socket->number(); }

std::size_t PacketQueue::end_wait(const std::string& service, Fate fate, const WaitingRoom::Which& which) {
  return impl_->end_wait(service, fate, which);
}

Result<> PacketQueue::set_whole_packets(bool whole) {
  auto set = impl_->socket->set_copy_bytes(whole ? kWholeBytes : kHeaderBytes);
  if (impl_->socket->has_put_off()) asio::post(impl_->executor, [go = impl_->next_look()] { go(); });
  return set;
}

void PacketQueue::forget(const std::string& service) {
  impl_->end_wait(service, Fate::let_go, {});
  impl_->room.forget(service);
  impl_->tags.erase(service);
}

const WaitingRoom& PacketQueue::room() const { return impl_->room; }

SensorStatus PacketQueue::status() const {
  return {.name = kQueueSensor,
          .listening = impl_->trouble.empty(),
          .trouble = impl_->trouble,
          .packets = impl_->packets,
          .rejected = impl_->rejected,
          .dropped_kernel = impl_->socket->dropped()};
}

Finding queue_finding() {
  Finding finding{.what = "hold queue", .verdict = Finding::Verdict::no, .detail = {}, .remedy = {}};
  const auto means = queue_means();
  const auto queue = QueueSocket::open(1);
  if (!means || !queue) {
    const auto& error = means ? queue.error() : means.error();
    finding.detail = error.what;
    finding.remedy = error.code == EPERM ? "run tidegate with the capability CAP_NET_ADMIN"
                                         : "use hold: forward with a forward, or a kernel with these options";
    return finding;
  }
  finding.verdict = means->owned ? Finding::Verdict::yes : Finding::Verdict::partly;
  finding.detail = means->expression ? "by the expression queue of nf_tables"
                                     : "by the target NFQUEUE, as this kernel's nf_tables has no expression queue";
  if (!means->owned) {
    finding.detail += "; a table cannot be owned here, so others can remove it: it is put back then";
    finding.remedy = "Linux 5.12 or later";
  }
  return finding;
}

}  // namespace tidegate
