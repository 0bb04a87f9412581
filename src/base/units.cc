#include "base/units.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <optional>

#include "base/text.h"

namespace tidegate {
namespace {

struct Unit {
  std::string_view name;
  double size;
};

constexpr std::array kDurationUnits = {
    Unit{"ms", 1e6}, Unit{"s", 1e9}, Unit{"m", 60e9}, Unit{"h", 3600e9}, Unit{"d", 86400e9},
};
constexpr std::array kByteUnits = {
    Unit{"B", 1}, Unit{"KB", 0x1p10}, Unit{"MB", 0x1p20}, Unit{"GB", 0x1p30}, Unit{"TB", 0x1p40},
};
constexpr std::array kBitRateUnits = {
    Unit{"bit/s", 1}, Unit{"kbit/s", 1e3}, Unit{"Mbit/s", 1e6}, Unit{"Gbit/s", 1e9}, Unit{"Tbit/s", 1e12},
};
constexpr double kFastest = 0x1p60;            // bytes per second: their bits can still be counted
constexpr double kLongest = 3650.0 * 86400e9;  // ten years: an arithmetic of nanoseconds that cannot overflow

// The largest of the units that `amount` is a whole number of.
template <std::size_t N>
std::string exactly(std::uint64_t amount, const std::array<Unit, N>& units) {
  std::size_t i = N - 1;
  while (i > 0 && (amount == 0 || amount % static_cast<std::uint64_t>(units[i].size) != 0)) --i;
  return fmt::format("{}{}", amount / static_cast<std::uint64_t>(units[i].size), units[i].name);
}

// Three digits in the largest unit that leaves something before the point.
template <std::size_t N>
std::string in_three_digits(std::uint64_t amount, const std::array<Unit, N>& units) {
  std::size_t i = 0;
  while (i + 1 < N && static_cast<double>(amount) >= units[i + 1].size) ++i;
  if (i == 0) return fmt::format("{} {}", amount, units[0].name);
  const double value = static_cast<double>(amount) / units[i].size;
  const int digits = value < 10 ? 2 : value < 100 ? 1 : 0;
  return fmt::format("{:.{}f} {}", value, digits, units[i].name);
}

// Reads a decimal number without sign or exponent from the front of `text`.
std::optional<double> take_number(std::string_view& text) {
  const auto end = text.find_first_not_of("0123456789.");
  const auto digits = text.substr(0, end);
  double value = 0;
  const auto [stop, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, std::chars_format::fixed);
  if (digits.empty() || error != std::errc{} || stop != digits.data() + digits.size()) return std::nullopt;
  text.remove_prefix(digits.size());
  return value;
}

std::tm local_time(WallTime time) {
  const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  return parts;
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  const auto wrong = [&] { return failure("\"{}\" is not a duration (try 15m, 90s, 1h30m)", printable(text)); };
  std::string_view rest = trim(text);
  double total = 0;
  double last_unit = INFINITY;  // units must come largest first, each once
  if (rest.empty()) return wrong();
  while (!rest.empty()) {
    const auto number = take_number(rest);
    if (!number) return wrong();
    const auto name = rest.substr(0, rest.find_first_of("0123456789."));
    if (name.empty()) {
      if (last_unit != INFINITY) return wrong();
      total = *number * 1e9;
      break;
    }
    const auto unit = std::ranges::find(kDurationUnits, name, &Unit::name);
    if (unit == kDurationUnits.end() || unit->size >= last_unit) return wrong();
    total += *number * unit->size;
    last_unit = unit->size;
    rest.remove_prefix(name.size());
  }
  if (total > kLongest) return failure("\"{}\" is too long (at most 3650d)", printable(text));
  return Duration{std::llround(total)};
}

std::string format_duration(Duration duration) {
  using namespace std::chrono;
  if (duration < Duration::zero()) duration = Duration::zero();
  if (duration < seconds{10}) return fmt::format("{:.1f} s", std::chrono::duration<double>(duration).count());
  const auto total = round<seconds>(duration).count();
  if (total < 60) return fmt::format("{} s", total);
  if (total < 3600)
    return total % 60 == 0 ? fmt::format("{}m", total / 60) : fmt::format("{}m {}s", total / 60, total % 60);
  const auto minutes = total / 60;
  if (minutes < 1440) {
    return minutes % 60 == 0 ? fmt::format("{}h", minutes / 60) : fmt::format("{}h {}m", minutes / 60, minutes % 60);
  }
  const auto hours = minutes / 60;
  return hours % 24 == 0 ? fmt::format("{}d", hours / 24) : fmt::format("{}d {}h", hours / 24, hours % 24);
}

std::string format_latency(Duration duration) {
  const double seconds = std::chrono::duration<double>(duration).count();
  if (seconds < 1e-3) return fmt::format("{:.0f} µs", seconds * 1e6);
  if (seconds < 1) return fmt::format("{:.1f} ms", seconds * 1e3);
  return fmt::format("{:.2f} s", seconds);
}

std::string config_duration(Duration duration) {
  using namespace std::chrono;
  auto milliseconds = std::chrono::round<std::chrono::milliseconds>(duration).count();
  if (milliseconds == 0) return "0s";
  std::string text;
  for (const auto& [name, size] :
       {std::pair{"d", 86'400'000L}, {"h", 3'600'000L}, {"m", 60'000L}, {"s", 1000L}, {"ms", 1L}}) {
    if (milliseconds >= size) text += fmt::format("{}{}", milliseconds / size, name);
    milliseconds %= size;
  }
  return text;
}

Result<std::uint64_t> parse_bytes(std::string_view text) {
  std::string_view rest = trim(text);
  const auto number = take_number(rest);
  std::string name;
  for (const char c : trim(rest)) name += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  if (name.empty()) name = "B";
  const auto unit = std::ranges::find(kByteUnits, std::string_view{name}, &Unit::name);
  if (!number || unit == kByteUnits.end()) {
    return failure("\"{}\" is not a size (try 64KB, 1.5GB, 1048576)", printable(text));
  }
  const double bytes = *number * unit->size;
  if (bytes >= 0x1p63) return failure("\"{}\" is too large", printable(text));
  // A whole number is taken exactly: a double has 53 bits.
  std::uint64_t whole = 0;
  const std::string_view digits = trim(text);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), whole);
  const bool is_whole = error == std::errc{} && (end == digits.data() + digits.size() || *end != '.');
  return is_whole ? whole * static_cast<std::uint64_t>(unit->size) : static_cast<std::uint64_t>(bytes);
}

Result<std::uint64_t> parse_rate(std::string_view text) {
  std::string_view rest = trim(text);
  const auto number = take_number(rest);
  const std::string_view name = trim(rest);
  // The letter of the power may be small or large; that of the byte is what tells it from the bit.
  const auto is_named = [&](std::string_view unit) {
    constexpr std::string_view kPowers = "kKmMgGtT";
    if (name == unit) return true;
    return name.size() == unit.size() && !name.empty() && kPowers.contains(name[0]) && kPowers.contains(unit[0]) &&
           std::toupper(static_cast<unsigned char>(name[0])) == std::toupper(static_cast<unsigned char>(unit[0])) &&
           name.substr(1) == unit.substr(1);
  };
  double bytes = -1;
  for (const Unit& unit : kBitRateUnits) {
    if (number && is_named(unit.name)) bytes = *number * unit.size / 8;
  }
  for (const Unit& unit : kByteUnits) {
    if (number && is_named(fmt::format("{}/s", unit.name))) bytes = *number * unit.size;
  }
  if (bytes < 0) return failure("\"{}\" is not a rate (try 20Mbit/s, 500kbit/s, 10MB/s)", printable(text));
  if (bytes >= kFastest) return failure("\"{}\" is too large", printable(text));
  if (bytes > 0 && bytes < 1) return failure("\"{}\" is too small (at least 8bit/s)", printable(text));
  return static_cast<std::uint64_t>(bytes);
}

std::string config_rate(std::uint64_t bytes_per_second) {
  std::string bits = exactly(bytes_per_second * 8, kBitRateUnits);
  std::string bytes = exactly(bytes_per_second, kByteUnits) + "/s";
  return bytes.size() < bits.size() ? bytes : bits;
}

std::string format_rate(std::uint64_t bytes_per_second) { return in_three_digits(bytes_per_second * 8, kBitRateUnits); }

std::string format_bytes(std::uint64_t bytes) { return in_three_digits(bytes, kByteUnits); }

std::string format_time_of_day(WallTime time) {
  const auto parts = local_time(time);
  return fmt::format("{:02}:{:02}:{:02}", parts.tm_hour, parts.tm_min, parts.tm_sec);
}

std::string format_date_time(WallTime time) {
  const auto parts = local_time(time);
  return fmt::format("{:04}-{:02}-{:02} {}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                     format_time_of_day(time));
}

std::string format_rfc3339(WallTime time) {
  const auto days = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{days};
  const std::chrono::hh_mm_ss clock{std::chrono::floor<std::chrono::milliseconds>(time - days)};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count(), clock.subseconds().count());
}

}  // namespace tidegate
