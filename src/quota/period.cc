#include "quota/period.h"

#include <fmt/format.h>

#include <algorithm>

namespace tidegate {

namespace {

using std::chrono::days;
using std::chrono::local_days;
using std::chrono::year_month;
using std::chrono::year_month_day;

// The local time at which a period begins, and that of its `next`: the calendar without zones.
struct Calendar {
  const QuotaSettings& settings;

  [[nodiscard]] local_days first_day(year_month month) const {
    const auto last = month / std::chrono::last;
    return local_days{month / std::min(std::chrono::day{settings.day}, last.day())};
  }

  [[nodiscard]] LocalTime begin(LocalTime time) const {
    const auto today = std::chrono::floor<days>(time);
    switch (settings.every) {
      case QuotaPeriod::none:
        break;
      case QuotaPeriod::hour:
        return std::chrono::floor<std::chrono::hours>(time);
      case QuotaPeriod::day:
        return today;
      case QuotaPeriod::week:
        return today - (std::chrono::weekday{today} - std::chrono::weekday{settings.weekday + 1});
      case QuotaPeriod::month: {
        const year_month_day date{today};
        const year_month month = date.year() / date.month();
        const auto first = first_day(month);
        return first <= today ? first : first_day(month - std::chrono::months{1});
      }
    }
    return LocalTime{};
  }

  [[nodiscard]] LocalTime next(LocalTime begun) const {
    switch (settings.every) {
      case QuotaPeriod::none:
        break;
      case QuotaPeriod::hour:
        return begun + std::chrono::hours{1};
      case QuotaPeriod::day:
        return begun + days{1};
      case QuotaPeriod::week:
        return begun + days{7};
      case QuotaPeriod::month: {
        const year_month_day date{std::chrono::floor<days>(begun)};
        return first_day(date.year() / date.month() + std::chrono::months{1});
      }
    }
    return LocalTime::max();
  }

  [[nodiscard]] std::string label(LocalTime begun) const {
    const auto day = std::chrono::floor<days>(begun);
    const year_month_day date{day};
    std::string text = fmt::format("{:04}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()));
    if (settings.every == QuotaPeriod::month) return text;
    text += fmt::format("-{:02}", static_cast<unsigned>(date.day()));
    if (settings.every != QuotaPeriod::hour) return text;
    return text + fmt::format("T{:02}", std::chrono::floor<std::chrono::hours>(begun - day).count());
  }
};

Period all_time(const QuotaSettings& settings, const Zone& zone) {
  Period period{.label = "all", .start = WallTime{}, .end = std::nullopt};
  if (settings.until) period.end = zone.to_sys(local_days{*settings.until} + days{1});
  return period;
}

}  // namespace

Period period_at(const QuotaSettings& settings, const Zone& zone, WallTime time) {
  if (settings.every == QuotaPeriod::none) return all_time(settings, zone);

  // Clocks put back over the end of a period show it again after the next one has begun; that does not end it.
  const Calendar calendar{settings};
  LocalTime begun = calendar.begin(zone.to_local(time));
  WallTime start = zone.to_sys(begun);
  LocalTime next = calendar.next(begun);
  WallTime end = zone.to_sys(next);
  while (end <= time) {
    begun = next;
    start = end;
    next = calendar.next(begun);
    end = zone.to_sys(next);
  }
  return {.label = calendar.label(begun), .start = start, .end = end};
}

Period period_at(QuotaPeriod every, const Zone& zone, WallTime time) {
  QuotaSettings settings;
  settings.every = every;
  return period_at(settings, zone, time);
}

}  // namespace tidegate
