// What the HTTP API tells of forwards, as JSON; the control socket tells the same. The fields are those of the OpenAPI
// document (api/openapi.h): times are RFC 3339, sizes are bytes.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "daemon/accounting.h"
#include "daemon/forwards.h"
#include "forward/runtime.h"
#include "model/quota.h"
#include "privacy/pseudonyms.h"
#include "quota/usage.h"
#include "quota/zone.h"
#include "store/rows.h"

namespace tidegate {

// A forward, and where its numbers are. Borrowed; the books have counted lately.
struct ForwardView {
  const Forwards::Entry* entry;
  const ForwardRuntime* runtime;  // null: it is not served
  const Accounting* books;
};

namespace report {

[[nodiscard]] boost::json::object forward(const ForwardView& forward, Instant now);

// "open", or what the hardest of its quotas that is reached does to it: "cut", "rejecting", "throttled"; the last also
// where an alert does.
[[nodiscard]] std::string_view forward_state(const ForwardView& forward);
// As far as quotas go.
[[nodiscard]] std::string_view forward_state(const Accounting& books, std::string_view forward);

// The `last` newest hours, days or months of local time, oldest first, and the total of all time.
[[nodiscard]] boost::json::object usage(std::string_view forward, const Usage& usage, QuotaPeriod by, std::size_t last,
                                        const Zone& zone);

[[nodiscard]] boost::json::object quota(std::string_view key, const Accounting::QuotaEntry& entry);

// Those of all these forwards that moved most, most first, their addresses shown so.
[[nodiscard]] boost::json::array clients(const std::vector<ForwardView>& forwards, std::size_t top,
                                         const Pseudonyms& names);

[[nodiscard]] boost::json::object event(const EventRow& row);

// As traffic-monitor answers /api/stats/NAME, field by field in its order; those about limits only where there are any.
[[nodiscard]] boost::json::object proxy_stats(const ForwardView& forward, WallTime now);

// A size in traffic-monitor's words: "512 B", "1.50 KB", "100.00 GB".
[[nodiscard]] std::string human_bytes(std::uint64_t bytes);

// used of limit, cut to two digits and never above 100; of no limit 100.
[[nodiscard]] double percentage(std::uint64_t used, std::uint64_t limit);

}  // namespace report
}  // namespace tidegate
