// See local_addresses.h. A notification only says that something changed; getifaddrs(3) says what there is now.
#include "sensor/local_addresses.h"

#include <ifaddrs.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <bit>

#include "base/log.h"

namespace tidegate {
namespace {

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

}  // namespace

LocalAddresses::LocalAddresses(Changed changed) : changed_{std::move(changed)} {}
LocalAddresses::~LocalAddresses() = default;

void LocalAddresses::look_again() {
  auto now = addresses_now();
  if (!now) {
    log::warn("{}", now.error().what);
  } else if (*now != addresses_) {
    addresses_ = std::move(*now);
    changed_(addresses_);
  }
}

Result<std::unique_ptr<LocalAddresses>> LocalAddresses::watch(const boost::asio::any_io_executor& executor,
                                                              Changed changed) {
  std::unique_ptr<LocalAddresses> watch{new LocalAddresses{std::move(changed)}};
  auto events = RouteEvents::subscribe(executor, RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR,  // before the first look, so
                                       "watch this host's addresses",  // that no change falls between
                                       [self = watch.get()] { self->look_again(); });
  if (!events) return std::unexpected{std::move(events.error())};
  auto now = addresses_now();
  if (!now) return std::unexpected{std::move(now.error())};
  watch->events_ = std::move(*events);
  watch->addresses_ = std::move(*now);
  watch->changed_(watch->addresses_);
  return watch;
}

}  // namespace tidegate
