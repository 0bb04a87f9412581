// The values of single keys of forwards and quotas, from text; shared by the file and the flags.
#include "base/text.h"
#include "base/units.h"
#include "config/config.h"
#include "config/reader.h"

namespace tidegate {
namespace {

constexpr Word<ForwardProtocol> kProtocols[] = {
    {"tcp", ForwardProtocol::tcp}, {"udp", ForwardProtocol::udp}, {"both", ForwardProtocol::both}};

constexpr Word<ForwardEngine> kEngines[] = {{"user", ForwardEngine::user}, {"kernel", ForwardEngine::kernel}};

constexpr Word<Masquerade> kMasquerades[] = {
    {"auto", Masquerade::automatic}, {"always", Masquerade::always}, {"never", Masquerade::never}};

constexpr Word<Balance> kBalances[] = {{"round_robin", Balance::round_robin},
                                       {"least_connections", Balance::least_connections},
                                       {"source", Balance::source}};

constexpr Word<HoldAnswer> kHoldAnswers[] = {{"close", HoldAnswer::close},
                                             {"reset", HoldAnswer::reset},
                                             {"503", HoldAnswer::http_503},
                                             {"page", HoldAnswer::http_page}};

constexpr Word<LimitAction> kLimitActions[] = {
    {"cut", LimitAction::cut}, {"reject", LimitAction::reject}, {"throttle", LimitAction::throttle}};

constexpr Word<ProxyHeader> kProxyHeaders[] = {
    {"none", ProxyHeader::none}, {"v1", ProxyHeader::v1}, {"v2", ProxyHeader::v2}};

constexpr Word<QuotaPeriod> kPeriods[] = {{"none", QuotaPeriod::none},
                                          {"hour", QuotaPeriod::hour},
                                          {"day", QuotaPeriod::day},
                                          {"week", QuotaPeriod::week},
                                          {"month", QuotaPeriod::month}};

constexpr Word<QuotaCount> kCounts[] = {{"sum", QuotaCount::sum},
                                        {"upload", QuotaCount::upload},
                                        {"download", QuotaCount::download},
                                        {"larger", QuotaCount::larger}};

}  // namespace

Result<ForwardProtocol> parse_forward_protocol(std::string_view text) { return parse_word(text, kProtocols); }
Result<ForwardEngine> parse_forward_engine(std::string_view text) { return parse_word(text, kEngines); }
Result<Masquerade> parse_masquerade(std::string_view text) { return parse_word(text, kMasquerades); }
Result<Balance> parse_balance(std::string_view text) { return parse_word(text, kBalances); }
Result<HoldAnswer> parse_hold_answer(std::string_view text) { return parse_word(text, kHoldAnswers); }
Result<LimitAction> parse_limit_action(std::string_view text) { return parse_word(text, kLimitActions); }
Result<ProxyHeader> parse_proxy_version(std::string_view text) { return parse_word(text, kProxyHeaders); }
Result<QuotaPeriod> parse_quota_period(std::string_view text) { return parse_word(text, kPeriods); }
Result<QuotaCount> parse_quota_count(std::string_view text) { return parse_word(text, kCounts); }

Result<NewRate> parse_new_rate(std::string_view text) {
  constexpr std::uint32_t kMost = 1'000'000;
  if (text == "none") return NewRate{};
  const auto slash = text.find('/');
  const auto count = whole_number<std::uint32_t>(trim(text.substr(0, slash)));
  const std::string_view time = slash == std::string_view::npos ? std::string_view{} : trim(text.substr(slash + 1));
  const bool is_unit = !time.empty() && (time[0] < '0' || time[0] > '9');  // "s" is "1s"
  const auto within = parse_duration(fmt::format("{}{}", is_unit ? "1" : "", time));
  if (!count || !within) return failure("\"{}\" is not a number in a time (try 20/s, 300/m, 5/10s)", printable(text));
  if (*count == 0 || *count > kMost) {
    return failure("\"{}\": the number must be from 1 to {} (none: no limit)", printable(text), kMost);
  }
  if (*within <= Duration::zero()) return failure("\"{}\": the time must be longer than nothing", printable(text));
  return NewRate{.count = *count, .within = *within};
}

Result<unsigned> parse_percent(std::string_view text) {
  std::string_view digits = trim(text);
  if (digits.ends_with('%')) digits.remove_suffix(1);
  const auto percent = whole_number<unsigned>(trim(digits));
  if (!percent || *percent < 1 || *percent > 99) {
    return failure("\"{}\" is not a percentage from 1% to 99%", printable(text));
  }
  return *percent;
}

Result<std::chrono::year_month_day> parse_date(std::string_view text) {
  const auto wrong = [&] { return failure("\"{}\" is not a date (try 2026-12-31)", printable(text)); };
  constexpr std::size_t kLength = std::string_view{"2026-12-31"}.size();
  if (text.size() != kLength || text[4] != '-' || text[7] != '-') return wrong();
  const auto year = whole_number<int>(text.substr(0, 4));
  const auto month = whole_number<unsigned>(text.substr(5, 2));
  const auto day = whole_number<unsigned>(text.substr(8, 2));
  if (!year || !month || !day) return wrong();
  const std::chrono::year_month_day date{std::chrono::year{*year}, std::chrono::month{*month}, std::chrono::day{*day}};
  if (!date.ok()) return wrong();
  return date;
}

Result<std::uint64_t> parse_limit(std::string_view text) {
  if (trim(text).empty() || text == "none") return std::uint64_t{0};
  return parse_bytes(text);
}

Result<std::uint64_t> parse_rate_limit(std::string_view text) {
  if (text == "none") return std::uint64_t{0};
  auto rate = parse_rate(text);
  if (rate && *rate == 0) return failure("\"{}\" lets nothing through (none: no limit)", printable(text));
  return rate;
}

Result<std::string> parse_host(std::string_view text) {
  if (!is_host(text)) return failure("\"{}\" is not a host (try 127.0.0.1 or db.example.net)", printable(text));
  return std::string{text};
}

}  // namespace tidegate
