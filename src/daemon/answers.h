// What the daemon is asked about its forwards, quotas, clients and events, and asked to do to them: one function for
// each question, whether it came over HTTP or the control socket. The answers are those of the OpenAPI document.
//
// Each throws an HttpError where it cannot be answered; its words are those of the control socket, too.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/daemon.h"
#include "daemon/http_report.h"

namespace tidegate::answers {

// How many are told where it was not said, and at most.
inline constexpr std::size_t kUsageLast = 48;
inline constexpr std::size_t kClientsTop = 100;
inline constexpr std::size_t kListTop = 100;  // of a watch's lists, and of a tally's sources
inline constexpr std::size_t kEventsLast = 100;
inline constexpr std::size_t kMost = 10'000;

// All forwards, those of the configuration first; their books have just counted.
[[nodiscard]] std::vector<ForwardView> forward_views(Daemon& daemon);

[[nodiscard]] boost::json::object services(Daemon& daemon);
[[nodiscard]] boost::json::object service(Daemon& daemon, std::string_view name);  // 404

[[nodiscard]] boost::json::object forwards(Daemon& daemon);
[[nodiscard]] boost::json::object forward(Daemon& daemon, std::string_view name);  // 404

// `settings` is the text of one JSON object, as an item of `forwards` in the configuration.
[[nodiscard]] boost::json::object add_forward(Daemon& daemon, const std::string& settings);  // 400, 409
// The name may be left out of `settings`.
[[nodiscard]] boost::json::object change_forward(Daemon& daemon, std::string_view name,
                                                 const std::string& settings);  // 400, 404, 409
void remove_forward(Daemon& daemon, std::string_view name);                     // 404, 409

// `by` is "hour", "day", "month", or empty: hour.
[[nodiscard]] boost::json::object usage(Daemon& daemon, std::string_view name, std::string_view by,
                                        std::size_t last);                                          // 400, 404
[[nodiscard]] boost::json::object clients(Daemon& daemon, std::string_view name, std::size_t top);  // empty: of all

[[nodiscard]] boost::json::object quotas(Daemon& daemon);
[[nodiscard]] boost::json::object quota(Daemon& daemon, std::string_view key);        // 404
[[nodiscard]] boost::json::object reset_quota(Daemon& daemon, std::string_view key);  // 404
// `bytes`: a number, or a size as in the configuration; more than nothing.
[[nodiscard]] boost::json::object raise_quota(Daemon& daemon, std::string_view key,
                                              const boost::json::value& bytes);  // 400, 404

// Of each watch its figures in its first window; of one, those in `window` ("10s"; empty: its first), which is no
// longer than its longest. The `top` of each list. 400, 404
[[nodiscard]] boost::json::object watches(Daemon& daemon);
[[nodiscard]] boost::json::object watch(Daemon& daemon, std::string_view name, std::string_view window,
                                        std::size_t top);

// The biggest sources of each tally; of one, the `top` biggest. 404
[[nodiscard]] boost::json::object tallies(Daemon& daemon);
[[nodiscard]] boost::json::object tally(Daemon& daemon, std::string_view name, std::size_t top);

// The newest `last`, oldest first, of `service` (or forward) or of all: from the store where there is one.
[[nodiscard]] boost::json::object events(Daemon& daemon, std::string_view service, std::size_t last);

}  // namespace tidegate::answers
