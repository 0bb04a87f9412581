// See local_addresses.h. A notification only says that something changed; getifaddrs(3) says what there is now.
#include "sensor/local_addresses.h"

#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <bit>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>

#include "base/fd.h"
#include "base/log.h"

namespace tidegate {
namespace {

constexpr auto kWhat = "watch this host's addresses";
constexpr int kMostAtOnce = 1000;  // notifications taken for one look

IpAddress address_of(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    return IpAddress::v4(std::bit_cast<std::array<std::uint8_t, 4>>(v4.sin_addr.s_addr));
  }
  if (address.sa_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    return IpAddress::v6(v6.sin6_addr.s6_addr);
  }
  return {};
}

// Sorted, each once.
Result<std::vector<IpAddress>> addresses_now() {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return system_failure("list this host's addresses");
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner{list, ::freeifaddrs};
  std::vector<IpAddress> addresses;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr) continue;
    if (const IpAddress address = address_of(*entry->ifa_addr)) addresses.push_back(address);
  }
  std::ranges::sort(addresses);
  const auto repeated = std::ranges::unique(addresses);
  addresses.erase(repeated.begin(), repeated.end());
  return addresses;
}

Result<Fd> subscribe() {
  Fd socket{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE)};
  if (!socket) return system_failure(kWhat);
  sockaddr_nl groups{};
  groups.nl_family = AF_NETLINK;
  groups.nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&groups), sizeof groups) != 0)
    return system_failure(kWhat);
  return socket;
}

}  // namespace

// Shared by LocalAddresses, and by a handler of the socket for as long as it runs.
struct LocalAddresses::Impl : std::enable_shared_from_this<Impl> {
  Impl(const boost::asio::any_io_executor& executor, Fd owned, Changed callback)
      : socket{executor, owned.get()}, changed{std::move(callback)} {
    static_cast<void>(owned.release());  // the stream descriptor's now
  }

  boost::asio::posix::stream_descriptor socket;
  Changed changed;
  std::vector<IpAddress> addresses;

  void wait() {
    socket.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                      [weak = weak_from_this()](const boost::system::error_code& error) {
                        if (const auto self = weak.lock(); self && !error) self->notified();
                      });
  }

  // However many notifications wait, the addresses are read once.
  void notified() {
    if (const auto read = discard_notifications(); !read) {
      log::error("{}; its later changes go unseen", read.error().what);
      return;
    }
    wait();
    auto now = addresses_now();
    if (!now) {
      log::warn("{}", now.error().what);
    } else if (*now != addresses) {
      addresses = std::move(*now);
      changed(addresses);
    }
  }

  Result<> discard_notifications() {
    std::array<std::byte, 8192> bytes;
    for (int most = 0; most < kMostAtOnce; ++most) {
      const auto size = ::recv(socket.native_handle(), bytes.data(), bytes.size(), 0);
      if (size >= 0 || errno == EINTR) continue;
      if (errno == ENOBUFS) continue;  // some were lost: there is something to read anew all the same
      if (errno == EAGAIN) return {};
      return system_failure(kWhat);
    }
    return {};  // wait() returns at once for those that are left
  }
};

LocalAddresses::LocalAddresses(std::shared_ptr<Impl> impl) : impl_{std::move(impl)} {}
LocalAddresses::~LocalAddresses() = default;

Result<std::unique_ptr<LocalAddresses>> LocalAddresses::watch(const boost::asio::any_io_executor& executor,
                                                              Changed changed) {
  auto socket = subscribe();  // before the first look, so that no change falls between
  if (!socket) return std::unexpected{socket.error()};
  auto now = addresses_now();
  if (!now) return std::unexpected{now.error()};
  auto impl = std::make_shared<Impl>(executor, std::move(*socket), std::move(changed));
  impl->addresses = std::move(*now);
  impl->wait();
  impl->changed(impl->addresses);
  return std::unique_ptr<LocalAddresses>{new LocalAddresses{std::move(impl)}};
}

}  // namespace tidegate
