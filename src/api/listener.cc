#include "api/listener.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <span>

namespace tidegate {
namespace {

constexpr int kBacklog = 128;

// The socket calls take every address as a sockaddr.
const sockaddr* plain(const sockaddr_storage& address) { return reinterpret_cast<const sockaddr*>(&address); }

template <class Address>
sockaddr_storage stored(const Address& address) {
  sockaddr_storage storage{};
  std::memcpy(&storage, &address, sizeof address);
  return storage;
}

template <class Address>
Address restored(const sockaddr* storage) {
  Address address{};
  std::memcpy(&address, storage, sizeof address);
  return address;
}

template <std::size_t kSize>
std::array<std::uint8_t, kSize> bytes_of(const void* address) {
  std::array<std::uint8_t, kSize> bytes{};
  std::memcpy(bytes.data(), address, kSize);
  return bytes;
}

sockaddr_storage unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return stored(address);
}

sockaddr_storage ip_address(const IpAddress& ip, int family, std::uint16_t port) {
  if (family == AF_INET) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    std::memcpy(&address.sin_addr, ip.bytes().data(), ip.bytes().size());
    return stored(address);
  }
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  std::memcpy(&address.sin6_addr, ip.bytes().data(), ip.bytes().size());
  return stored(address);
}

Fd stream_socket(int family) { return Fd{::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)}; }

bool somebody_answers(const sockaddr_storage& address) {
  const auto socket = stream_socket(AF_UNIX);
  // EAGAIN: its queue of waiting clients is full.
  return ::connect(socket.get(), plain(address), sizeof(sockaddr_un)) == 0 || errno == EAGAIN;
}

Result<Fd> listen_tcp(const IpAddress& ip, int family, std::uint16_t port, const std::string& doing) {
  auto socket = stream_socket(family);
  if (!socket) return system_failure(doing);
  const int on = 1;
  const int off = 0;
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0) return system_failure(doing);
  if (family == AF_INET6 && ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, ip ? &on : &off, sizeof on) != 0) {
    return system_failure(doing);
  }
  const auto address = ip_address(ip, family, port);
  const auto size = static_cast<socklen_t>(family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
  if (::bind(socket.get(), plain(address), size) != 0) return system_failure(doing);
  if (::listen(socket.get(), kBacklog) != 0) return system_failure(doing);
  return socket;
}

}  // namespace

Result<Fd> open_unix_listener(const std::string& path, std::string_view doing) {
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return failure("{}: the path is longer than a UNIX socket's may be ({} bytes)", doing,
                   sizeof(sockaddr_un::sun_path) - 1);
  }
  const auto address = unix_address(path);
  std::error_code unmade;  // then bind() says so
  std::filesystem::create_directories(std::filesystem::path{path}.parent_path(), unmade);
  struct stat status{};
  if (::lstat(path.c_str(), &status) == 0) {
    if (!S_ISSOCK(status.st_mode)) return failure("{}: there is a file of that name, and it is not a socket", doing);
    if (somebody_answers(address)) return failure("{}: another tidegate listens there", doing);
    ::unlink(path.c_str());
  }
  auto socket = stream_socket(AF_UNIX);
  if (!socket) return system_failure(doing);
  const auto mask = ::umask(0177);
  const int bound = ::bind(socket.get(), plain(address), sizeof(sockaddr_un));
  const int error = errno;
  ::umask(mask);
  if (bound != 0) return system_failure(doing, error);
  if (::listen(socket.get(), kBacklog) != 0) return system_failure(doing);
  return socket;
}

Result<Fd> open_listener(const ListenAddress& listen) {
  const auto doing = "listen on " + listen.to_string();
  if (listen.is_unix()) return open_unix_listener(listen.unix_path, doing);
  if (listen.address) {
    return listen_tcp(listen.address, listen.address.is_v4() ? AF_INET : AF_INET6, listen.first, doing);
  }
  auto both = listen_tcp({}, AF_INET6, listen.first, doing);
  const bool no_ipv6 = !both && (both.error().code == EAFNOSUPPORT || both.error().code == EADDRNOTAVAIL);
  return no_ipv6 ? listen_tcp({}, AF_INET, listen.first, doing) : std::move(both);
}

Endpoint endpoint_in(const sockaddr* address, std::size_t size) {
  if (address->sa_family == AF_INET && size >= sizeof(sockaddr_in)) {
    const auto v4 = restored<sockaddr_in>(address);
    return {IpAddress::v4(bytes_of<4>(&v4.sin_addr)), ntohs(v4.sin_port)};
  }
  if (address->sa_family != AF_INET6 || size < sizeof(sockaddr_in6)) return {};
  const auto v6 = restored<sockaddr_in6>(address);
  const auto bytes = bytes_of<16>(&v6.sin6_addr);
  const auto port = ntohs(v6.sin6_port);
  if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) return {IpAddress::v4(std::span{bytes}.last<4>()), port};
  return {IpAddress::v6(bytes), port};
}

}  // namespace tidegate
