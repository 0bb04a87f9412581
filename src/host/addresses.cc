#include "host/addresses.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <bit>
#include <memory>

namespace tidegate {
namespace {

IpAddress address_in(const sockaddr& address) {
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

}  // namespace

Result<std::vector<HostAddress>> host_addresses() {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return system_failure("list this host's addresses");
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner{list, ::freeifaddrs};
  std::vector<HostAddress> all;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr) continue;
    if (const IpAddress address = address_in(*entry->ifa_addr)) all.push_back({entry->ifa_name, address});
  }
  return all;
}

}  // namespace tidegate
