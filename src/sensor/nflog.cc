// See nflog.h. While somebody waits to be woken the kernel sends each packet at once; else it gathers many in one
// datagram, so that most packets wake nobody. That a packet is missing is noticed by the numbers the kernel gives them.
#include "sensor/nflog.h"

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <optional>

#include "base/log.h"
#include "sensor/nflog_message.h"
#include "sensor/nflog_socket.h"
#include "sensor/packet_time.h"
#include "sensor/snap_length.h"

namespace tidegate {
namespace {

namespace asio = boost::asio;

constexpr int kDatagramsAtOnce = 64;  // then others on this thread have their turn
constexpr Duration kLossToldEvery = std::chrono::seconds{10};
constexpr std::uint32_t kBatchPackets = 128;

// The kernel makes the whole room of a batch with its first packet, which costs it time: so it is one page for single
// packets, and what 128 of the smallest take for batches; each less the kernel's own part of it.
constexpr std::uint32_t kSingleBytes = (4 << 10) - 512;
constexpr std::uint32_t kBatchBytes = (32 << 10) - 512;

NflogDelivery delivery(bool immediate, bool whole, Duration batch) {
  const int copy = whole ? kWholeBytes : kHeaderBytes;
  if (immediate) {
    return {.copy_bytes = copy, .threshold = 1, .hundredths = 1, .batch_bytes = kSingleBytes};
  }
  const auto hundredths = batch / std::chrono::milliseconds{10};
  return {.copy_bytes = copy,
          .threshold = kBatchPackets,
          .hundredths = static_cast<std::uint32_t>(std::clamp<std::int64_t>(hundredths, 1, 100)),
          .batch_bytes = kBatchBytes};
}

}  // namespace

struct NflogSensor::Group {
  NflogSettings settings;
  SampleSink sink;
  std::string name;
  bool immediate = true;
  std::uint64_t packets = 0;
  std::uint64_t rejected = 0;
  std::uint64_t lost = 0;
  std::uint32_t next_sequence = 0;
  std::uint64_t lost_told = 0;
};

// Shared by NflogListener, its sensors, and a handler of the reactor for as long as it runs.
struct NflogListener::Impl : std::enable_shared_from_this<Impl> {
  using Group = NflogSensor::Group;
  Impl(asio::any_io_executor on, Settings wanted) : executor{std::move(on)}, settings{wanted}, next_telling{executor} {}
  ~Impl() { close(); }

  asio::any_io_executor executor;
  Settings settings;
  std::map<std::uint16_t, std::shared_ptr<Group>> groups;
  std::shared_ptr<NflogSocket> socket;  // while there are groups; its other owner: look()
  std::optional<asio::posix::stream_descriptor> watched;
  unsigned turn = 0;  // which look is the awaited one; those of earlier turns come to nothing
  asio::steady_timer next_telling;
  bool telling = false;            // a line about losses was written a moment ago
  std::uint64_t overruns = 0;      // of sockets closed by now
  std::string trouble;             // why it does not listen any more
  std::vector<std::uint8_t> room;  // for the frame at hand
  Now taken_at{};

  Result<> add(const std::shared_ptr<Group>& group) {
    if (!socket) {
      auto opened = NflogSocket::open(settings.buffer_bytes);
      if (!opened) return std::unexpected{std::move(opened.error())};
      socket = std::move(*opened);
    }
    const auto bound = groups.contains(group->settings.group)
                           ? failure("{}: is listened to already", group->name)
                           : socket->bind(group->settings.group, delivery_of(*group));
    if (!bound) {
      if (groups.empty()) close();
      look_at_put_off();
      return bound;
    }
    groups.emplace(group->settings.group, group);
    if (!watched) {
      if (socket->buffer_bytes() < settings.buffer_bytes) {
        log::warn("nflog: a receive buffer of {} bytes only, and not {} (net.core.rmem_max, or CAP_NET_ADMIN)",
                  socket->buffer_bytes(), settings.buffer_bytes);
      }
      watched.emplace(executor, socket->descriptor());
      trouble.clear();
      wait();
    }
    look_at_put_off();
    return {};
  }

  void remove(std::uint16_t group) {
    groups.erase(group);
    if (socket) socket->unbind(group);  // also where it is closed next: it may be being read from
    if (groups.empty()) {
      close();
    } else {
      look_at_put_off();
    }
  }

  Result<> deliver(const Group& group) {
    auto set = socket->set_delivery(group.settings.group, delivery_of(group));
    look_at_put_off();
    return set;
  }

  void close() {
    ++turn;
    if (watched) static_cast<void>(watched->release());  // the socket's, which closes it
    watched.reset();
    if (socket) overruns += socket->overruns();
    socket.reset();  // and the kernel forgets its groups
  }

  [[nodiscard]] NflogDelivery delivery_of(const Group& group) const {
    return delivery(group.immediate, group.settings.whole_packets, settings.batch);
  }

  [[nodiscard]] std::uint64_t all_overruns() const { return overruns + (socket ? socket->overruns() : 0); }

  // Reading.

  // A handler that comes to nothing once this object is gone.
  template <class Action>
  auto guarded(Action action) {
    return [weak = weak_from_this(), action](const boost::system::error_code& error = {}) {
      if (const auto self = weak.lock(); self && !error) action(*self);
    };
  }

  auto next_look() {
    const auto awaited = ++turn;
    return guarded([awaited](Impl& self) {
      if (awaited == self.turn) self.look();
    });
  }

  void wait() { watched->async_wait(asio::posix::stream_descriptor::wait_read, next_look()); }

  // What the socket took out of the kernel's hands while it asked for something: nothing else would tell of it.
  void look_at_put_off() {
    if (socket && socket->has_put_off()) asio::post(executor, [go = next_look()] { go(); });
  }

  void look() {
    const auto own = turn;
    taken_at = {.instant = Instant::clock::now(), .wall = std::chrono::system_clock::now()};
    const auto before = all_overruns();
    const auto reading = socket;  // which goes when the sink lets go of the last sensor
    const auto count = reading->read(kDatagramsAtOnce, [this](const nlmsghdr& message) { take(message); });
    if (all_overruns() != before) lost_some();
    if (own != turn) return;  // the last sensor went away in the midst
    if (!count) {
      trouble = count.error().what;
      log::error("{}; not listening any more", trouble);
    } else if (*count >= kDatagramsAtOnce) {
      asio::post(executor, [go = next_look()] { go(); });
    } else {
      wait();
    }
  }

  void take(const nlmsghdr& message) {
    const auto packet = read_nflog_packet(message);
    if (!packet) return;
    const auto found = groups.find(packet->group);
    if (found == groups.end()) return;  // came before it was let go
    const auto group = found->second;   // which the sink may let go
    if (packet->sequence) {
      const auto missing = *packet->sequence - group->next_sequence;
      group->next_sequence = *packet->sequence + 1;
      if (missing != 0) {
        group->lost += missing;
        lost_some();
      }
    }
    const auto frame = frame_of(*packet, room);
    const auto headers = frame ? packet::decode(frame->bytes, frame->link, frame->wire_length)
                               : std::unexpected{packet::Reject::unknown_link};
    if (!headers) {
      ++group->rejected;
      return;
    }
    ++group->packets;
    Sample sample = packet::to_sample(*headers, packet->at ? packet_time(taken_at, *packet->at) : taken_at);
    sample.direction = direction_of(*packet);
    sample.interface = packet->in_interface != 0 ? packet->in_interface : packet->out_interface;
    group->sink(sample,
                {.link = frame->link, .bytes = frame->bytes, .wire_length = frame->wire_length, .headers = &*headers});
  }

  // One line in the log at once, and another one later if it goes on.

  void lost_some() {
    if (std::exchange(telling, true)) return;
    asio::post(executor, [go = guarded([](Impl& self) { self.tell_losses(); })] { go(); });
  }

  void tell_losses() {
    bool news = false;
    for (const auto& [number, group] : groups) {
      if (group->lost == group->lost_told) continue;
      log::warn("{}: {} packets lost for want of room in the socket's buffer, {} since the start", group->name,
                group->lost - std::exchange(group->lost_told, group->lost), group->lost);
      news = true;
    }
    telling = news;
    if (!news) return;
    next_telling.expires_after(kLossToldEvery);
    next_telling.async_wait(guarded([](Impl& self) { self.tell_losses(); }));
  }
};

NflogListener::NflogListener(asio::any_io_executor executor, Settings settings)
    : impl_{std::make_shared<Impl>(std::move(executor), settings)} {}
NflogListener::~NflogListener() = default;

NflogSensor::NflogSensor(std::shared_ptr<NflogListener::Impl> listener, std::shared_ptr<Group> group)
    : listener_{std::move(listener)}, group_{std::move(group)} {}

NflogSensor::~NflogSensor() { listener_->remove(group_->settings.group); }

Result<std::unique_ptr<NflogSensor>> NflogSensor::open(NflogListener& listener, NflogSettings settings,
                                                       SampleSink sink) {
  auto group = std::make_shared<Group>();
  group->settings = settings;
  group->sink = std::move(sink);
  group->name = fmt::format("nflog group {}", settings.group);
  if (const auto added = listener.impl_->add(group); !added) return std::unexpected{added.error()};
  return std::unique_ptr<NflogSensor>{new NflogSensor{listener.impl_, std::move(group)}};
}

SensorStatus NflogSensor::status() const {
  return {.name = group_->name,
          .listening = listener_->trouble.empty(),
          .trouble = listener_->trouble,
          .packets = group_->packets,
          .rejected = group_->rejected,
          .dropped_kernel = group_->lost,
          .overruns = listener_->all_overruns()};
}

void NflogSensor::set_immediate(bool immediate) {
  if (immediate == group_->immediate) return;
  group_->immediate = immediate;
  const auto set = listener_->deliver(*group_);
  if (!set) log::warn("{}: {} not set: {}", group_->name, immediate ? "immediate" : "batched", set.error().what);
}

Result<> NflogSensor::set_whole_packets(bool whole) {
  const bool before = std::exchange(group_->settings.whole_packets, whole);
  if (before == whole) return {};
  const auto set = listener_->deliver(*group_);
  if (!set) group_->settings.whole_packets = before;
  return set;
}

}  // namespace tidegate
