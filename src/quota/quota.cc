#include "quota/quota.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace tidegate {

namespace {

__extension__ using Wide = unsigned __int128;

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
constexpr unsigned kAll = 100;  // per cent: the limit itself

std::uint64_t sum(std::uint64_t a, std::uint64_t b) { return a > kMost - b ? kMost : a + b; }

bool same_periods(const QuotaSettings& a, const QuotaSettings& b) {
  return a.every == b.every && a.zone == b.zone && (a.every != QuotaPeriod::week || a.weekday == b.weekday) &&
         (a.every != QuotaPeriod::month || a.day == b.day);
}

}  // namespace

Quota::Quota(QuotaSettings settings, Zone zone, WallTime now, const QuotaState& state)
    : settings_{std::move(settings)}, zone_{std::move(zone)} {
  // By its start, or by its name where the clocks of the zone were changed meanwhile.
  Period present = period_at(settings_, zone_, now);
  Period saved = period_at(settings_, zone_, state.start);
  if (saved.label != state.label) saved = present;
  const bool fits = saved.label == state.label;
  begin(fits ? std::move(saved) : std::move(present));
  if (fits) {
    upload_ = state.upload;
    download_ = state.download;
    raised_ = state.raised;
    told_ = state.told;
  }
  ended_ = settings_.every == QuotaPeriod::none && period_.end && now >= *period_.end;
}

void Quota::begin(Period period) {
  period_ = std::move(period);
  upload_ = download_ = raised_ = 0;
  told_ = 0;
}

std::vector<QuotaEvent> Quota::add(std::uint64_t upload, std::uint64_t download, WallTime now) {
  auto events = advance(now);
  upload_ = sum(upload_, upload);
  download_ = sum(download_, download);
  tell(events);
  return events;
}

std::vector<QuotaEvent> Quota::advance(WallTime now) {
  std::vector<QuotaEvent> events;
  if (period_.end && now >= *period_.end) {
    if (settings_.every != QuotaPeriod::none) {
      begin(period_at(settings_, zone_, now));
      events.push_back({.kind = QuotaEvent::Kind::period_began});
    } else if (!ended_) {
      ended_ = true;
      events.push_back({.kind = QuotaEvent::Kind::ended});
    }
  }
  tell(events);
  return events;
}

void Quota::tell(std::vector<QuotaEvent>& events) {
  if (ended_) return;
  for (const unsigned percent : settings_.warn) {
    if (percent <= told_ || !reaches(percent)) continue;
    events.push_back({.kind = QuotaEvent::Kind::warned, .percent = percent});
    told_ = percent;
  }
  if (told_ < kAll && reaches(kAll)) {
    events.push_back({.kind = QuotaEvent::Kind::reached});
    told_ = kAll;
  }
}

bool Quota::reaches(unsigned percent) const { return Wide{used()} * kAll >= Wide{limit()} * percent; }

unsigned Quota::level() const {
  if (reaches(kAll)) return kAll;
  unsigned level = 0;
  for (const unsigned percent : settings_.warn) {
    if (reaches(percent)) level = percent;
  }
  return level;
}

std::uint64_t Quota::used() const {
  switch (settings_.count) {
    case QuotaCount::sum:
      break;
    case QuotaCount::upload:
      return upload_;
    case QuotaCount::download:
      return download_;
    case QuotaCount::larger:
      return std::max(upload_, download_);
  }
  return sum(upload_, download_);
}

std::uint64_t Quota::limit() const { return sum(settings_.bytes, raised_); }

std::uint64_t Quota::left() const {
  if (!limits()) return kMost;
  return limit() - std::min(limit(), used());
}

void Quota::reset() {
  upload_ = download_ = 0;
  told_ = 0;
}

void Quota::raise(std::uint64_t bytes) {
  raised_ = sum(raised_, bytes);
  told_ = std::min(told_, level());
}

void Quota::reconfigure(QuotaSettings settings, Zone zone, WallTime now) {
  QuotaState kept = state();
  if (!same_periods(settings, settings_)) kept = {};
  *this = Quota{std::move(settings), std::move(zone), now, kept};
  told_ = std::min(told_, level());
}

QuotaState Quota::state() const {
  return {.label = period_.label,
          .start = period_.start,
          .upload = upload_,
          .download = download_,
          .raised = raised_,
          .told = told_};
}

}  // namespace tidegate
