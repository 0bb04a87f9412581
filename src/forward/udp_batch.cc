#include "forward/udp_batch.h"

#include <netinet/udp.h>

#include <cerrno>
#include <cstring>

namespace tidegate {

namespace {

template <class T>
T control_value(const cmsghdr* message) {
  T value{};
  std::memcpy(&value, CMSG_DATA(message), sizeof value);
  return value;
}

// Appends control messages to a header's buffer, which has room for them.
class ControlWriter {
 public:
  explicit ControlWriter(msghdr& header) : header_{header} { header_.msg_controllen = 0; }

  template <class T>
  void add(int level, int type, const T& value) {
    auto* const at = static_cast<std::byte*>(header_.msg_control) + header_.msg_controllen;
    cmsghdr head{};
    head.cmsg_level = level;
    head.cmsg_type = type;
    head.cmsg_len = CMSG_LEN(sizeof value);
    std::memcpy(at, &head, sizeof head);
    std::memcpy(at + CMSG_LEN(0), &value, sizeof value);
    header_.msg_controllen += CMSG_SPACE(sizeof value);
  }

 private:
  msghdr& header_;
};

// The kernel does not merge datagrams of this size here, or none at all: see udp_send_skb() for which says what.
bool refuses_size(int error) { return error == EINVAL || error == EMSGSIZE; }
bool refuses_merging(int error) { return error == EIO || error == ENOPROTOOPT || error == EOPNOTSUPP; }

// What ICMP brings up on a connected socket: about datagrams before, not about this one.
bool tells_of_earlier(int error) {
  return error == ECONNREFUSED || error == EHOSTUNREACH || error == ENETUNREACH || error == ENOPROTOOPT ||
         error == EPROTO || error == EHOSTDOWN;
}

}  // namespace

DatagramReader::DatagramReader(std::span<std::byte, kBuffer> buffer) {
  for (std::size_t i = 0; i < kSlots; ++i) {
    slots_[i].bytes = {.iov_base = buffer.data() + i * kSlotBytes, .iov_len = kSlotBytes};
    auto& header = headers_[i].msg_hdr;
    header.msg_name = slots_[i].from.get();
    header.msg_iov = &slots_[i].bytes;
    header.msg_iovlen = 1;
    header.msg_control = slots_[i].control.data();
  }
}

std::size_t DatagramReader::read(int fd) {
  for (std::size_t i = 0; i < used_; ++i) {
    headers_[i].msg_hdr.msg_namelen = SocketAddress::most();
    headers_[i].msg_hdr.msg_controllen = kControl;
  }
  overflows_.reset();
  int count = 0;
  do {
    count = ::recvmmsg(fd, headers_.data(), kSlots, MSG_DONTWAIT, nullptr);
  } while (count < 0 && errno == EINTR);
  error_ = count < 0 ? errno : 0;
  used_ = count < 0 ? 0 : static_cast<std::size_t>(count);
  return used_;
}

Arrival DatagramReader::at(std::size_t slot) {
  auto& header = headers_[slot].msg_hdr;
  const std::size_t length = headers_[slot].msg_len;
  slots_[slot].from.set_size(header.msg_namelen);
  Arrival arrival{
      .datagrams = {.bytes = {static_cast<const std::byte*>(slots_[slot].bytes.iov_base), length}, .each = length},
      .from = slots_[slot].from.endpoint(),
      .to = {},
      .cut = (header.msg_flags & MSG_TRUNC) != 0};
  for (auto* message = CMSG_FIRSTHDR(&header); message != nullptr; message = CMSG_NXTHDR(&header, message)) {
    if (message->cmsg_level == IPPROTO_UDP && message->cmsg_type == UDP_GRO) {
      const int each = control_value<int>(message);
      if (each > 0) arrival.datagrams.each = std::min(length, static_cast<std::size_t>(each));
    } else if (message->cmsg_level == IPPROTO_IP && message->cmsg_type == IP_PKTINFO) {
      // ipi_spec_dst, not ipi_addr: the latter may be a broadcast address, from which nothing can be sent.
      const auto info = control_value<in_pktinfo>(message);
      arrival.to = address_of(info.ipi_spec_dst);
      arrival.interface = static_cast<std::uint32_t>(info.ipi_ifindex);
    } else if (message->cmsg_level == IPPROTO_IPV6 && message->cmsg_type == IPV6_PKTINFO) {
      const auto info = control_value<in6_pktinfo>(message);
      if (IN6_IS_ADDR_V4MAPPED(&info.ipi6_addr)) continue;  // IP_PKTINFO tells it better
      if (!IN6_IS_ADDR_MULTICAST(&info.ipi6_addr)) arrival.to = address_of(info.ipi6_addr);
      arrival.interface = info.ipi6_ifindex;
    } else if (message->cmsg_level == SOL_SOCKET && message->cmsg_type == SO_RXQ_OVFL) {
      overflows_ = control_value<std::uint32_t>(message);
    }
  }
  return arrival;
}

// Takes what can leave in one call: datagrams of one size, then at most one that is shorter.
void DatagramSender::gather(Run& run, std::size_t merge) const {
  const auto& first = waiting_[next_];
  const std::size_t rest_of_first = first.bytes.size() - offset_;
  run.each = std::min(first.each, rest_of_first);
  run.part_count = run.bytes = run.datagrams = 0;
  run.next = next_;
  run.offset = offset_;
  const bool alone = run.each == 0 || run.each > merge;
  while (run.next < count_) {
    const auto& item = waiting_[run.next];
    const std::size_t rest = item.bytes.size() - run.offset;
    const bool same = item.each == run.each || (item.each < run.each && rest <= item.each);
    if (run.datagrams > 0 && (!same || rest == 0)) break;
    const std::size_t room = alone ? 1 : std::min(kMostSegments - run.datagrams, (kMostBytes - run.bytes) / run.each);
    const std::size_t taken = std::min(rest, room * run.each);
    if (taken < rest && taken == 0) break;
    run.parts[run.part_count++] = {
        .iov_base = const_cast<std::byte*>(item.bytes.data()) + run.offset,  // NOLINT: iovec is for reading as well
        .iov_len = taken};
    run.bytes += taken;
    run.datagrams += taken == 0 ? 1 : (taken + run.each - 1) / run.each;
    if (taken < rest) {
      run.offset += taken;
      break;
    }
    ++run.next;
    run.offset = 0;
    if (alone || taken % run.each != 0 || run.datagrams == kMostSegments) break;
  }
}

bool DatagramSender::send(const DatagramPath& path, Run& run) {
  if (path.to == nullptr && run.datagrams == 1) {
    return ::send(path.fd, run.parts[0].iov_base, run.parts[0].iov_len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
  }
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(std::uint16_t))> control;
  msghdr header{};
  header.msg_iov = run.parts.data();
  header.msg_iovlen = run.part_count;
  header.msg_control = control.data();
  ControlWriter writer{header};
  if (path.to != nullptr) {
    header.msg_name = const_cast<sockaddr*>(path.to->get());  // NOLINT: msghdr is for receiving as well
    header.msg_namelen = path.to->size();
    const auto bytes = path.from.bytes();
    if (path.from.is_v4()) {
      in_pktinfo info{};
      std::memcpy(&info.ipi_spec_dst, bytes.data(), bytes.size());
      writer.add(IPPROTO_IP, IP_PKTINFO, info);
    } else if (path.from.is_v6()) {
      in6_pktinfo info{};
      std::memcpy(&info.ipi6_addr, bytes.data(), bytes.size());
      info.ipi6_ifindex = path.interface;
      writer.add(IPPROTO_IPV6, IPV6_PKTINFO, info);
    }
  }
  if (run.datagrams > 1) writer.add(IPPROTO_UDP, UDP_SEGMENT, static_cast<std::uint16_t>(run.each));
  if (header.msg_controllen == 0) header.msg_control = nullptr;
  return ::sendmsg(path.fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

std::optional<DatagramSender::Sent> DatagramSender::send_next(const DatagramPath& path, std::uint16_t& merge) {
  if (next_ == count_) return std::nullopt;
  Run run;  // NOLINT(cppcoreguidelines-pro-type-member-init): parts are filled as far as they are used
  gather(run, merge);
  Sent sent;
  while (true) {
    sent.error = send(path, run) ? 0 : errno;
    if (sent.error == 0) break;
    if (sent.error == EINTR) continue;
    if (run.datagrams > 1 && (refuses_size(sent.error) || refuses_merging(sent.error))) {
      merge = refuses_size(sent.error) ? static_cast<std::uint16_t>(run.each - 1) : std::uint16_t{0};
      gather(run, merge);
      continue;
    }
    if (!tells_of_earlier(sent.error) || sent.refused) break;
    sent.refused = true;  // reported, and so cleared: once more
  }
  next_ = run.next;
  offset_ = run.offset;
  sent.bytes = run.bytes;
  sent.datagrams = run.datagrams;
  return sent;
}

}  // namespace tidegate
