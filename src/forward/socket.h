// Sockets of the data path: addresses to and from the kernel's form, listeners, and options.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdint>
#include <string>

#include "base/error.h"
#include "base/fd.h"
#include "model/address.h"
#include "model/forward.h"

namespace tidegate {

// An address as the kernel gives it; an IPv4-mapped IPv6 address as IPv4.
[[nodiscard]] IpAddress address_of(const in_addr& address);
[[nodiscard]] IpAddress address_of(const in6_addr& address);

// An address as the kernel takes it: IPv4, IPv6 or the path of a UNIX socket.
class SocketAddress {
 public:
  SocketAddress() = default;
  explicit SocketAddress(const Endpoint& endpoint);
  [[nodiscard]] static SocketAddress unix_path(const std::string& path);  // at most 107 bytes

  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  [[nodiscard]] sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage_); }
  [[nodiscard]] socklen_t size() const { return size_; }
  void set_size(socklen_t size) { size_ = size; }
  void set_scope(std::uint32_t interface) { storage_.v6.sin6_scope_id = interface; }  // of an IPv6 address
  [[nodiscard]] static constexpr socklen_t most() { return sizeof(Storage); }
  [[nodiscard]] int family() const { return size_ == 0 ? AF_UNSPEC : storage_.any.ss_family; }
  [[nodiscard]] Endpoint endpoint() const;  // an IPv4-mapped IPv6 address as IPv4; of a UNIX socket: none

 private:
  union Storage {
    sockaddr_storage any;
    sockaddr_in v4;
    sockaddr_in6 v6;
    sockaddr_un local;
  } storage_{};
  socklen_t size_ = 0;
};

// The two ends of a connected socket; none where the kernel does not say.
[[nodiscard]] Endpoint local_endpoint(int fd);
[[nodiscard]] Endpoint peer_endpoint(int fd);

// The socket's pending error (SO_ERROR), which is cleared.
[[nodiscard]] int pending_error(int fd);

// Sets an integer option; false where the kernel refuses.
bool set_option(int fd, int level, int option, int value);

// Whether a system call failed for want of descriptors, memory, room or a local port on this host, which says nothing
// of the peer.
[[nodiscard]] bool is_shortage(int error);

// Lets the socket speak from an address that is not this host's (IP_TRANSPARENT; needs CAP_NET_ADMIN), and binds it.
[[nodiscard]] Result<> bind_transparent(int fd, const Endpoint& source);

// Binds a TCP socket to the address from which packets to `target` leave and to a free port, so that both are known
// before its first packet leaves.
[[nodiscard]] Result<Endpoint> bind_towards(int fd, const SocketAddress& target);

// Keepalive and TCP_USER_TIMEOUT of a TCP socket (tcp(7)).
void set_tcp_timeouts(int fd, const TimeoutSettings& timeouts);

// A TCP listener for one port of `listen`, non-blocking; what it accepts has TCP_NODELAY. With `shared` others of the
// same forward bind the same port (SO_REUSEPORT). Without an address it takes IPv4 and IPv6 where the host has both.
[[nodiscard]] Result<Fd> listen_tcp(const ListenAddress& listen, std::uint16_t port, bool shared, bool transparent);

// A UDP socket likewise, with the buffers and options of the data path (IP_PKTINFO, UDP_GRO).
[[nodiscard]] Result<Fd> bind_udp(const ListenAddress& listen, std::uint16_t port, bool shared);

// A UNIX stream listener with mode 0666 less the umask; a path that nobody listens on any more is taken over.
[[nodiscard]] Result<Fd> listen_unix(const std::string& path);

// Whether somebody else has the port: a bind without SO_REUSEPORT is tried, which a listener of another process refuses
// although both would share it by that option.
[[nodiscard]] Result<> check_free(const ListenAddress& listen, std::uint16_t port, int type);

}  // namespace tidegate
