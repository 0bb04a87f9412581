#include "quota/usage.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "quota/period.h"

namespace tidegate {

namespace {

void add_to(UsageBucket& bucket, const ForwardTotals& delta) {
  bucket.upload += delta.upload;
  bucket.download += delta.download;
  bucket.connections += delta.connections;
  bucket.sessions += delta.sessions;
  bucket.errors += delta.errors;
}

bool shows_in_history(const ForwardTotals& delta) {
  UsageBucket bucket;
  add_to(bucket, delta);
  return bucket != UsageBucket{};
}

}  // namespace

Usage::Usage(const ForwardTotals& totals, std::vector<UsageBucket> saved) : totals_{totals} {
  std::ranges::stable_sort(saved, {}, &UsageBucket::label);
  for (Series& series : series_) {
    for (const UsageBucket& bucket : saved) {
      if (bucket.period != series.period) continue;
      if (!series.entries.empty() && series.entries.back().bucket.label == bucket.label) series.entries.pop_back();
      series.append(bucket);
    }
  }
}

void Usage::Series::append(UsageBucket bucket) {
  entries.push_back({.bucket = std::move(bucket)});
  if (entries.size() <= most) return;
  if (entries.front().changed) --changes;
  entries.pop_front();
}

void Usage::Series::mark(Entry& entry) {
  if (!std::exchange(entry.changed, true)) ++changes;
}

void Usage::Series::take_changes(std::vector<UsageBucket>& buckets) {
  // What changed is nearly always the newest.
  for (auto entry = entries.rbegin(); changes > 0; ++entry) {
    if (!std::exchange(entry->changed, false)) continue;
    buckets.push_back(entry->bucket);
    --changes;
  }
}

void Usage::add(const ForwardTotals& delta, WallTime now, const Zone& zone) {
  totals_ += delta;
  if (!shows_in_history(delta)) return;
  if (now >= hour_ends_) open(now, zone);
  for (Series& series : series_) {
    Entry& newest = series.entries.back();
    add_to(newest.bucket, delta);
    series.mark(newest);
  }
}

void Usage::open(WallTime now, const Zone& zone) {
  for (Series& series : series_) {
    Period period = period_at(series.period, zone, now);
    if (series.period == QuotaPeriod::hour) hour_ends_ = *period.end;
    if (!series.entries.empty() && period.label <= series.entries.back().bucket.label) continue;
    series.append({.period = series.period, .label = std::move(period.label)});
  }
}

std::vector<UsageBucket> Usage::changed() {
  std::vector<UsageBucket> buckets;
  for (Series& series : series_) series.take_changes(buckets);
  return buckets;
}

void Usage::not_saved(std::span<const UsageBucket> buckets) {
  for (const UsageBucket& bucket : buckets) {
    for (Series& series : series_) {
      if (series.period != bucket.period) continue;
      const auto entry = std::ranges::lower_bound(series.entries, bucket.label, {}, &Entry::label);
      if (entry != series.entries.end() && entry->label() == bucket.label) series.mark(*entry);
    }
  }
}

const Usage::Series& Usage::series(QuotaPeriod period) const {
  const auto found = std::ranges::find(series_, period, &Series::period);
  TIDEGATE_CHECK(found != series_.end());
  return *found;
}

std::vector<UsageBucket> Usage::list(QuotaPeriod period) const {
  const auto& entries = series(period).entries;
  std::vector<UsageBucket> buckets;
  buckets.reserve(entries.size());
  for (const Entry& entry : entries) buckets.push_back(entry.bucket);
  return buckets;
}

Usage::Month Usage::month(WallTime now, const Zone& zone) const {
  const auto& months = series(QuotaPeriod::month).entries;
  if (months.empty() || months.back().label() < period_at(QuotaPeriod::month, zone, now).label) return {};
  return {.upload = months.back().bucket.upload, .download = months.back().bucket.download};
}

}  // namespace tidegate
