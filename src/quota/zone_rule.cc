#include "quota/zone_rule.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace tidegate {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using std::chrono::sys_days;
using std::chrono::sys_seconds;

// Reads a rule from left to right. After the first thing that does not fit, ok() is false and nothing more is read.
class ZoneRuleReader {
 public:
  explicit ZoneRuleReader(std::string_view text) : rest_{text} {}

  ZoneRule rule() {
    ZoneRule rule;
    name();
    rule.offset_ = -time(kMostOffset);
    if (!ok_ || rest_.empty()) return rule;

    ZoneRule::Summer summer{.offset = rule.offset_ + hours{1}, .begin = {}, .end = {}};
    name();
    if (!rest_.empty() && rest_.front() != ',') summer.offset = -time(kMostOffset);
    if (ok_ && rest_.empty()) rest_ = ",M3.2.0,M11.1.0";  // POSIX leaves it open; the C library takes this
    expect(',');
    summer.begin = change();
    expect(',');
    summer.end = change();
    rule.summer_ = summer;
    return rule;
  }

  [[nodiscard]] bool ok() const { return ok_ && rest_.empty(); }

 private:
  static constexpr unsigned kMostOffset = 24;  // hours
  static constexpr unsigned kMostTime = 167;   // hours, RFC 8536

  static bool is_digit(char c) { return c >= '0' && c <= '9'; }
  static bool is_letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

  bool take(char c) {
    if (!ok_ || rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  void expect(char c) {
    if (!take(c)) ok_ = false;
  }

  // "CET", "<+0330>"
  void name() {
    const bool quoted = take('<');
    const auto is_name = [quoted](char c) { return is_letter(c) || (quoted && (is_digit(c) || c == '+' || c == '-')); };
    const auto length = static_cast<std::size_t>(std::ranges::find_if_not(rest_, is_name) - rest_.begin());
    if (length < 3) ok_ = false;
    rest_.remove_prefix(length);
    if (quoted) expect('>');
  }

  unsigned number(unsigned least, unsigned most) {
    unsigned value = 0;
    bool any = false;
    while (ok_ && !rest_.empty() && is_digit(rest_.front()) && value <= most) {
      value = value * 10 + static_cast<unsigned>(rest_.front() - '0');
      rest_.remove_prefix(1);
      any = true;
    }
    if (!any || value < least || value > most) ok_ = false;
    return ok_ ? value : least;
  }

  // "1", "-3:30", "+5:45:10"
  seconds time(unsigned most_hours) {
    const bool negative = take('-');
    if (!negative) take('+');
    seconds value = hours{number(0, most_hours)};
    if (take(':')) {
      value += minutes{number(0, 59)};
      if (take(':')) value += seconds{number(0, 59)};
    }
    return negative ? -value : value;
  }

  // "J60", "59", "M3.5.0", each with "/TIME" or without
  ZoneRule::Change change() {
    ZoneRule::Change change;
    if (take('M')) {
      change.month = number(1, 12);
      expect('.');
      change.week = number(1, 5);
      expect('.');
      change.day = number(0, 6);
    } else if (take('J')) {
      change.form = ZoneRule::Form::julian;
      change.day = number(1, 365);
    } else {
      change.form = ZoneRule::Form::day;
      change.day = number(0, 365);
    }
    if (take('/')) change.time = time(kMostTime);
    return change;
  }

  std::string_view rest_;
  bool ok_ = true;
};

sys_seconds ZoneRule::Change::in(std::chrono::year year) const {
  const sys_days first = year / std::chrono::January / 1;
  sys_days date = first + days{day};
  if (form == Form::julian) {
    constexpr unsigned kFirstOfMarch = 60;
    if (day < kFirstOfMarch || !year.is_leap()) date -= days{1};
  } else if (form == Form::weekday) {
    const std::chrono::weekday weekday{day};
    const auto of_month = year / std::chrono::month{month};
    date = week == 5 ? sys_days{of_month / weekday[std::chrono::last]} : sys_days{of_month / weekday[week]};
  }
  return date + time;
}

ZoneStretch ZoneRule::stretch_at(sys_seconds time) const {
  if (!summer_) return {.end = sys_seconds::max(), .offset = offset_};

  // A change may lie a week outside its year, hence the years around. Of two at one moment the later in this order
  // counts: a summer that ends when the next begins is summer all year.
  const std::chrono::year_month_day date{std::chrono::floor<days>(time + offset_)};
  std::array<ZoneTransition, 10> changes;
  auto next = changes.begin();
  for (int years = -2; years <= 2; ++years) {
    const auto year = date.year() + std::chrono::years{years};
    *next++ = {.at = summer_->begin.in(year)-offset_, .offset = summer_->offset};
    *next++ = {.at = summer_->end.in(year)-summer_->offset, .offset = offset_};
  }
  std::ranges::stable_sort(changes, {}, &ZoneTransition::at);
  const auto after = std::ranges::upper_bound(changes, time, {}, &ZoneTransition::at);
  return {.end = after->at, .offset = std::prev(after)->offset};
}

Result<ZoneRule> ZoneRule::parse(std::string_view text) {
  ZoneRuleReader reader{text};
  const ZoneRule rule = reader.rule();
  if (!reader.ok()) return failure("\"{}\" is not the rule of a time zone", printable(text.substr(0, 80)));
  return rule;
}

}  // namespace tidegate
