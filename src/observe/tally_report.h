// A tally's digest as text, JSON and metrics, its addresses shown as the configuration wants them.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "api/metrics.h"
#include "base/time.h"
#include "meter/tally.h"
#include "privacy/pseudonyms.h"

namespace tidegate::tally_report {

enum class Outcomes : std::uint8_t { left_out, shown };

// A line for each source, in pulso's words: `SOURCE:SUM PORT:COUNT PORT:COUNT…`, sources by descending sum and then by
// name, ports by descending count and then by number. Where a count can be too large, by how much: `SUM(-ERROR)`. With
// outcomes, behind the ports: ` attempted:N established:N refused:N unanswered:N retransmitted:N`.
[[nodiscard]] std::string text(const TallyReport& report, const Pseudonyms& names, Outcomes outcomes);

// The same, an object on a line for each source: at (RFC 3339), source, connections, error, ports (a list of objects:
// port, connections, error) and, with outcomes, their names and numbers.
[[nodiscard]] std::string json(const TallyReport& report, const Pseudonyms& names, Outcomes outcomes, WallTime at);

// One tally as an object: "tally", "connections" (of all sources, exact), "pending", "given_up", "error" (what a source
// that is not shown can have at the most), "ports_error" (what a port that is not shown can have, beyond its source's
// error), and "sources", of which each has "source", "connections", "error" and "ports" as above.
[[nodiscard]] boost::json::object object(std::string_view tally, const TallyReport& report, const Pseudonyms& names);

// Families tidegate_tally_…, labelled with the tally's name and the source.
void add_metrics(MetricsText& metrics, std::string_view tally, const TallyReport& report, const Pseudonyms& names,
                 Outcomes outcomes);

}  // namespace tidegate::tally_report
