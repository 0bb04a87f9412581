#include "netfilter/tcp_probe.h"

#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <vector>

#include "base/fd.h"

namespace tidegate {

namespace {

using Bytes = std::vector<std::uint8_t>;

void append(Bytes& bytes, std::span<const std::uint8_t> more) { bytes.insert(bytes.end(), more.begin(), more.end()); }
void append16(Bytes& bytes, std::uint16_t value) {
  bytes.push_back(static_cast<std::uint8_t>(value >> 8U));
  bytes.push_back(static_cast<std::uint8_t>(value & 0xffU));
}

// The checksum of the Internet (RFC 1071), over an even number of bytes.
std::uint16_t checksum(const Bytes& bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2)
    sum += static_cast<std::uint32_t>(bytes[i] << 8U) | bytes[i + 1];
  while (sum > 0xffff) sum = (sum & 0xffffU) + (sum >> 16U);
  return static_cast<std::uint16_t>(~sum);
}

constexpr std::uint8_t kHeader = sizeof(tcphdr);

Bytes tcp_syn(const TcpProbe& probe) {
  Bytes tcp;
  append16(tcp, probe.from.port);
  append16(tcp, probe.to.port);
  tcp.resize(12);  // sequence and acknowledgement numbers: any
  tcp.push_back((kHeader / 4) << 4U);
  tcp.push_back(TH_SYN);
  append16(tcp, 1024);  // window
  tcp.resize(kHeader);

  Bytes pseudo;  // RFC 9293, section 3.1; for IPv6 the same sum comes of RFC 8200, section 8.1
  append(pseudo, probe.from.address.bytes());
  append(pseudo, probe.to.address.bytes());
  append16(pseudo, IPPROTO_TCP);
  append16(pseudo, kHeader);
  append(pseudo, tcp);
  const auto sum = checksum(pseudo);
  tcp[16] = static_cast<std::uint8_t>(sum >> 8U);
  tcp[17] = static_cast<std::uint8_t>(sum & 0xffU);
  return tcp;
}

Bytes packet_of(const TcpProbe& probe) {
  constexpr std::uint8_t kHops = 64;
  Bytes packet;
  if (probe.to.address.is_v4()) {
    packet = {0x45, 0, 0, sizeof(iphdr) + kHeader, 0, 0, 0x40, 0, kHops, IPPROTO_TCP, 0, 0};  // the kernel sums it up
  } else {
    packet = {0x60, 0, 0, 0, 0, kHeader, IPPROTO_TCP, kHops};
  }
  append(packet, probe.from.address.bytes());
  append(packet, probe.to.address.bytes());
  append(packet, tcp_syn(probe));
  return packet;
}

Result<> send_packet(int fd, const TcpProbe& probe) {
  const Bytes packet = packet_of(probe);
  const auto address = probe.to.address.bytes();
  ssize_t sent = 0;
  if (probe.to.address.is_v4()) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    std::memcpy(&to.sin_addr, address.data(), address.size());
    sent = ::sendto(fd, packet.data(), packet.size(), MSG_DONTWAIT, reinterpret_cast<const sockaddr*>(&to), sizeof to);
  } else {
    sockaddr_in6 to{};
    to.sin6_family = AF_INET6;
    std::memcpy(&to.sin6_addr, address.data(), address.size());
    sent = ::sendto(fd, packet.data(), packet.size(), MSG_DONTWAIT, reinterpret_cast<const sockaddr*>(&to), sizeof to);
  }
  if (sent < 0) return system_failure("ask " + probe.to.to_string());
  return {};
}

Result<Fd> raw_socket(bool v4, std::uint32_t mark) {
  Fd fd{::socket(v4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW)};
  if (!fd || ::setsockopt(fd.get(), SOL_SOCKET, SO_MARK, &mark, sizeof mark) != 0) {
    return system_failure("open a raw socket");
  }
  return fd;
}

}  // namespace

Result<> send_probes(std::span<const TcpProbe> probes, std::uint32_t mark) {
  Result<> first;
  for (const bool v4 : {true, false}) {
    std::optional<Fd> fd;
    for (const TcpProbe& probe : probes) {
      if (probe.to.address.is_v4() != v4 || !probe.to.address || !probe.from.address) continue;
      if (!fd) {
        auto opened = raw_socket(v4, mark);
        if (!opened) return std::unexpected{std::move(opened.error())};
        fd = std::move(*opened);
      }
      auto sent = send_packet(fd->get(), probe);
      if (!sent && first) first = std::move(sent);
    }
  }
  return first;
}

}  // namespace tidegate
