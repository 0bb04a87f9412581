// Durations, sizes and rates as people write and read them. Sizes count in powers of 1024, as traffic-monitor does,
// rates in bits by powers of 1000, as networks do.
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

// Of what is over in a moment: "850 µs", "12.3 ms", "1.20 s".
[[nodiscard]] std::string format_latency(Duration duration);

// As the configuration writes it, exact: "15m", "1h30m", "250ms", "90s" is "1m30s".
[[nodiscard]] std::string config_duration(Duration duration);

// "64KB", "1.5TB", "500 mb", "0" or a bare number of bytes; KB is 1024 bytes. The error quotes the text.
[[nodiscard]] Result<std::uint64_t> parse_bytes(std::string_view text);

// "0 B", "512 B", "1.20 GB", "80.1 MB": three digits, powers of 1024.
[[nodiscard]] std::string format_bytes(std::uint64_t bytes);

// Bytes per second: "20Mbit/s", "500kbit/s", "64 bit/s" in bits by powers of 1000; "10MB/s" in bytes by powers of 1024.
// A capital B is a byte, so "Mb/s" is neither. The error quotes the text.
[[nodiscard]] Result<std::uint64_t> parse_rate(std::string_view text);

// As the configuration writes it, exact: "20Mbit/s", "10MB/s". Of the two ways the shorter one.
[[nodiscard]] std::string config_rate(std::uint64_t bytes_per_second);

// For people: "20.0 Mbit/s", "800 bit/s"; three digits.
[[nodiscard]] std::string format_rate(std::uint64_t bytes_per_second);

// Local time of day "18:02:11"; with a date in front, "2026-11-21 18:02:11".
[[nodiscard]] std::string format_time_of_day(WallTime time);
[[nodiscard]] std::string format_date_time(WallTime time);

// RFC 3339 in UTC with milliseconds, for machines: "2026-11-21T17:02:11.042Z".
[[nodiscard]] std::string format_rfc3339(WallTime time);

}  // namespace tidegate
