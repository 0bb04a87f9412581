#include "forward/socket.h"

#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>

namespace tidegate {

namespace {

constexpr int kBacklog = 4096;       // the kernel cuts it to net.core.somaxconn
constexpr int kUdpBuffer = 4 << 20;  // bytes; the kernel cuts it to net.core.rmem_max where it may not be forced

std::string words(const ListenAddress& listen, std::uint16_t port) {
  return ListenAddress{.unix_path = {}, .address = listen.address, .first = port, .last = port}.to_string();
}

std::string bind_words(const ListenAddress& listen, std::uint16_t port) { return "bind " + words(listen, port); }

SocketAddress any_v6(std::uint16_t port) {
  const std::array<std::uint8_t, 16> zero{};
  return SocketAddress{Endpoint{IpAddress::v6(zero), port}};
}

SocketAddress any_v4(std::uint16_t port) {
  const std::array<std::uint8_t, 4> zero{};
  return SocketAddress{Endpoint{IpAddress::v4(zero), port}};
}

// A socket bound to the port, as `prepare` makes it ready before bind(2). Without an address: IPv6 with IPv4 in it, or
// IPv4 alone where the host has no IPv6.
template <class Prepare>
Result<Fd> bound(const ListenAddress& listen, std::uint16_t port, int type, Prepare prepare) {
  const auto try_bind = [&](const SocketAddress& address) -> Result<Fd> {
    Fd fd{::socket(address.family(), type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!fd) return system_failure("socket for " + bind_words(listen, port));
    if (address.family() == AF_INET6) set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, listen.address ? 1 : 0);
    prepare(fd.get(), address.family());
    if (::bind(fd.get(), address.get(), address.size()) != 0) return system_failure(bind_words(listen, port));
    return fd;
  };
  if (listen.address) return try_bind(SocketAddress{Endpoint{listen.address, port}});
  auto both = try_bind(any_v6(port));
  if (both || (both.error().code != EAFNOSUPPORT && both.error().code != EADDRNOTAVAIL)) return both;
  return try_bind(any_v4(port));
}

}  // namespace

IpAddress address_of(const in_addr& address) {
  std::array<std::uint8_t, 4> bytes{};
  std::memcpy(bytes.data(), &address, bytes.size());
  return IpAddress::v4(bytes);
}

IpAddress address_of(const in6_addr& address) {
  std::array<std::uint8_t, 16> bytes{};
  std::memcpy(bytes.data(), &address, bytes.size());
  if (IN6_IS_ADDR_V4MAPPED(&address)) return IpAddress::v4(std::span{bytes}.last<4>());
  return IpAddress::v6(bytes);
}

SocketAddress::SocketAddress(const Endpoint& endpoint) {
  const auto bytes = endpoint.address.bytes();
  if (endpoint.address.is_v4()) {
    storage_.v4.sin_family = AF_INET;
    storage_.v4.sin_port = htons(endpoint.port);
    std::memcpy(&storage_.v4.sin_addr, bytes.data(), bytes.size());
    size_ = sizeof storage_.v4;
  } else if (endpoint.address.is_v6()) {
    storage_.v6.sin6_family = AF_INET6;
    storage_.v6.sin6_port = htons(endpoint.port);
    std::memcpy(&storage_.v6.sin6_addr, bytes.data(), bytes.size());
    size_ = sizeof storage_.v6;
  }
}

SocketAddress SocketAddress::unix_path(const std::string& path) {
  SocketAddress address;
  address.storage_.local.sun_family = AF_UNIX;
  const auto length = std::min(path.size(), sizeof address.storage_.local.sun_path - 1);
  std::memcpy(address.storage_.local.sun_path, path.data(), length);
  address.size_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length + 1);
  return address;
}

Endpoint SocketAddress::endpoint() const {
  switch (family()) {
    case AF_INET:
      return {address_of(storage_.v4.sin_addr), ntohs(storage_.v4.sin_port)};
    case AF_INET6:
      return {address_of(storage_.v6.sin6_addr), ntohs(storage_.v6.sin6_port)};
    default:
      return {};
  }
}

Endpoint local_endpoint(int fd) {
  SocketAddress address;
  socklen_t size = SocketAddress::most();
  if (::getsockname(fd, address.get(), &size) != 0) return {};
  address.set_size(size);
  return address.endpoint();
}

Endpoint peer_endpoint(int fd) {
  SocketAddress address;
  socklen_t size = SocketAddress::most();
  if (::getpeername(fd, address.get(), &size) != 0) return {};
  address.set_size(size);
  return address.endpoint();
}

int pending_error(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

bool set_option(int fd, int level, int option, int value) {
  return ::setsockopt(fd, level, option, &value, sizeof value) == 0;
}

bool is_shortage(int error) {
  constexpr std::array kShortages = {EMFILE, ENFILE, ENOBUFS, ENOMEM, ENOSPC, EAGAIN, EADDRNOTAVAIL};
  return std::ranges::find(kShortages, error) != kShortages.end();
}

Result<> bind_transparent(int fd, const Endpoint& source) {
  const SocketAddress address{source};
  const bool v6 = address.family() == AF_INET6;
  const bool allowed = set_option(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_TRANSPARENT : IP_TRANSPARENT, 1);
  if (!allowed || ::bind(fd, address.get(), address.size()) != 0) return system_failure("bind to the client's address");
  return {};
}

Result<Endpoint> bind_towards(int fd, const SocketAddress& target) {
  const std::string words = "bind towards " + target.endpoint().to_string();
  const Fd route{::socket(target.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0)};  // connecting it sends nothing
  if (!route || ::connect(route.get(), target.get(), target.size()) != 0) return system_failure(words);
  const SocketAddress source{Endpoint{local_endpoint(route.get()).address, 0}};
  if (::bind(fd, source.get(), source.size()) != 0) return system_failure(words);
  return local_endpoint(fd);
}

void set_tcp_timeouts(int fd, const TimeoutSettings& timeouts) {
  constexpr int kProbes = 4;
  const auto seconds = std::max<std::int64_t>(std::chrono::ceil<std::chrono::seconds>(timeouts.keepalive).count(), 1);
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(timeouts.user).count();
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, static_cast<int>(seconds));
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, static_cast<int>(std::max<std::int64_t>(seconds / kProbes, 1)));
  set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, kProbes);
  set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(milliseconds));
}

Result<Fd> listen_tcp(const ListenAddress& listen, std::uint16_t port, bool shared, bool transparent) {
  int refused = 0;  // errno
  auto fd = bound(listen, port, SOCK_STREAM, [&](int socket, int family) {
    set_option(socket, SOL_SOCKET, SO_REUSEADDR, 1);
    if (shared) set_option(socket, SOL_SOCKET, SO_REUSEPORT, 1);
    set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1);
    if (!transparent) return;
    const bool v6 = family == AF_INET6;
    if (!set_option(socket, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_TRANSPARENT : IP_TRANSPARENT, 1)) refused = errno;
  });
  if (!fd) return fd;
  if (refused != 0) return system_failure("make " + words(listen, port) + " transparent", refused);
  if (::listen(fd->get(), kBacklog) != 0) return system_failure("listen after " + bind_words(listen, port));
  return fd;
}

Result<Fd> bind_udp(const ListenAddress& listen, std::uint16_t port, bool shared) {
  return bound(listen, port, SOCK_DGRAM, [&](int socket, int family) {
    if (shared) set_option(socket, SOL_SOCKET, SO_REUSEPORT, 1);
    if (!set_option(socket, SOL_SOCKET, SO_RCVBUFFORCE, kUdpBuffer))
      set_option(socket, SOL_SOCKET, SO_RCVBUF, kUdpBuffer);
    if (!set_option(socket, SOL_SOCKET, SO_SNDBUFFORCE, kUdpBuffer))
      set_option(socket, SOL_SOCKET, SO_SNDBUF, kUdpBuffer);
    if (family == AF_INET6) set_option(socket, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    set_option(socket, IPPROTO_IP, IP_PKTINFO, 1);  // also for the IPv4 in an IPv6 socket
    set_option(socket, IPPROTO_UDP, UDP_GRO, 1);
  });
}

Result<Fd> listen_unix(const std::string& path) {
  const auto address = SocketAddress::unix_path(path);
  Fd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  if (!fd) return system_failure("socket for " + path);
  if (::fchmod(fd.get(), 0666) != 0)
    return system_failure("set the mode of unix:" + path);  // bind(2) takes the umask off
  if (::bind(fd.get(), address.get(), address.size()) != 0) {
    if (errno != EADDRINUSE) return system_failure("bind unix:" + path);
    const Fd probe{::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    struct stat file{};
    const bool left_over = ::connect(probe.get(), address.get(), address.size()) != 0 && errno == ECONNREFUSED &&
                           ::lstat(path.c_str(), &file) == 0 && S_ISSOCK(file.st_mode);
    if (!left_over) return system_failure("bind unix:" + path, EADDRINUSE);
    ::unlink(path.c_str());
    if (::bind(fd.get(), address.get(), address.size()) != 0) return system_failure("bind unix:" + path);
  }
  if (::listen(fd.get(), kBacklog) != 0) return system_failure("listen on unix:" + path);
  return fd;
}

Result<> check_free(const ListenAddress& listen, std::uint16_t port, int type) {
  const auto probe = bound(listen, port, type, [&](int socket, int) {
    if (type == SOCK_STREAM) set_option(socket, SOL_SOCKET, SO_REUSEADDR, 1);  // connections in TIME_WAIT do not count
  });
  if (!probe) return std::unexpected{probe.error()};
  return {};
}

}  // namespace tidegate
