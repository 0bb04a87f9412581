// The addresses of a host, by the system's resolver.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "model/address.h"

namespace tidegate {

// The address that `host` is, or the first `most` of the name that it is. The error:
// "look up example.net: Host not found (authoritative)", or "…: no answer within 5s". It can be given up at any time;
// the system's look-up, which has no end that one could set, then goes on without it.
[[nodiscard]] boost::asio::awaitable<Result<std::vector<boost::asio::ip::address>>> look_up(std::string host,
                                                                                            Duration limit,
                                                                                            std::size_t most = 8);

// The address as the value that crosses folders.
[[nodiscard]] IpAddress ip_address_of(const boost::asio::ip::address& address);

}  // namespace tidegate
