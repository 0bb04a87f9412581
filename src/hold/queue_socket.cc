// See queue_socket.h. The kernel's side: net/netfilter/nfnetlink_queue.c.
#include "hold/queue_socket.h"

#include <arpa/inet.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "netfilter/attribute.h"
#include "sensor/snap_length.h"

namespace tidegate {
namespace {

constexpr std::uint16_t kFirstQueue = 7420;  // unlikely to be anybody's: people begin at 0
constexpr std::uint16_t kQueuesTried = 32;
constexpr int kQueueBuffer = 8 << 20;
constexpr std::size_t kVerdictRequest = 256;
constexpr std::size_t kVerdictsAtOnce = 128 << 10;  // bytes of one send
constexpr std::uint32_t kTagBit = 0x8000'0000;      // requests of NetfilterSocket have small numbers

}  // namespace

Result<std::unique_ptr<QueueSocket>> QueueSocket::open(std::size_t most) {
  auto socket = NetfilterSocket::open("hold: queue", kQueueBuffer);
  if (!socket) return std::unexpected{std::move(socket.error())};
  std::unique_ptr<QueueSocket> queue{new QueueSocket{std::move(*socket), most}};
  queue->copy_bytes_ = kHeaderBytes;
  int error = 0;
  for (std::uint16_t tried = 0; tried < kQueuesTried; ++tried) {
    queue->number_ = kFirstQueue + tried;
    error = queue->configure(queue->number_, true);
    if (error == 0) return queue;
    if (error != EPERM && error != EBUSY) break;  // EPERM has two meanings
  }
  if (error == EINVAL || error == EOPNOTSUPP) {
    return failure(
        "hold: queue: this kernel does not queue packets for programs (CONFIG_NETFILTER_NETLINK_QUEUE, module "
        "nfnetlink_queue)");
  }
  // What the kernel takes from anybody who may configure queues, and does nothing about.
  alignas(nlmsghdr) std::array<char, kVerdictRequest> room{};
  auto* const harmless = ::nfq_nlmsg_put(room.data(), NFQNL_MSG_CONFIG, 0);
  ::nfq_nlmsg_cfg_put_cmd(harmless, AF_INET, NFQNL_CFG_CMD_PF_BIND);
  if (error == EPERM && queue->socket_->ask(harmless) == EPERM) {
    return std::unexpected{Error{"hold: queue: Operation not permitted (needs CAP_NET_ADMIN)", EPERM}};
  }
  return system_failure(
      fmt::format("hold: queue: take one of the queues {} to {}", kFirstQueue, kFirstQueue + kQueuesTried - 1),
      error == EPERM ? EBUSY : error);
}

// All in one request. GSO: large packets as they are, not cut for us. Not FAIL_OPEN: past a full queue a client would
// be refused, while one whose packet was dropped tries again.
int QueueSocket::configure(std::uint16_t number, bool bind) {
  alignas(nlmsghdr) std::array<char, kVerdictRequest> room{};
  auto* const request = ::nfq_nlmsg_put(room.data(), NFQNL_MSG_CONFIG, number);
  if (bind) ::nfq_nlmsg_cfg_put_cmd(request, AF_UNSPEC, NFQNL_CFG_CMD_BIND);
  ::nfq_nlmsg_cfg_put_params(request, NFQNL_COPY_PACKET, copy_bytes_);
  ::nfq_nlmsg_cfg_put_qmaxlen(request, static_cast<std::uint32_t>(most_));
  ::mnl_attr_put_u32(request, NFQA_CFG_FLAGS, htonl(NFQA_CFG_F_GSO));
  ::mnl_attr_put_u32(request, NFQA_CFG_MASK, htonl(NFQA_CFG_F_GSO));
  return socket_->ask(request);
}

Result<> QueueSocket::set_copy_bytes(int bytes) {
  const int before = std::exchange(copy_bytes_, bytes);
  const int error = before == bytes ? 0 : configure(number_, false);
  if (error == 0) return {};
  copy_bytes_ = before;
  return system_failure(fmt::format("hold: queue {}: set how much of each packet is copied", number_), error);
}

void QueueSocket::decide(std::uint32_t packet, Verdict verdict, std::uint32_t tag) {
  alignas(nlmsghdr) std::array<char, kVerdictRequest> room{};
  auto* const request = ::nfq_nlmsg_put(room.data(), NFQNL_MSG_VERDICT, number_);
  request->nlmsg_seq = kTagBit | tag;
  ::nfq_nlmsg_verdict_put(request, static_cast<int>(packet), verdict == Verdict::accept ? NF_ACCEPT : NF_DROP);
  verdicts_.insert(verdicts_.end(), room.data(), room.data() + request->nlmsg_len);
}

Result<> QueueSocket::send_verdicts() {
  const auto all = std::exchange(verdicts_, {});
  const std::span<const char> messages = all;
  for (std::size_t at = 0; at < messages.size();) {
    std::size_t end = at;  // whole messages only
    while (end < messages.size() && end - at < kVerdictsAtOnce) {
      nlmsghdr header;
      std::memcpy(&header, messages.data() + end, sizeof header);
      end += header.nlmsg_len;
    }
    if (auto sent = socket_->send(messages.subspan(at, end - at)); !sent) return sent;
    at = end;
  }
  return {};
}

Result<int> QueueSocket::read(int most, const std::function<void(const QueuedPacket&)>& packet,
                              const std::function<void(std::uint32_t)>& gone) {
  return socket_->read(most, [&](const nlmsghdr& message) {
    if (message.nlmsg_type == NLMSG_ERROR) {
      if ((message.nlmsg_seq & kTagBit) != 0) gone(message.nlmsg_seq & ~kTagBit);
    } else if (const auto queued = read_queued_packet(message)) {
      packet(*queued);
    }
  });
}

std::uint64_t QueueSocket::dropped() const {
  std::ifstream file{"/proc/net/netfilter/nfnetlink_queue"};
  for (std::string line; std::getline(file, line);) {
    std::istringstream words{line};
    std::uint64_t number = 0;
    std::uint64_t port = 0;
    std::uint64_t waiting = 0;
    std::uint64_t mode = 0;
    std::uint64_t range = 0;
    std::uint64_t queue_full = 0;
    std::uint64_t buffer_full = 0;
    words >> number >> port >> waiting >> mode >> range >> queue_full >> buffer_full;
    if (words && number == number_) return queue_full + buffer_full;
  }
  return 0;
}

}  // namespace tidegate
