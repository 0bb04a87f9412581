// What must hold of one quota; see validate.h.
#include "base/text.h"
#include "config/validate.h"

namespace tidegate {
namespace {

// As in "Europe/Berlin", "Etc/GMT+5". Whether there is such a zone is for the host to say.
bool is_zone(std::string_view text) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-/";
  constexpr std::size_t kMost = 64;
  return text.size() <= kMost && !text.starts_with('/') && !text.ends_with('/') && !text.contains("//") &&
         text.find_first_not_of(kAllowed) == std::string_view::npos;
}

}  // namespace

void validate_quota(const std::string& path, const QuotaSettings& quota, Problems& problems) {
  const auto add = [&](std::string_view key, std::string what) { problems.add(path_to(path, key), std::move(what)); };
  const bool throttles = quota.action == LimitAction::throttle;
  validate_name(path_to(path, "group"), quota.group, problems);
  if (throttles && quota.throttle == 0) add("action", "\"throttle\" needs a rate (to: 1Mbit/s)");
  if (!throttles && quota.throttle != 0) add("to", "goes only with \"action: throttle\"");
  if (quota.weekday > 6) add("from", fmt::format("{} is no day of the week", quota.weekday));
  if (quota.day < 1 || quota.day > 31) add("day", fmt::format("{} is no day of a month", quota.day));
  if (!is_zone(quota.zone)) {
    add("zone", fmt::format("\"{}\" is not the name of a time zone (try Europe/Berlin)", printable(quota.zone)));
  }
  if (quota.until && !quota.until->ok()) add("until", "is not a date");
  if (quota.until && quota.every != QuotaPeriod::none) {
    add("until", fmt::format("goes only with \"every: none\", not with {}", to_string(quota.every)));
  }
  for (std::size_t i = 0; i < quota.warn.size(); ++i) {
    if (quota.warn[i] < 1 || quota.warn[i] > 99) add("warn", fmt::format("{}% is not from 1% to 99%", quota.warn[i]));
    if (i > 0 && quota.warn[i] <= quota.warn[i - 1]) add("warn", "must rise from one to the next");
  }
}

}  // namespace tidegate
