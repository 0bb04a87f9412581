// A watch's figures as text: JSON for the API and the commands, CSV for spreadsheets.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "alert/alert.h"
#include "model/http_report.h"
#include "privacy/pseudonyms.h"

namespace tidegate::watch_report {

// "requests" and "responses" are totals since the watch began; what is of the window stands in "in_window", "rate",
// "times" and the lists. Times are seconds, times of day RFC 3339, bytes of the network printable() text.
[[nodiscard]] boost::json::object object(std::string_view watch, const HttpReport& report,
                                         std::span<const Alert> alerts, const Pseudonyms& names);

// One line for the window: kCsvTitles says of what. New columns come last, so that who counts columns stays right.
[[nodiscard]] std::string csv(std::string_view watch, const HttpReport& report);
inline constexpr std::string_view kCsvTitles =
    "at,watch,window_s,requests,responses,errors,rate_now,rate_mean,rate_max,p50_s,p95_s,p99_s,dropped,gap_bytes,"
    "undecoded_packets,resynchronisations,evicted_streams,unanswered,tls_connections,http2_connections,"
    "other_connections,rate_min";

// Each kind of loss under its name in the object, and how much of it there was.
[[nodiscard]] std::vector<std::pair<std::string_view, std::uint64_t>> loss_counts(const HttpLosses& losses);

// "3 packets dropped, 1200 bytes missing, 1 TLS connection not parsed"; empty: nothing is missing.
[[nodiscard]] std::string losses_text(const HttpLosses& losses);

}  // namespace tidegate::watch_report
