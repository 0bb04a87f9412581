// The daemon asked from within an event loop, which goes on meanwhile; for the blocking way see api/control.h.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/time.h"

namespace tidegate::cli {

// No daemon's answers are longer together.
inline constexpr std::size_t kLongestAnswer = 64UL << 20U;

// Sends one request (without `follow`) and gives the results of its answers. The error: nobody listens, or answers
// within `most`; or the daemon's own words. May be cancelled.
[[nodiscard]] boost::asio::awaitable<Result<std::vector<boost::json::value>>> ask_daemon(std::string path,
                                                                                         boost::json::object request,
                                                                                         Duration most);

}  // namespace tidegate::cli
