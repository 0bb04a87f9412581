// A quota of the file; see quota.h.
#include "config/quota.h"

#include <algorithm>

#include "base/units.h"

namespace tidegate {
namespace {

void read_day(const Value& value, QuotaSettings& quota) {
  std::uint32_t day = quota.day;
  read_number(value, 1, 31, day);
  quota.day = day;
}

void read_until(const Value& value, QuotaSettings& quota) {
  std::chrono::year_month_day date;
  if (value.read(date, parse_date)) quota.until = date;
}

void read_warn(const Value& value, QuotaSettings& quota) {
  for (const Value& item : value.items(Value::Empty::allowed)) {
    unsigned percent = 0;
    if (!item.read(percent, parse_percent)) continue;
    if (std::ranges::find(quota.warn, percent) != quota.warn.end()) {
      item.fail(fmt::format("{}% stands here twice", percent));
      continue;
    }
    quota.warn.push_back(percent);
  }
  std::ranges::sort(quota.warn);
}

constexpr Key<QuotaSettings> kQuotaKeys[] = {
    {"bytes", [](const Value& value, QuotaSettings& quota) { value.read(quota.bytes, parse_bytes); }},
    {"group", [](const Value& value, QuotaSettings& quota) { read_name(value, quota.group); }},
    {"every", [](const Value& value, QuotaSettings& quota) { value.read(quota.every, parse_quota_period); }},
    {"from", [](const Value& value, QuotaSettings& quota) { value.read(quota.weekday, parse_weekday); }},
    {"day", read_day},
    {"zone", [](const Value& value, QuotaSettings& quota) { read_name(value, quota.zone); }},
    {"until", read_until},
    {"count", [](const Value& value, QuotaSettings& quota) { value.read(quota.count, parse_quota_count); }},
    {"action", [](const Value& value, QuotaSettings& quota) { value.read(quota.action, parse_limit_action); }},
    {"to", [](const Value& value, QuotaSettings& quota) { read_throttle(value, quota.throttle); }},
    {"warn", read_warn},
};

}  // namespace

void read_quota(const Value& value, QuotaSettings& into) {
  read_map(value, kQuotaKeys, into);
  if (value.gives("from") && into.every != QuotaPeriod::week) value.fail_at("from", "goes only with \"every: week\"");
  if (value.gives("day") && into.every != QuotaPeriod::month) value.fail_at("day", "goes only with \"every: month\"");
  if (!value.gives("group") || value.gives("bytes")) return;
  // The group has its own number of bytes, and the rest that goes with it.
  for (const Key<QuotaSettings>& key : kQuotaKeys) {
    if (key.name != "group" && value.gives(key.name)) value.fail_at(key.name, "goes only with \"bytes\"");
  }
}

std::vector<std::string> quota_keys() {
  std::vector<std::string> keys;
  append_keys(keys, "", names_of(kQuotaKeys));
  return keys;
}

}  // namespace tidegate
