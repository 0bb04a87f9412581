// See batch.h.
#include "netfilter/batch.h"

#include <libnftnl/batch.h>
#include <libnftnl/common.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace tidegate {
namespace {

constexpr std::size_t kMessageBytes = 40 << 10;
constexpr std::size_t kSendRoom = 208 << 10;  // net.core.wmem_default; what is more has to be asked for
constexpr int kAnswers = 1000;

}  // namespace

NftBatch::NftBatch() {
  alignas(nlmsghdr) std::array<char, 64> room{};
  append(*::nftnl_batch_begin(room.data(), ++number_));
}

void NftBatch::append(const nlmsghdr& message) {
  const auto* const first = reinterpret_cast<const char*>(&message);
  last_ = bytes_.size();
  bytes_.insert(bytes_.end(), first, first + message.nlmsg_len);
}

void NftBatch::add(std::uint16_t type, std::uint8_t family, std::uint16_t flags,
                   const std::function<void(nlmsghdr*)>& put) {
  alignas(nlmsghdr) std::array<char, kMessageBytes> room;
  auto* const message = ::nftnl_nlmsg_build_hdr(room.data(), type, family, flags, ++number_);
  put(message);
  append(*message);
}

int NftBatch::commit(NetfilterSocket& socket) {
  // The last change is answered also where it is done, so that there is an answer in any case.
  reinterpret_cast<nlmsghdr*>(bytes_.data() + last_)->nlmsg_flags |= NLM_F_ACK;
  alignas(nlmsghdr) std::array<char, 64> room{};
  append(*::nftnl_batch_end(room.data(), ++number_));
  if (bytes_.size() > kSendRoom) {
    const int bytes = static_cast<int>(bytes_.size());
    ::setsockopt(socket.descriptor(), SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes);
  }
  if (const auto sent = socket.send(bytes_); !sent) return sent.error().code;
  bool answered = false;
  int error = 0;
  const auto read = socket.read(kAnswers, [&](const nlmsghdr& message) {
    if (message.nlmsg_type != NLMSG_ERROR || ::mnl_nlmsg_get_payload_len(&message) < sizeof(nlmsgerr)) return;
    answered = true;
    const int code = -static_cast<const nlmsgerr*>(::mnl_nlmsg_get_payload(&message))->error;
    if (error == 0) error = code;
  });
  if (!read) return read.error().code;
  return answered ? error : ENOBUFS;
}

}  // namespace tidegate
