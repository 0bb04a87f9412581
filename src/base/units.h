// Durations and sizes as people write and read them. Sizes count in powers of 1024, as traffic-monitor does.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/time.h"

namespace tidegate {

// "250ms", "90s", "15m", "1h30m", "2d", "1.5h"; a bare number is seconds. Never negative. The error quotes the text.
[[nodiscard]] Result<Duration> parse_duration(std::string_view text);

// For people: "0.4 s", "38 s", "14m 10s", "2h 5m", "3d 4h". At most two units.
[[nodiscard]] std::string format_duration(Duration duration);

// As the configuration writes it, exact: "15m", "1h30m", "250ms", "90s" is "1m30s".
[[nodiscard]] std::string config_duration(Duration duration);

// "64KB", "1.5TB", "500 mb", "0" or a bare number of bytes; KB is 1024 bytes. The error quotes the text.
[[nodiscard]] Result<std::uint64_t> parse_bytes(std::string_view text);

// "0 B", "512 B", "1.20 GB", "80.1 MB": three digits, powers of 1024.
[[nodiscard]] std::string format_bytes(std::uint64_t bytes);

// Local time of day "18:02:11"; with a date in front, "2026-11-21 18:02:11".
[[nodiscard]] std::string format_time_of_day(WallTime time);
[[nodiscard]] std::string format_date_time(WallTime time);

// RFC 3339 in UTC with milliseconds, for machines: "2026-11-21T17:02:11.042Z".
[[nodiscard]] std::string format_rfc3339(WallTime time);

}  // namespace tidegate
