// A notification only says that something changed; host_addresses() says what there is now.
#include "sensor/local_addresses.h"

#include <linux/rtnetlink.h>

#include <algorithm>

#include "base/log.h"
#include "host/addresses.h"

namespace tidegate {
namespace {

// Sorted, each once.
Result<std::vector<IpAddress>> addresses_now() {
  const auto all = host_addresses();
  if (!all) return std::unexpected{all.error()};
  std::vector<IpAddress> addresses;
  addresses.reserve(all->size());
  for (const auto& entry : *all) addresses.push_back(entry.address);
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
