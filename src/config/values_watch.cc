// The values of single keys of watches, from text; shared by the file and the flags.
#include <optional>

#include "base/text.h"
#include "base/units.h"
#include "config/config.h"
#include "config/reader.h"

namespace tidegate {
namespace {

constexpr std::string_view kTry =
    "try requests >= 20/s, requests >= 2400 in total, errors >= 5% or latency p95 >= 300ms";

constexpr Word<AlertQuantity> kQuantities[] = {
    {"requests", AlertQuantity::requests}, {"errors", AlertQuantity::errors}, {"latency", AlertQuantity::latency}};

// A decimal number without sign or exponent, divided. It is rounded once, so that 0.1% is the very share that 1 of 1000
// is.
std::optional<double> decimal_over(std::string_view text, double divisor) {
  constexpr std::size_t kMostDigits = 15;  // a double holds them exactly
  const auto point = text.find('.');
  std::string digits{text.substr(0, point)};
  if (point != std::string_view::npos) {
    const std::string_view fraction = text.substr(point + 1);
    if (fraction.empty() || digits.empty()) return std::nullopt;
    digits += fraction;
    for (std::size_t i = 0; i < fraction.size(); ++i) divisor *= 10;
  }
  if (digits.size() > kMostDigits) return std::nullopt;
  const auto number = whole_number<std::uint64_t>(digits);
  if (!number) return std::nullopt;
  return static_cast<double>(*number) / divisor;
}

// "20/s", "300/m", "5/10s", a second.
std::optional<double> parse_mean(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::string_view time = trim(text.substr(slash + 1));
  const bool is_unit = !time.empty() && (time[0] < '0' || time[0] > '9');  // "s" is "1s"
  const auto within = parse_duration(fmt::format("{}{}", is_unit ? "1" : "", time));
  if (!within || *within <= Duration::zero()) return std::nullopt;
  return decimal_over(trim(text.substr(0, slash)), std::chrono::duration<double>(*within).count());
}

// The value behind the sign, into `level`; false where it is none of that quantity.
bool parse_level_value(std::string_view text, AlertLevel& level) {
  constexpr std::string_view kTotal = "in total";
  std::optional<double> value;
  switch (level.quantity) {
    case AlertQuantity::requests:
      level.total = text.ends_with(kTotal);
      value = level.total ? decimal_over(trim(text.substr(0, text.size() - kTotal.size())), 1) : parse_mean(text);
      break;
    case AlertQuantity::errors:
      if (text.ends_with('%')) value = decimal_over(trim(text.substr(0, text.size() - 1)), 100);
      break;
    case AlertQuantity::latency:
      if (const auto time = parse_duration(text)) value = std::chrono::duration<double>(*time).count();
      break;
  }
  level.value = value.value_or(0);
  return value.has_value();
}

}  // namespace

Result<AlertLevel> parse_alert_level(std::string_view text) {
  const auto wrong = [&] { return failure("\"{}\" is not a level ({})", printable(text), kTry); };
  const auto sign = text.find_first_of("<>");
  if (sign == std::string_view::npos) return wrong();
  std::string_view value = text.substr(sign + 1);
  AlertLevel level{.above = text[sign] == '>', .or_equal = value.starts_with('=')};
  if (level.or_equal) value.remove_prefix(1);

  const std::string_view left = trim(text.substr(0, sign));
  const std::string_view quantity = left.substr(0, left.find(' '));
  const auto known = parse_word(quantity, kQuantities);
  if (!known) {
    return failure("\"{}\": \"{}\" is nothing an alert looks at{} ({})", printable(text), printable(quantity),
                   did_you_mean(quantity, names_of(kQuantities)), kTry);
  }
  level.quantity = *known;
  std::string_view percentile = trim(left.substr(quantity.size()));
  if (level.quantity == AlertQuantity::latency) {
    const auto share = percentile.starts_with('p') ? decimal_over(percentile.substr(1), 100) : std::nullopt;
    if (!share) return wrong();
    level.percentile = *share;
  } else if (!percentile.empty()) {
    return wrong();
  }
  if (!parse_level_value(trim(value), level)) return wrong();
  return level;
}

}  // namespace tidegate
